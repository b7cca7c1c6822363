// What the suite `kms` is told on its command line.

import { flagsOf, whole } from './words.ts';

export interface KmsBenchOptions {
  /** Of each measurement, after its warm-up. */
  readonly seconds: number;
  readonly rounds: number;
  /** Calls after which memory is measured, at least. */
  readonly calls: number;
}

export const kmsBenchUsage = `Usage: npm run bench -- kms [options]

  Starts the bundle of the KMS plugin over a key ring, held to one core, loads it
  from another one, and prints calls/s, p50, p99 and memory of Encrypt, Decrypt
  and Status, beside a Go server that only echoes, with the same messages, socket
  and load. It needs Go, for that server and for the load.

      $ npm run bench -- kms
      $ npm run bench -- kms -seconds=2 -rounds=1

  -seconds=S         Length of a measurement after its warm-up; 5 by default
  -rounds=N          Measurements of each point in turns; the median counts.
                     3 by default
  -calls=N           Calls before memory is measured; a million by default
`;

/** Throws Fault `usage` in a sentence. */
export function kmsBenchOptions(words: readonly string[]): KmsBenchOptions {
  const text = { type: 'string' } as const;
  const { seconds = '5', rounds = '3', calls = '1000000' } = flagsOf(words, { seconds: text, rounds: text, calls: text });
  return { seconds: whole('-seconds', seconds, 600), rounds: whole('-rounds', rounds, 99), calls: whole('-calls', calls, 1e9) };
}
