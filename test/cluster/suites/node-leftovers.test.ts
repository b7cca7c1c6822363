// What is left on the machine when a node has ended, and when the process that owned it was killed: nothing.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OwnedCluster } from '../fixture/killed-owner.ts';
import { startCluster } from '../fixture/start.ts';
import { processesOf, tracesOnMachine } from '../fixture/traces.ts';
import { until } from '../fixture/waiting.ts';
import type { NodeCluster } from '../node/start.ts';
import { apply, namespaceForPods, outputOf, podOf, podReady } from '../node/workloads.ts';

const program = join(import.meta.dirname, '../fixture/killed-owner.ts');
/** Where a node's programs write unless they are kept from it. */
const watched = [
  '/run',
  '/run/netns',
  '/run/containerd',
  '/var/lib',
  '/var/lib/cni',
  '/var/lib/kubelet',
  '/var/log',
  '/etc',
  '/etc/cni',
  '/opt',
];
let nest: string;

beforeAll(() => {
  nest = mkdtempSync(join(tmpdir(), 'casemate-nest-'));
});
afterAll(() => rmSync(nest, { recursive: true, force: true }));

type Machine = Readonly<Record<string, readonly string[]>>;

/** Other test runs on the same machine have clusters of their own, and theirs are not looked at. */
function machine(): Machine {
  const files = watched.flatMap((folder) => (existsSync(folder) ? [folder, ...readdirSync(folder).map((name) => join(folder, name))] : []));
  const kinds = Object.entries({ ...tracesOnMachine(), files });
  return Object.fromEntries(kinds.map(([kind, lines]) => [kind, lines.filter((line) => !line.includes('casemate-cluster-'))]));
}

/** What has come to the machine. Control groups in which something lives are other programs': what was a node's is empty. */
function addedSince(before: Machine): readonly string[] {
  return Object.entries(machine())
    .flatMap(([kind, lines]) => lines.filter((line) => before[kind]?.includes(line) !== true))
    .filter((line) => !line.startsWith('/sys/fs/cgroup/') || !isInhabited(line));
}

function isInhabited(cgroup: string): boolean {
  return existsSync(cgroup) && readFileSync(join(cgroup, 'cgroup.procs'), 'utf8') !== '';
}

function tracesOf(folder: string): readonly string[] {
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  return Object.values(tracesOnMachine()).flatMap((lines: readonly string[]) => lines.filter((line) => line.includes(name)));
}

async function withRedis(cluster: NodeCluster): Promise<string> {
  const namespace = await namespaceForPods(cluster);
  await apply(cluster, namespace, [podOf('redis', { image: 'redis' })]);
  await podReady(cluster, namespace, 'redis');
  return namespace;
}

it('two nodes stand beside each other and do not know of each other, and the end of one is not noticed by the other', async () => {
  const before = machine();
  const [one, two] = await Promise.all([startCluster({ node: true }), startCluster({ node: true })]);
  try {
    const [first, second] = await Promise.all([withRedis(one), withRedis(two)]);
    const redis = (cluster: NodeCluster, namespace: string, ...words: string[]) =>
      outputOf(cluster, namespace, 'redis', ['/usr/bin/redis-cli', ...words]);
    await redis(one, first, 'set', 'whose', 'of the first');
    await redis(two, second, 'set', 'whose', 'of the second');
    const at = performance.now();
    await one.stop();
    expect(performance.now() - at).toBeLessThan(3_000);
    expect([processesOf(one.folder), existsSync(one.folder), tracesOf(one.folder)]).toEqual([[], false, []]);
    expect(await redis(two, second, 'get', 'whose')).toBe('of the second');
  } finally {
    await Promise.all([one.stop(), two.stop()]);
  }
  expect(addedSince(before)).toEqual([]);
}, 180_000);

it('a test run that is killed with SIGKILL takes its node and its pods with it within three seconds', async () => {
  const before = machine();
  const owner = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, TMPDIR: nest } });
  try {
    owner.send({ node: true });
    const [{ folder }] = (await once(owner, 'message')) as [OwnedCluster];
    expect(tracesOf(folder).length).toBeGreaterThan(0);
    expect(processesOf(folder).length).toBeGreaterThan(8);
    owner.kill('SIGKILL');
    await until('all is gone', () => processesOf(folder).length === 0 && !existsSync(folder), { within: 3_000 });
    expect(tracesOf(folder)).toEqual([]);
  } finally {
    owner.kill('SIGKILL');
  }
  expect(readdirSync(nest)).toEqual([]);
  expect(addedSince(before)).toEqual([]);
}, 120_000);

it('a test run that is killed while its node comes up leaves nothing either', async () => {
  const before = machine();
  for (const milliseconds of [0, 100, 400, 3_000, 6_000]) {
    const owner = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, TMPDIR: nest } });
    owner.send({ node: true });
    const [name] = await until('there is a folder', () => readdirSync(nest).length > 0 && readdirSync(nest), { every: 5 });
    const folder = join(nest, name as string);
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    owner.kill('SIGKILL');
    await until('its folder is gone', () => !existsSync(folder), { within: 5_000 });
    expect([processesOf(folder), tracesOf(folder)]).toEqual([[], []]);
  }
  expect(addedSince(before)).toEqual([]);
}, 120_000);
