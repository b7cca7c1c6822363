// The suite `etcd`, its part `rewrite`: how soon all Secrets are sealed anew, beside RKE's way and Kubernetes' own StorageVersionMigration.

import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Fault } from '../src/base/fault.ts';
import type { Cluster } from '../test/cluster/fixture/cluster.ts';
import { aescbc, encryptionOf, identity, reload } from '../test/cluster/fixture/encryption.ts';
import { startCluster } from '../test/cluster/fixture/start.ts';
import type { RewriteMeasured, RewriteWay } from './etcd-rewrite-process.ts';

const run = promisify(execFile);

export interface RewriteBenchOptions {
  /** Secrets; 10,000 by default. */
  readonly objects?: number;
  /** Bytes of the value of each; 600 by default. */
  readonly bytes?: number;
  /** Measurements of each way in turns; the median counts. 3 by default. */
  readonly rounds?: number;
  /** Secrets with which memory is measured, once; 100,000 by default, 0 for not at all. */
  readonly memoryObjects?: number;
}

type Way = RewriteWay | 'migration';

interface Found extends RewriteMeasured {
  /** Processor milliseconds of the API server for each object. */
  readonly serverMilliseconds: number;
}

const ways: readonly (readonly [Way, string])[] = [
  ['casemate', 'Casemate'],
  ['rke', 'RKE, not throttled'],
  ['migration', 'StorageVersionMigration'],
];
const leastTimesRke = 3;
const mostMegabytes = 200;
const namespace = 'bench';
/** Of objects that RKE rewrites at five calls a second; the rate is the same with more. */
const throttledObjects = 40;

