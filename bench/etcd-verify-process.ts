// The process that the suite `etcd` measures: scans an etcd once, and prints what it found, how long it took and what it held in memory.

import { readFileSync } from 'node:fs';
import { openEtcd } from '../src/etcd/verify/etcd-client.ts';
import { scanResources } from '../src/etcd/verify/scan.ts';
import { residentMegabytes } from './memory.ts';

/** One line of JSON on standard output. */
export interface VerifyMeasured {
  readonly objects: number;
  readonly megabytesOfValues: number;
  readonly seconds: number;
  /** Resident set before the scan and at its highest, MB. */
  readonly before: number;
  readonly most: number;
}

const [endpoint = '', ca, cert, key] = process.argv.slice(2);
const tls =
  ca === undefined || cert === undefined || key === undefined
    ? undefined
    : { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
const client = openEtcd({ endpoints: [endpoint], tls });
const { signal } = new AbortController();
// Connects first: how long the certificates take is not the scan's speed.
await client.members(signal);
const resident = (): number => residentMegabytes(process.pid) ?? Number.NaN;
const before = resident();
let most = before;
const begun = performance.now();
const { rows } = await scanResources(
  client,
  { resources: ['secrets'] },
  {
    signal,
    onProgress() {
      most = Math.max(most, resident());
    },
  },
);
const seconds = (performance.now() - begun) / 1_000;
client.close();
const measured: VerifyMeasured = {
  objects: rows.reduce((sum, { objects }) => sum + objects, 0),
  megabytesOfValues: rows.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6,
  ...{ seconds, before, most },
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
