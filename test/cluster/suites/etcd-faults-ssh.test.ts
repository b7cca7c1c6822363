// Encryption at rest of three nodes that are reached over a real sshd: host keys that are wrong, connections that are cut, disks that cannot be written.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type CuttingProxy, cuttingProxy } from '../../nodes/cutting-proxy.ts';
import { makeKey, type Sshd, startSshd, whyNoSshd } from '../../nodes/sshd.ts';
import type { Server } from '../fixture/cluster.ts';
import { type Finished, type Manager, makeManager, type Running } from '../fixture/manager.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const missing = whyNoSshd();
const label = 'system_u:object_r:kubernetes_file_t:s0';

describe.skipIf(missing !== undefined)(missing ?? 'nodes over SSH', () => {
  const cluster = clusterOfFile({ apiservers: 3 });
  let sshd: Sshd;
  const proxies = new Map<string, CuttingProxy>();
  let manager: Manager;
  let namespace = '';

  /** cp3 is reached by a user who is not root. */
  const accessOf = (server: Server, knownHosts: string) => {
    const ssh = { host: '127.0.0.1', port: proxyOf(server.name).port, key: sshd.key.file, known_hosts: knownHosts };
    return { ssh: server.name === 'cp3' ? { ...ssh, user: 'operator', sudo: true } : { ...ssh, user: 'root' } };
  };

  beforeAll(async () => {
    sshd = await startSshd({ selinux: true });
    for (const { name } of cluster().servers) proxies.set(name, await cuttingProxy(sshd.port));
    const known = join(sshd.folder, 'known');
    const lines = [...proxies.values()].flatMap(({ port }) => sshd.hostKeys.map(({ publicLine }) => `[127.0.0.1]:${port} ${publicLine}\n`));
    writeFileSync(known, lines.join(''));
    manager = makeManager(cluster(), { access: (server) => accessOf(server, known) });
    namespace = await cluster().namespace();
    for (let number = 0; number < 10; number++) await writeSecret(cluster(), namespace, `s${number}`, `password ${number}`);
  }, 180_000);
  afterAll(async () => {
    for (const proxy of proxies.values()) await proxy.close();
    await sshd?.stop();
  });

  afterEach(async ({ task }) => {
    for (const proxy of proxies.values()) proxy.cutAfter(Number.POSITIVE_INFINITY);
    if (task.result?.state !== 'fail') return;
    console.error(`sshd at the end of the failed test:\n${sshd.log().split('\n').slice(-60).join('\n')}`);
    // The next test begins with no change under way.
    await manager.run(['resume', '-yes']);
  }, 120_000);

  const proxyOf = (name: string) => proxies.get(name) as CuttingProxy;
  const manifests = () => cluster().servers.map(({ manifest }) => readFileSync(manifest, 'utf8'));
  const configOf = ({ folder }: Server) => join(folder, 'encryption-at-rest', 'config.yaml');

  async function provider(): Promise<string> {
    const { rows } = JSON.parse((await manager.must(['verify', '-format=json', '-resources=secrets'])).stdout);
    expect(rows).toHaveLength(1);
    expect(rows[0].count).toBe(10);
    for (const server of cluster().servers) expect(passwordOf(await readSecret(server, namespace, 's3'))).toBe('password 3');
    return `${rows[0].provider} ${rows[0].key}`;
  }

  /** Every node has the same configuration, and no file of a write that was broken off. */
  function expectAllTheSame(): void {
    const texts = cluster().servers.map((server) => readFileSync(configOf(server), 'utf8'));
    expect(new Set(texts).size).toBe(1);
    const rings = cluster().servers.map(({ folder }) => readFileSync(join(folder, 'casemate-etcd', 'keys.json'), 'utf8'));
    expect(new Set([...rings, readFileSync(join(manager.stateFolder, 'keys.json'), 'utf8')]).size).toBe(1);
    for (const server of cluster().servers)
      for (const folder of ['manifests', 'encryption-at-rest', 'casemate-etcd'])
        expect(readdirSync(join(server.folder, folder)).filter((name) => !/^[a-z].*\.(yaml|json)$/.test(name))).toEqual([]);
  }

  const reached = (running: Running, step: string) =>
    until(`the step ${step}`, () => running.stderr().includes(`"step":"${step}"`), { within: 240_000, every: 5 });

  test.each([
    ['another host key', 'THE HOST KEY OF [127.0.0.1]', (known: string) => writeFileSync(known, wrongLines())],
    ['no known host key', 'is not known', (known: string) => writeFileSync(known, '')],
  ])('a node with %s is refused before anything is changed anywhere', async (_what, words, write) => {
    const known = join(sshd.folder, 'known-wrong');
    write(known);
    const right = join(sshd.folder, 'known');
    const wrong = makeManager(cluster(), {
      name: 'deceived',
      access: (server) => accessOf(server, server.name === 'cp2' ? known : right),
    });
    const before = manifests();
    const { code, stderr } = await wrong.run(['enable', '-yes']);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
    expect(manifests()).toEqual(before);
    for (const { folder } of cluster().servers)
      for (const made of ['casemate-etcd', 'encryption-at-rest']) expect(existsSync(join(folder, made))).toBe(false);
    expect(existsSync(join(wrong.stateFolder, 'journal.json'))).toBe(false);
  });

  function wrongLines(): string {
    const other = makeKey(sshd.folder, `other-${performance.now()}`);
    return `[127.0.0.1]:${proxyOf('cp2').port} ${other.publicLine}\n`;
  }

  test('a user without rights is told so before anything is changed', async () => {
    const right = join(sshd.folder, 'known');
    const poor = makeManager(cluster(), {
      name: 'poor',
      access: (server) => ({ ssh: { ...accessOf(server, right).ssh, user: 'operator', sudo: false } }),
    });
    const before = manifests();
    const { code, stderr } = await poor.run(['enable', '-yes']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/sudo|permission|not allowed/i);
    expect(manifests()).toEqual(before);
  });

  test('enables over SSH, with sudo on one node, the connection to another cut while its manifest is written', async () => {
    const running = manager.start(['enable', '-yes', '-provider=aescbc', '-format=json']);
    await reached(running, 'read/cp2');
    proxyOf('cp2').cutAfter(2_000);
    const cut = await running.ended;
    expect(cut.code, cut.stderr).toBeGreaterThan(0);
    expect(cut.stderr).toContain(`127.0.0.1:${proxyOf('cp2').port} over SSH: the connection was lost`);
    await manager.must(['resume', '-yes']);
    expect(await storedSecret(cluster(), namespace, 's3')).toMatch(/^k8s:enc:aescbc:v1:cm-1-/);
    expect(await provider()).toMatch(/^aescbc cm-1-/);
    expectAllTheSame();
  }, 500_000);

  test.each([
    ['store/cp3', 'cp3', 1_000],
    ['read/cp2', 'cp2', 1_500],
    ['write/cp1', 'cp1', 900],
    ['final/cp3', 'cp3', 300],
  ])(
    'a rotation whose connection is cut in the step %s ends at that step, and comes to the same end when it is resumed',
    async (step, node, bytes) => {
      const before = await provider();
      execFileSync('chcon', [label, configOf(cluster().server('cp2'))]);
      const running = manager.start(['rotate-key', '-yes', '-no-snapshot', '-format=json']);
      await reached(running, step);
      proxyOf(node).cutAfter(bytes);
      const cut: Finished = await running.ended;
      expect(cut.code, cut.stderr).toBeGreaterThan(0);
      expect(cut.stderr).toContain(`127.0.0.1:${proxyOf(node).port} over SSH`);
      const status = JSON.parse((await manager.must(['status', '-format=json'])).stdout);
      expect(status.change).toMatchObject({ state: 'running' });
      await manager.must(['resume', '-yes']);
      expect(await provider()).not.toBe(before);
      expectAllTheSame();
      expect(execFileSync('stat', ['-c', '%C', configOf(cluster().server('cp2'))], { encoding: 'utf8' }).trim()).toBe(label);
    },
    300_000,
  );

  test('a node whose disk has become read-only stops the rotation with its name, and nothing is lost', async () => {
    const before = await provider();
    const folder = dirname(configOf(cluster().server('cp2')));
    sshd.shell(`mount --bind '${folder}' '${folder}'; mount -o remount,bind,ro '${folder}'`);
    const refused = await manager.run(['rotate-key', '-yes', '-no-snapshot']);
    expect(refused.code).toBeGreaterThan(0);
    expect(refused.stderr).toMatch(/read-only/i);
    expect(await provider()).toBe(before);
    sshd.shell(`umount '${folder}'`);
    await manager.must(['resume', '-yes']);
    expect(await provider()).not.toBe(before);
    expectAllTheSame();
  }, 500_000);
});
