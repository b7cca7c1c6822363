// Control-plane nodes that stop, crash, come back with an old configuration, join or are lost for good while a change is under way.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { withEncryption } from '../../../src/etcd/nodes/manifest-edit.ts';
import type { Server } from '../fixture/cluster.ts';
import { aescbc, encryptionOf, identity } from '../fixture/encryption.ts';
import { type Finished, type Manager, makeManager } from '../fixture/manager.ts';
import { begins, configOf, expectEnd, expectReadable, killedIn, passwords } from '../fixture/manager-end.ts';
import { freePorts } from '../fixture/ports.ts';
import { storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ apiservers: 4 });
const secrets: Record<string, string> = { ...passwords(8) };
const impatient = ['-wait-reload=8s', '-wait-restart=8s'];
let namespace = '';
/** Over the first three nodes: the fourth joins later. */
let three: Manager;
let servers: readonly Server[] = [];
/** The manifest of cp3 of before encryption. */
let bare = '';

beforeAll(async () => {
  servers = cluster().servers.slice(0, 3);
  three = makeManager(cluster(), { servers });
  bare = readFileSync(cluster().server('cp3').manifest, 'utf8');
  await crash(cluster().server('cp4'));
  await forget('cp4');
  namespace = await cluster().namespace();
  for (const [name, password] of Object.entries(secrets)) await writeSecret(cluster(), namespace, name, password);
  await three.must(['enable', '-yes', '-provider=aescbc', '-no-snapshot', '-format=json']);
}, 180_000);

/** At once, and it stays down. */
async function crash(server: Server): Promise<void> {
  const pid = server.pid();
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  await server.stop();
}

/** Its identity Lease, as if it had never been there. */
async function forget(name: string): Promise<void> {
  const folder = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
  for (const lease of await identities(name)) await cluster().call('DELETE', `${folder}/${lease}`);
}

async function identities(host: string): Promise<readonly string[]> {
  const { body } = await cluster().call('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases');
  const items = (body as { readonly items?: readonly LeaseShape[] }).items ?? [];
  return items.flatMap(({ metadata: { name, labels } }) => (labels?.['kubernetes.io/hostname'] === host ? [name] : []));
}

