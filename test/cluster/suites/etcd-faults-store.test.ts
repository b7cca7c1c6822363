// etcd itself in trouble while the manager is at work: a member lost, a quorum lost for a while, history compacted in the middle of a list, no space left.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { type EtcdClient, openEtcd } from '../fixture/etcd-client.ts';
import { type Manager, makeManager, type Running } from '../fixture/manager.ts';
import { samples } from '../fixture/metrics.ts';
import { passwordOf, readSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({
  apiservers: 3,
  etcdMembers: 3,
  etcdFlags: [`--quota-backend-bytes=${32 * 1024 * 1024}`],
  // Lists are read from etcd, page by page, as before Kubernetes 1.34.
  flags: ['--feature-gates=ListFromCacheSnapshot=false'],
});
/** More than two pages of a list. */
const secrets = 1_200;
let manager: Manager;
let namespace = '';
/** Of the second member, which no test ends. */
let etcd: EtcdClient;

beforeAll(async () => {
  manager = makeManager(cluster());
  namespace = await cluster().namespace();
  etcd = openEtcd(cluster().etcd.members[1]?.innerUrl ?? '');
  let next = 0;
  const write = async () => {
    for (let number = next++; number < secrets; number = next++) {
      const { status } = await writeSecret(serverFor(number), namespace, `s${number}`, `password ${number}`);
      if (status !== 201) throw new Error(`a Secret was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: 24 }, write));
  return () => etcd.close();
}, 240_000);

const serverFor = (number: number) => cluster().servers[number % 3] ?? cluster().servers[0];

/** Of all Secrets; each is there, and some are read through every kube-apiserver. */
async function sealedWith(): Promise<string> {
  const { rows } = JSON.parse((await manager.must(['verify', '-format=json', '-resources=secrets'])).stdout);
  expect(rows).toHaveLength(1);
  expect(rows[0].count).toBe(secrets);
  for (const server of cluster().servers)
    for (const number of [0, 7, secrets - 1])
      expect(passwordOf(await readSecret(server, namespace, `s${number}`))).toBe(`password ${number}`);
  return `${rows[0].provider} ${rows[0].key}`;
}

/** Resolves when the step has begun, or when it is too late for that. */
async function reached(running: Running, step: string): Promise<void> {
  let over = false;
  void running.ended.then(() => {
    over = true;
  });
  await until(`the step ${step}`, () => over || running.stderr().includes(`"step":"${step}"`), { within: 240_000, every: 5 });
}

/** By itself, or after it was told to go on: the end has to be the same. */
async function toTheEnd(running: Running): Promise<void> {
  const { code, stderr } = await running.ended;
  if (code === 0) return;
  expect(code, stderr).toBe(3);
  expect(stderr).toContain('"casemate etcd resume" goes on');
  await until(
    'the cluster is well',
    async () => (await cluster().servers[0].isReady()) && (await readSecret(cluster(), namespace, 's0')).status === 200,
  );
  await manager.must(['resume', '-yes']);
}

test('a member of etcd that is lost during the rewrite keeps nothing from its end, nor the proof', async () => {
  const running = manager.start(['enable', '-yes', '-provider=aescbc', '-format=json']);
  await reached(running, 'rewrite');
  // The first endpoint that kube-apiserver and Casemate know.
  await cluster().etcd.kill();
  await toTheEnd(running);
  expect(await sealedWith()).toMatch(/^aescbc cm-1-/);
  await cluster().etcd.start();
  expect(await sealedWith()).toMatch(/^aescbc cm-1-/);
}, 400_000);

test('an etcd that has no quorum for a while stops the rewrite, which goes on when it has one again', async () => {
  const before = await sealedWith();
  const [first, , third] = cluster().etcd.members;
  const running = manager.start(['rotate-key', '-yes', '-no-snapshot', '-format=json']);
  await reached(running, 'rewrite');
  await Promise.all([first.kill(), third?.kill()]);
  await pause(5_000);
  // Neither is ready before there is a quorum.
  await Promise.all([first.start(), third?.start()]);
  await toTheEnd(running);
  expect(await sealedWith()).not.toBe(before);
}, 400_000);

test('history that is compacted again and again while objects are listed and etcd is read stops nothing', async () => {
  let expired = 0;
  // Whether a compaction falls into the middle of a list is chance.
  for (let rotation = 0; rotation < 5 && expired === 0; rotation++) {
    const before = await sealedWith();
    const provider = rotation % 2 === 0 ? 'secretbox' : 'aesgcm';
    const running = manager.start(['rotate-key', '-yes', '-no-snapshot', '-format=json', `-provider=${provider}`]);
    await reached(running, 'rewrite');
    let over = false;
    void running.ended.then(() => {
      over = true;
    });
    while (!over) {
      await etcd.compact(await etcd.revision()).catch(() => undefined);
      await pause(20);
    }
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(await sealedWith()).not.toBe(before);
    expired = await listsExpired();
  }
  expect(expired).toBeGreaterThan(0);
}, 600_000);

/** How many pages of Secrets were asked for too late, through all kube-apiservers. */
async function listsExpired(): Promise<number> {
  const counts = await Promise.all(
    cluster().servers.map(async (server) =>
      samples(await server.metrics(), 'apiserver_request_total')
        .filter(({ labels }) => labels['code'] === '410' && labels['resource'] === 'secrets')
        .reduce((sum, { value }) => sum + value, 0),
    ),
  );
  return counts.reduce((sum, value) => sum + value, 0);
}

/** Writes beside Kubernetes until etcd itself raises its alarm. */
async function fill(): Promise<void> {
  for (let number = 0; ; number++)
    try {
      await etcd.put(`/filler/${number}`, Buffer.alloc(1_000_000));
    } catch (thrown) {
      expect((thrown as Error).message).toContain('space exceeded');
      return;
    }
}

async function makeRoom(): Promise<void> {
  await etcd.deleteAll('/filler/');
  await etcd.compact(await etcd.revision());
  for (const { innerUrl } of cluster().etcd.members) {
    const member = openEtcd(innerUrl);
    await member.call('maintenance/defragment', {});
    member.close();
  }
  const { alarms = [] } = await etcd.call('maintenance/alarm', { action: 'GET' });
  for (const { memberID, alarm } of alarms) await etcd.call('maintenance/alarm', { action: 'DEACTIVATE', memberID, alarm });
}

test('an etcd without space is found before anything is changed', async () => {
  const journal = join(manager.stateFolder, 'journal.json');
  const before = existsSync(journal) ? readFileSync(journal, 'utf8') : '';
  await fill();
  const { code, stderr } = await manager.run(['rotate-key', '-yes']);
  expect(code, stderr).toBe(1);
  expect(stderr).toContain('etcd has raised no-space');
  expect(existsSync(journal) ? readFileSync(journal, 'utf8') : '').toBe(before);
  await makeRoom();
}, 120_000);

test('an etcd whose space runs out during the rewrite freezes the change, and it goes on when there is room again', async () => {
  const before = await sealedWith();
  const running = manager.start(['rotate-key', '-yes', '-no-snapshot', '-format=json']);
  await reached(running, 'rewrite');
  await fill();
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(3);
  expect(stderr).toContain('"casemate etcd resume" goes on');
  // Both keys are still where they are needed.
  for (const server of cluster().servers)
    for (const number of [0, 7, secrets - 1])
      expect(passwordOf(await readSecret(server, namespace, `s${number}`))).toBe(`password ${number}`);
  const again = await manager.run(['resume', '-yes']);
  expect(again.code, again.stderr).toBeGreaterThan(0);
  await makeRoom();
  await manager.must(['resume', '-yes']);
  expect(await sealedWith()).not.toBe(before);
}, 400_000);
