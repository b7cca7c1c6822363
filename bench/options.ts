// What a benchmark is told on its command line.

import { Fault } from '../src/base/fault.ts';
import { flagsOf, oneOf, whole } from './words.ts';
import { type WorkloadName, workloadNames } from './workloads.ts';

export interface ServerBenchOptions {
  readonly connections: readonly number[];
  /** Of each measurement, after its warm-up. */
  readonly seconds: number;
  /** Measurements of each point, the servers taking turns; the median counts. */
  readonly rounds: number;
  readonly workloads: readonly WorkloadName[];
  /** undefined: both, or what the peer has. */
  readonly audit: 'off' | 'file' | 'both' | undefined;
  readonly cache: boolean;
  readonly peer: { readonly url: string; readonly token: string; readonly name: string } | undefined;
  readonly allowRemote: boolean;
  /** Measures starts over so many secrets, and nothing else. */
  readonly startup: number | undefined;
  readonly profiles: string | undefined;
  readonly format: 'table' | 'json';
}

export const serverBenchUsage = `Usage: npm run bench -- [server] [options]

  Starts Casemate on LMDB with fsync, held to one core, loads it from another
  one, and prints requests/s, p50, p99 and memory for KV v2 reads, KV v2 writes,
  token lookup-self, AppRole logins, transit encryption, and wrapping with
  unwrapping, beside a bare node:http server that gives the same answers. With -peer the same work is done on another server in turns.

      $ npm run bench
      $ npm run bench -- -connections=16 -seconds=2 -only=read,lookup -audit=off
      $ npm run bench -- -startup
      $ npm run bench -- -peer=http://127.0.0.1:8200 -peer-token=root -peer-name=OpenBao

  A peer is started by you, and held to the core that the first line of the
  output names (taskset -c 0 ...). It is left as it was found. Casemate runs
  with the audit file when the peer has an audit device, and without otherwise.

  -connections=N,N   Connections, one measurement for each; 1,16,64 by default
  -seconds=S         Length of a measurement after its warm-up; 5 by default
  -rounds=N          Measurements of each point in turns; the median counts.
                     1 by default, 3 with a peer
  -only=NAME,NAME    Which of read, write, lookup, login (AppRole), encrypt
                     and batch (transit), wrap; all by default
  -audit=MODE        off, file or both; both by default, with a peer what it has
  -no-cache          Casemate keeps nothing decrypted in memory
  -peer=URL          Another server that speaks the API
  -peer-token=TOKEN  A token of the peer that may mount and create policies
  -peer-name=NAME    What the table calls it; peer by default
  -allow-remote      The peer may be another machine
  -startup           Measures instead how soon a start answers with secrets stored
  -secrets=N         How many secrets -startup stores; 100000 by default
  -profile=FOLDER    Writes CPU profiles of Casemate there, one for each process
  -format=FORMAT     table or json; table by default
`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const known = {
  connections: text,
  seconds: text,
  rounds: text,
  only: text,
  audit: text,
  'no-cache': flag,
  peer: text,
  'peer-token': text,
  'peer-name': text,
  'allow-remote': flag,
  startup: flag,
  secrets: text,
  profile: text,
  format: text,
} as const;

/** Throws Fault `usage` in a sentence. */
export function serverBenchOptions(words: readonly string[]): ServerBenchOptions {
  const given = flagsOf(words, known);
  const peer = peerOf(given);
  return {
    connections: (given.connections ?? '1,16,64').split(',').map((count) => whole('-connections', count, 10_000)),
    seconds: seconds(given.seconds ?? '5'),
    rounds: given.rounds === undefined ? (peer === undefined ? 1 : 3) : whole('-rounds', given.rounds, 1_000),
    workloads: (given.only ?? workloadNames.join(',')).split(',').map((name) => oneOf('-only', name, workloadNames)),
    audit: given.audit === undefined ? undefined : oneOf('-audit', given.audit, ['off', 'file', 'both']),
    cache: given['no-cache'] !== true,
    peer,
    allowRemote: given['allow-remote'] === true,
    startup: given.startup === true ? whole('-secrets', given.secrets ?? '100000', 10_000_000) : undefined,
    profiles: given.profile,
    format: given.format === undefined ? 'table' : oneOf('-format', given.format, ['table', 'json']),
  };
}

type Given = ReturnType<typeof flagsOf<typeof known>>;

function peerOf(given: Given): ServerBenchOptions['peer'] {
  const { peer: url, 'peer-token': token, 'peer-name': name = 'peer' } = given;
  if (url === undefined && token === undefined) return undefined;
  if (url === undefined || token === undefined) throw new Fault('usage', 'a peer needs both -peer=URL and -peer-token=TOKEN');
  return { url, token, name };
}

function seconds(given: string): number {
  const number = Number(given);
  if (given === '' || !(number >= 0.1 && number <= 3_600))
    throw new Fault('usage', `-seconds takes a number from 0.1 to 3600, not ${JSON.stringify(given)}`);
  return number;
}
