// What the suite `kms` is told on its command line.

import { parseArgs } from 'node:util';
import { Fault } from '../src/base/fault.ts';

export interface KmsBenchOptions {
  /** Of each measurement, after its warm-up. */
  readonly seconds: number;
  readonly rounds: number;
}

export const kmsBenchUsage = `Usage: npm run bench -- kms [options]

  Starts the KMS plugin over a key ring, held to one core, loads it from another
  one, and prints calls/s, p50, p99 and memory of Encrypt, Decrypt and Status,
  beside a Go server that only echoes, with the same messages, socket and load.
  It needs Go, for that server and for the load.

      $ npm run bench -- kms
      $ npm run bench -- kms -seconds=2 -rounds=1

  -seconds=S         Length of a measurement after its warm-up; 5 by default
  -rounds=N          Measurements of each point in turns; the median counts.
                     3 by default
`;

const text = { type: 'string' } as const;

/** Throws Fault `usage` in a sentence. */
export function kmsBenchOptions(words: readonly string[]): KmsBenchOptions {
  const { seconds, rounds } = flagsOf(words);
  return { seconds: number('-seconds', seconds ?? '5', 600), rounds: number('-rounds', rounds ?? '3', 99) };
}

/** Go's flags begin with one dash or two. */
function flagsOf(words: readonly string[]) {
  try {
    return parseArgs({ args: words.map((word) => word.replace(/^-(?=[a-z])/, '--')), options: { seconds: text, rounds: text } }).values;
  } catch (thrown) {
    throw new Fault('usage', (thrown as Error).message, { cause: thrown });
  }
}

function number(name: string, given: string, most: number): number {
  if (!/^[1-9]\d{0,2}$/.test(given) || Number(given) > most)
    throw new Fault('usage', `${name} takes whole numbers from 1 to ${most}, not ${JSON.stringify(given)}`);
  return Number(given);
}