/** Prints a line for each way as soon as it is measured. Rejects with Fault `unavailable` without the cluster fixture. */
export async function measureRewrite(
  { objects = 10_000, bytes = 600, rounds = 3, memoryObjects = 100_000 }: RewriteBenchOptions,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const cluster = await startCluster({ encryption: encryptionFor(0), controllerManager: true, signal });
  try {
    await cluster.call('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
    const bench: Bench = { cluster, keys: 0, signal };
    await fill(cluster, 0, throttledObjects, bytes);
    const throttled = await measured(bench, 'rke-throttled', throttledObjects);
    await fill(cluster, throttledObjects, objects, bytes);
    // The first one also turns what was filled in into what API servers write, which is another size.
    await measured(bench, 'casemate', objects);
    const found = new Map<Way, Found[]>(ways.map(([way]) => [way, []]));
    for (let round = 0; round < rounds; round++) for (const [way] of ways) found.get(way)?.push(await measured(bench, way, objects));
    write(line(['rewrite', 'objects', 'seconds', 'objects/s', 'server ms', 'own CPU ms', 'RSS MB']));
    const middles = new Map(ways.map(([way]) => [way, middle(found.get(way) ?? [])]));
    for (const [way, title] of ways) write(rowOf(title, middles.get(way) as Found));
    write(rowOf('RKE, as published', throttled));
    const [own, rke, migration] = ways.map(([way]) => rateOf(middles.get(way) as Found)) as [number, number, number];
    const times = own / rateOf(throttled);
    write(verdict(times >= leastTimesRke, `${leastTimesRke} times RKE as published (5 calls/s)`, `${times.toFixed(1)} times`));
    write(verdict(own / rke >= leastTimesRke, `${leastTimesRke} times RKE's way without its throttle`, `${(own / rke).toFixed(2)} times`));
    write(verdict(own >= migration, 'not slower than StorageVersionMigration', `${(own / migration).toFixed(2)} times`));
    if (memoryObjects <= objects) return;
    await fill(cluster, objects, memoryObjects, bytes);
    const large = await measured(bench, 'casemate', memoryObjects);
    write(rowOf('Casemate', large));
    const most = large.most ?? Number.NaN;
    write(verdict(most < mostMegabytes, `memory below ${mostMegabytes} MB with ${count(memoryObjects)} objects`, `${most.toFixed(0)} MB`));
  } finally {
    await cluster.stop();
  }
}

interface Bench {
  readonly cluster: Cluster;
  keys: number;
  readonly signal: AbortSignal;
}

function encryptionFor(key: number): string {
  const older = key === 0 ? [] : [`k${key - 1}`];
  return encryptionOf([aescbc(`k${key}`, ...older), identity]);
}

/** With a new key in front each time. Throws Fault `corrupted` when not every Secret carries it afterwards. */
async function measured(bench: Bench, way: Way, objects: number): Promise<Found> {
  const { cluster, signal } = bench;
  signal.throwIfAborted();
  const [server] = cluster.servers;
  bench.keys++;
  await reload(server, encryptionFor(bench.keys));
  const before = cpuOf(server.pid());
  const result = way === 'migration' ? await migrate(cluster, objects, signal) : await inProcess(way, cluster, signal);
  const serverMilliseconds = (cpuOf(server.pid()) - before) / objects;
  await checkKeys(cluster, `k8s:enc:aescbc:v1:k${bench.keys}:`);
  return { ...result, objects, serverMilliseconds };
}

/** With the flag of bin/casemate, so that memory is what users see. */
async function inProcess(way: RewriteWay, { kubeconfig }: Cluster, signal: AbortSignal): Promise<RewriteMeasured> {
  const { stdout } = await run(
    process.execPath,
    ['--max-semi-space-size=8', join(import.meta.dirname, 'etcd-rewrite-process.ts'), way, kubeconfig],
    { signal },
  );
  return JSON.parse(stdout) as RewriteMeasured;
}

const migrations = '/apis/storagemigration.k8s.io/v1/storageversionmigrations';

async function migrate({ call }: Cluster, objects: number, signal: AbortSignal): Promise<RewriteMeasured> {
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const begun = performance.now();
  const body = { metadata: { name }, spec: { resource: { group: '', resource: 'secrets' } } };
  const created = await call('POST', migrations, { body });
  if (created.status !== 201) throw new Fault('unavailable', `the StorageVersionMigration could not be made: ${created.text.trim()}`);
  for (;;) {
    const { body: migration } = await call('GET', `${migrations}/${name}`);
    const conditions: readonly { readonly type: string; readonly status: string; readonly message?: string }[] =
      migration.status?.conditions ?? [];
    const isTrue = (type: string) => conditions.find((condition) => condition.type === type && condition.status === 'True');
    if (isTrue('Succeeded') !== undefined) break;
    const failed = isTrue('Failed');
    if (failed !== undefined) throw new Fault('unavailable', `the StorageVersionMigration failed: ${failed.message ?? ''}`);
    await delay(100, undefined, { signal });
  }
  return { objects, seconds: (performance.now() - begun) / 1_000, busy: Number.NaN, most: undefined };
}

/** Straight into etcd, as JSON, which API servers read: through one of them it would take as long as the measurements. */
async function fill({ etcd }: Cluster, from: number, to: number, bytes: number): Promise<void> {
  const batch = 100;
  for (let start = from; start < to; start += batch) {
    const success = Array.from({ length: Math.min(batch, to - start) }, (_, index) => {
      const name = `s-${String(start + index).padStart(7, '0')}`;
      const value = JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Secret', type: 'Opaque' },
        metadata: { name, namespace, uid: randomUUID(), creationTimestamp: '2026-01-01T00:00:00Z' },
        data: { password: randomBytes(bytes).toString('base64') },
      });
      return { request_put: { key: base64(`/registry/secrets/${namespace}/${name}`), value: base64(value) } };
    });
    await etcd.call('kv/txn', { success });
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

async function checkKeys({ etcd }: Cluster, beginning: string): Promise<void> {
  // In pieces: all of them would be one long string.
  for (let after = `/registry/secrets/${namespace}/`; ; ) {
    const body = { key: base64(`${after}\0`), range_end: base64(`/registry/secrets/${namespace}0`), limit: 2_000 };
    const { kvs = [] }: { readonly kvs?: readonly { readonly key: string; readonly value: string }[] } = await etcd.call('kv/range', body);
    for (const { key, value } of kvs) {
      after = Buffer.from(key, 'base64').toString();
      if (!Buffer.from(value.slice(0, 64), 'base64').toString('latin1').startsWith(beginning))
        throw new Fault('corrupted', `${after} does not carry the new key after the rewrite: the figure would be worth nothing`);
    }
    if (kvs.length < 2_000) return;
  }
}

/** Processor milliseconds since its start; a busy machine does not change them much, unlike seconds. */
function cpuOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime and stime, in ticks of a hundredth (proc_pid_stat(5)).
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function rateOf({ objects, seconds }: RewriteMeasured): number {
  return objects / seconds;
}

function rowOf(title: string, found: Found): string {
  const own = Number.isNaN(found.busy) ? '-' : ((found.busy * 1_000) / found.objects).toFixed(2);
  const rate = rateOf(found);
  const cells = [title, count(found.objects), found.seconds.toFixed(1), rate < 20 ? rate.toFixed(1) : count(rate)];
  return line([...cells, found.serverMilliseconds.toFixed(2), own, found.most === undefined ? '-' : found.most.toFixed(0)]);
}

const widths = [-24, 8, 8, 10, 10, 11, 7] as const;

function line(cells: readonly string[]): string {
  return `${cells.map((cell, at) => ((widths[at] ?? 0) < 0 ? cell.padEnd(-(widths[at] ?? 0)) : cell.padStart(widths[at] ?? 0))).join(' ')}\n`;
}

function verdict(holds: boolean, floor: string, measuredAs: string): string {
  return `${holds ? 'holds ' : 'MISSED'} ${floor} (measured ${measuredAs})\n`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function middle(values: readonly Found[]): Found {
  return values.toSorted((one, other) => one.seconds - other.seconds)[Math.floor(values.length / 2)] as Found;
}