interface LeaseShape {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

function expectFrozen({ code, stderr }: Finished, node: string): void {
  expect(code, stderr).toBe(3);
  expect(stderr.trim().split('\n').at(-1)).toContain(node);
  expect(stderr).toContain('casemate etcd resume');
}

/** As the file would stand after a restore of the node's disk. */
function putFile(server: Server, text: string): void {
  const path = /--encryption-provider-config=(\S+)/.exec(readFileSync(server.manifest, 'utf8'))?.[1] as string;
  writeFileSync(path, text);
}

/** Started with what it cannot open in etcd it never becomes ready, and writes all the same. */
async function writeThrough(server: Server, name: string): Promise<void> {
  const password = `written ${name}`;
  const starting = server.start().catch(() => undefined);
  await until(`${server.name} writes`, async () => (await writeSecret(server, namespace, name, password)).status === 201, {
    within: 90_000,
  });
  secrets[name] = password;
  void starting;
}

test('a kube-apiserver that stops in any phase freezes the change by its name, and when it is back it goes on', async () => {
  const [cp1, cp2, cp3] = servers as [Server, Server, Server];
  const stops = [
    ['store/cp1', cp3],
    ['read/converged', cp2],
    ['write/cp1', cp3],
    ['rewrite', cp2],
    ['final/cp1', cp3],
  ] as const;
  let words = ['rotate-key', '-yes', '-no-snapshot'];
  for (const [step, server] of stops) {
    const running = three.start([...words, ...impatient, '-format=json']);
    expect(await begins(running, step), step).toBe(true);
    await crash(server);
    const finished = await running.ended;
    // What was already behind it needs the node no more.
    if (finished.code !== 0) {
      expectFrozen(finished, server.name);
      expectFrozen(await three.run(['resume', ...impatient]), server.name);
      await expectReadable(
        servers.filter((one) => one !== server),
        namespace,
        secrets,
      );
    }
    await server.start();
    words = finished.code === 0 ? ['rotate-key', '-yes', '-no-snapshot'] : ['resume'];
  }
  if (words[0] === 'resume') await three.must(['resume', '-format=json']);
  await expectEnd(cluster(), three, { namespace, secrets, servers });

  // The one that the lock and all calls to no node in particular go through.
  const running = three.start(['rotate-key', '-yes', '-no-snapshot', ...impatient, '-format=json']);
  await begins(running, 'read/cp2');
  await crash(cp1);
  const finished = await running.ended;
  expect(finished.code, finished.stderr).toBe(3);
  // They go to the others then, so that it is named as any other one is.
  expectFrozen(await three.run(['resume', ...impatient]), 'cp1');
  await cp1.start();
  await three.must(['resume', '-format=json']);
  await expectEnd(cluster(), three, { namespace, secrets, servers });
}, 600_000);

test('one that crashes and is started again is waited for', async () => {
  // The address of the kubeconfig need not be one that answers.
  const kubeconfig = join(cluster().folder, 'nobody.kubeconfig');
  const [port] = await freePorts(1);
  writeFileSync(kubeconfig, readFileSync(cluster().kubeconfig, 'utf8').replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`), { mode: 0o600 });
  const running = three.start(['rotate-key', '-yes', '-no-snapshot', `-kubeconfig=${kubeconfig}`, '-format=json']);
  for (const [step, server] of [
    ['read/cp2', 'cp1'],
    ['write/converged', 'cp3'],
    ['final/cp1', 'cp2'],
  ] as const) {
    await begins(running, step);
    await cluster().server(server).kill();
  }
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  for (const server of servers) await server.ready();
  await expectEnd(cluster(), three, { namespace, secrets, servers });
}, 300_000);

test('one that comes back with the configuration of before is given the present one, and what it has sealed is not lost', async () => {
  const cp3 = cluster().server('cp3');
  const before = configOf(cp3) as string;
  await killedIn(three, ['rotate-key', '-yes', '-no-snapshot'], 'rewrite');
  await crash(cp3);
  putFile(cp3, before);
  await writeThrough(cp3, 'old-in-rewrite');
  await expectReadable(servers.slice(0, 2), namespace, { 'old-in-rewrite': secrets['old-in-rewrite'] as string });

  // Later it is worse: the first node has forgotten the key with which this one seals.
  await killedIn(three, ['resume'], 'final/cp2');
  await crash(cp3);
  putFile(cp3, before);
  await writeThrough(cp3, 'old-in-final');
  const healed = await three.run(['resume', '-format=json']);
  expect(healed.code, healed.stderr).toBe(0);
  expect(healed.stderr).toContain('by a kube-apiserver that came with an old configuration');
  expect(healed.stderr).toContain('old-in-final');
  await expectEnd(cluster(), three, { namespace, secrets, servers });
}, 400_000);

test('one that comes back with the manifest of before encryption is given the present one, and what it wrote in clear is sealed', async () => {
  const cp3 = cluster().server('cp3');
  // While the command runs, which begins its steps anew.
  const running = three.start(['rotate-key', '-yes', '-no-snapshot', '-format=json']);
  await begins(running, 'write/cp2');
  await crash(cp3);
  writeFileSync(cp3.manifest, bare);
  // It may have been told to start anew before it was ready: what became of it is read below.
  const starting = cp3.start().catch(() => undefined);
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('cp3 came back with a manifest without encryption at rest');
  await starting;
  await expectEnd(cluster(), three, { namespace, secrets, servers });

  // And while nobody is there.
  await killedIn(three, ['rotate-key', '-yes', '-no-snapshot'], 'final/cp2');
  await crash(cp3);
  writeFileSync(cp3.manifest, bare);
  await writeThrough(cp3, 'in-clear');
  expect(await storedSecret(cluster(), namespace, 'in-clear')).toContain('written in-clear');
  const refused = await three.run(['abort']);
  expect(refused.stderr).toContain('it is too late to abort');
  await three.must(['resume', '-format=json']);
  await expectEnd(cluster(), three, { namespace, secrets, servers });
}, 400_000);

test('one whose configuration is gone is given it, and one with a strange configuration is named with what to do', async () => {
  const [cp1, , cp3] = servers as [Server, Server, Server];
  const path = /--encryption-provider-config=(\S+)/.exec(readFileSync(cp3.manifest, 'utf8'))?.[1] as string;
  await killedIn(three, ['rotate-key', '-yes', '-no-snapshot'], 'write/cp2');
  await crash(cp3);
  rmSync(path);
  void cp3.start().catch(() => undefined);
  await killedIn(three, ['resume'], 'rewrite');
  expect(configOf(cp3)).toBe(configOf(cp1));

  putFile(cp3, encryptionOf([aescbc('strange')]));
  const strange = await three.run(['resume', ...impatient]);
  expectFrozen(strange, 'cp3');
  expect(strange.stderr).toContain(`${path} on cp3 is none of this change`);
  expect(strange.stderr).toContain('copy that of cp1 over it');
  putFile(cp3, configOf(cp1) as string);
  await three.must(['resume', '-format=json']);
  await expectEnd(cluster(), three, { namespace, secrets, servers });
}, 300_000);

test('one that joins in the middle freezes the change until it is named, and is then brought along', async () => {
  const cp4 = cluster().server('cp4');
  await killedIn(three, ['rotate-key', '-yes', '-no-snapshot'], 'write/cp1');
  // What lies in etcd is sealed and it has no key, so it is not ready before it is brought along.
  const starting = cp4.start().catch(() => undefined);
  await until('cp4 has its identity Lease', async () => (await identities('cp4')).length > 0);
  expectFrozen(await three.run(['resume', ...impatient]), 'cp4');
  const four = makeManager(cluster());

  // With keys of its own: they would be written over.
  const [manifest, folder] = [readFileSync(cp4.manifest, 'utf8'), join(cp4.folder, 'elsewhere')];
  mkdirSync(folder);
  const configPath = join(folder, 'own.yaml');
  writeFileSync(configPath, encryptionOf([aescbc('own'), identity]), { mode: 0o600 });
  writeFileSync(cp4.manifest, withEncryption(manifest, { configPath, folder, automaticReload: true }));
  const refused = await four.run(['resume', ...impatient]);
  expectFrozen(refused, 'cp4 joined while the change is under way, with an encryption configuration that no other node has');
  expect(readFileSync(configPath, 'utf8')).toBe(encryptionOf([aescbc('own'), identity]));
  writeFileSync(cp4.manifest, manifest);

  await four.must(['resume', '-format=json']);
  await starting;
  await expectEnd(cluster(), four, { namespace, secrets });
}, 400_000);

test('one that is lost for good is waited for until the operator says so, and a living one is not given up', async () => {
  const four = makeManager(cluster());
  const cp4 = cluster().server('cp4');
  await killedIn(four, ['rotate-key', '-yes', '-no-snapshot'], 'rewrite');
  await crash(cp4);
  expectFrozen(await four.run(['resume', ...impatient]), 'cp4');
  const living = await four.run(['resume', '-evict-node=cp2', ...impatient]);
  expect(living.code, living.stderr).toBe(1);
  expect(living.stderr).toContain('kube-apiserver on cp2 lives');
  // Said once: a later resume of the same change knows it.
  await killedIn(four, ['resume', '-evict-node=cp4'], 'final/cp2');
  await four.must(['resume', '-format=json']);
  expect(await identities('cp4')).toEqual([]);
  three = makeManager(cluster(), { servers });
  await expectEnd(cluster(), three, { namespace, secrets, servers });
}, 400_000);

test('one that comes back from before encryption does not pass for one whose configuration was taken out', async () => {
  const cp3 = cluster().server('cp3');
  await killedIn(three, ['disable', '-yes', '-no-snapshot', '-remove-configuration'], 'write/cp2');
  await crash(cp3);
  writeFileSync(cp3.manifest, bare);
  void cp3.start().catch(() => undefined);
  await killedIn(three, ['resume'], 'remove/cp2');
  expect(servers.map((server) => configOf(server) === undefined)).toEqual([true, false, false]);
  await three.must(['resume', '-format=json']);
  await expectReadable(servers, namespace, secrets);
  for (const name of Object.keys(secrets)) expect(await storedSecret(cluster(), namespace, name)).not.toContain('k8s:enc:');
  expect(servers.map(configOf)).toEqual([undefined, undefined, undefined]);
}, 400_000);
