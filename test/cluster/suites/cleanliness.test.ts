// What is left on the machine when a cluster has ended, and when the process that owned it was killed: nothing.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ClusterOptions } from '../fixture/cluster.ts';
import type { OwnedCluster } from '../fixture/killed-owner.ts';
import { startCluster } from '../fixture/start.ts';
import { processesOf, type Traces, tracesOnMachine } from '../fixture/traces.ts';
import { until } from '../fixture/waiting.ts';

const program = join(import.meta.dirname, '../fixture/killed-owner.ts');
const owners: ChildProcess[] = [];
// The owners' clusters lie in a folder of this file: so their folders are known although nobody tells their names.
let nest: string;

beforeAll(() => {
  nest = mkdtempSync(join(tmpdir(), 'casemate-nest-'));
});

afterEach(() => {
  for (const owner of owners.splice(0)) owner.kill('SIGKILL');
});

afterAll(() => rmSync(nest, { recursive: true, force: true }));

function startOwner(options: ClusterOptions): ChildProcess {
  const owner = fork(program, {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, TMPDIR: nest },
  });
  owners.push(owner);
  owner.send(options);
  return owner;
}

/** What has come to the machine. Clusters of other test runs, and control groups in which something lives, are not looked at. */
function addedSince(before: Traces): readonly string[] {
  const known = new Set(Object.values(before).flat());
  return Object.values(tracesOnMachine())
    .flatMap((lines: readonly string[]) => lines.filter((line) => !known.has(line)))
    .filter((line) => !line.includes('casemate-cluster-') && !(line.startsWith('/sys/fs/cgroup/') && isInhabited(line)));
}

function isInhabited(cgroup: string): boolean {
  return existsSync(cgroup) && readFileSync(join(cgroup, 'cgroup.procs'), 'utf8') !== '';
}

/** Names of cgroups and mounts that carry the name of the cluster's folder. */
function tracesOf(folder: string): readonly string[] {
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  return Object.values(tracesOnMachine()).flatMap((lines: readonly string[]) => lines.filter((line) => line.includes(name)));
}

test('a cluster that is stopped leaves no process, mount, cgroup, interface, sysctl change or file', async () => {
  const before = tracesOnMachine();
  const cluster = await startCluster({ apiservers: 2, kms: ['vault'], controllerManager: true, scheduler: true });
  expect(processesOf(cluster.folder).length).toBeGreaterThanOrEqual(5);
  const at = performance.now();
  await cluster.stop();
  expect(performance.now() - at).toBeLessThan(3_000);
  expect(processesOf(cluster.folder)).toEqual([]);
  expect(existsSync(cluster.folder)).toBe(false);
  expect(tracesOf(cluster.folder)).toEqual([]);
  expect(addedSince(before)).toEqual([]);
});

test('a test run that is killed with SIGKILL takes its cluster with it within three seconds', async () => {
  const before = tracesOnMachine();
  const owner = startOwner({ apiservers: 2, controllerManager: true });
  const [{ folder }] = (await once(owner, 'message')) as [OwnedCluster];
  expect(processesOf(folder).length).toBeGreaterThanOrEqual(4);
  owner.kill('SIGKILL');
  await until('all processes are gone', () => processesOf(folder).length === 0 && !existsSync(folder), { within: 3_000 });
  expect(tracesOf(folder)).toEqual([]);
  expect(addedSince(before)).toEqual([]);
}, 120_000);

test('a test run that is killed while its cluster starts leaves nothing either', async () => {
  for (const milliseconds of [0, 250, 700, 1_500]) {
    const owner = startOwner({});
    const [name] = await until('there is a folder', () => readdirSync(nest).length > 0 && readdirSync(nest), { every: 5 });
    const folder = join(nest, name as string);
    await delay(milliseconds);
    owner.kill('SIGKILL');
    await until('its folder is gone', () => !existsSync(folder), { within: 3_000 });
    expect(processesOf(folder)).toEqual([]);
    expect(readdirSync(nest)).toEqual([]);
  }
}, 60_000);

test('what a test starts with the environment of the cluster ends with it', async () => {
  const cluster = await startCluster();
  const child = spawn('sleep', ['600'], { env: cluster.environment, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await cluster.stop();
  expect((await ended)[1]).toBe('SIGKILL');
});
