// A change is taken back while that is possible: every node has to the byte what it had, and afterwards it is refused.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Server } from '../fixture/cluster.ts';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { begins, configOf, expectEnd, expectReadable, killedIn, nodeState, passwords, stepsOf } from '../fixture/manager-end.ts';
import { storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({ apiservers: 3 });
const secrets = passwords(8);
let namespace = '';
let manager: Manager;

beforeAll(async () => {
  manager = makeManager(cluster());
  namespace = await cluster().namespace();
  for (const [name, password] of Object.entries(secrets)) await writeSecret(cluster(), namespace, name, password);
}, 60_000);

/** All that a node has for its kube-apiserver. */
function nodeFiles(server: Server): unknown {
  const folder = join(server.folder, 'encryption-at-rest');
  let names: readonly string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // It is made by the first change.
  }
  const files = names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
  return { manifest: readFileSync(server.manifest, 'utf8'), config: configOf(server), files };
}

const everything = () => cluster().servers.map(nodeFiles);

test('enable taken back half way gives each node its manifest of before, byte for byte', async () => {
  const before = everything();
  await killedIn(manager, ['enable', '-yes', '-provider=aescbc'], 'read/cp2');
  expect(everything()).not.toEqual(before);
  const aborted = JSON.parse((await manager.must(['abort', '-format=json'])).stdout);
  expect(aborted).toMatchObject({ aborted: true });
  expect(everything()).toEqual(before);
  expect(await storedSecret(cluster(), namespace, 's3')).toContain('password 3');
  await expectEnd(cluster(), manager, { namespace, secrets });
  const again = await manager.run(['abort']);
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toContain('no change is under way');
}, 400_000);

test('a rotation is taken back from each step before the first node seals anew, by any machine, and what comes after it works', async () => {
  await manager.must(['enable', '-yes', '-provider=aescbc', '-format=json']);
  const before = everything();
  const other = makeManager(cluster(), { name: 'other' });
  for (const step of ['store/cp1', 'store/cp3', 'read/cp1', 'read/cp3', 'read/converged']) {
    await killedIn(manager, ['rotate-key', '-yes', '-no-snapshot'], step);
    // Without the first one's journal there are only the copies, which say less.
    const elsewhere = step === 'read/cp3';
    const aborted = await (elsewhere ? other : manager).must(['abort', '-format=json']);
    expect(JSON.parse(aborted.stdout), step).toMatchObject({ aborted: true });
    expect(everything(), step).toEqual(before);
    await expectReadable(cluster().servers, namespace, secrets);
  }
  await manager.must(['rotate-key', '-yes', '-format=json']);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 600_000);

/** As a kill right behind the first line of the journal leaves it: no step was begun. */
function withoutStep(): string {
  const path = join(manager.stateFolder, 'journal.json');
  const { step, ...record } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(record));
  rmSync(join(manager.stateFolder, 'snapshots'), { recursive: true, force: true });
  return record.id;
}

test('killed before the snapshot was begun, resume takes it, and takes none where none was wanted', async () => {
  await killedIn(manager, ['rotate-key', '-yes', '-no-snapshot'], 'store/cp1');
  withoutStep();
  const unwanted = await killedIn(manager, ['resume'], 'read/cp1');
  expect(stepsOf(unwanted.stderr)).not.toContain('snapshot');
  await manager.must(['abort', '-format=json']);
  expect(existsSync(join(manager.stateFolder, 'snapshots'))).toBe(false);

  await killedIn(manager, ['rotate-key', '-yes'], 'snapshot');
  const id = withoutStep();
  const resumed = await killedIn(manager, ['resume'], 'read/cp1');
  expect(stepsOf(resumed.stderr)[0]).toBe('snapshot');
  const inspected = await manager.must(['snapshot', 'inspect', join(manager.stateFolder, 'snapshots', `${id}-before.db`)]);
  expect(inspected.stdout).toContain('aescbc');
  await manager.must(['abort', '-format=json']);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 300_000);

test('an abort that is killed is taken up by abort, and resume says so', async () => {
  const before = everything();
  await killedIn(manager, ['rotate-key', '-yes', '-no-snapshot'], 'read/converged');
  await killedIn(manager, ['abort'], 'read/cp2');
  const resumed = await manager.run(['resume']);
  expect(resumed.code).toBe(1);
  expect(resumed.stderr).toContain('"casemate etcd abort" goes on with that');
  await manager.must(['abort', '-format=json']);
  expect(everything()).toEqual(before);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 300_000);

test('once a node seals anew, abort is refused and changes nothing, whatever step it came to', async () => {
  for (const step of ['write/cp1', 'write/probe', 'rewrite', 'final/cp2']) {
    await killedIn(manager, step === 'write/cp1' ? ['rotate-key', '-yes', '-no-snapshot'] : ['resume'], step);
    const [nodes, journals] = [
      everything(),
      cluster().servers.map((server) => readFileSync(join(nodeState(server), 'journal.json'), 'utf8')),
    ];
    const refused = await manager.run(['abort']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('it is too late to abort: "kube-apiserver on cp1 seals with the new configuration" has begun');
    expect(everything()).toEqual(nodes);
    expect(cluster().servers.map((server) => readFileSync(join(nodeState(server), 'journal.json'), 'utf8'))).toEqual(journals);
  }
  const ending = manager.start(['resume', '-format=json']);
  expect(await begins(ending, 'archive')).toBe(true);
  expect((await ending.ended).code).toBe(0);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 400_000);
