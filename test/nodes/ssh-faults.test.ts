// What goes wrong on the way to a node: connections that are cut or go silent, forwarding that is forbidden, labels that must stay.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/crypto/random.ts';
import type { ControlPlaneNode } from '../../src/etcd/nodes/node.ts';
import { openSshNode } from '../../src/etcd/nodes/ssh-node.ts';
import { until } from '../cluster/fixture/waiting.ts';
import { helloServer } from '../suites/node-access.ts';
import { type CuttingProxy, cuttingProxy } from './cutting-proxy.ts';
import { type Sshd, startSshd, whyNoSshd } from './sshd.ts';

const missing = whyNoSshd();
const soon = () => AbortSignal.timeout(25_000);

describe.skipIf(missing !== undefined)(missing ?? 'a node over SSH', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd({ selinux: true });
  });
  afterAll(() => sshd?.stop());

  describe('through a network that fails', () => {
    let proxy: CuttingProxy;
    let node: ControlPlaneNode;
    let folder = '';
    let tests = 0;
    beforeEach(async () => {
      tests += 1;
      folder = `${sshd.folder}/faults-${tests}`;
      sshd.shell(`mkdir ${folder}`);
      proxy = await cuttingProxy(sshd.port);
      const knownHosts = join(sshd.folder, 'known-proxy');
      writeFileSync(knownHosts, sshd.hostKeys.map(({ publicLine }) => `[127.0.0.1]:${proxy.port} ${publicLine}\n`).join(''));
      const access = sshd.access({ port: proxy.port, knownHosts: [knownHosts] });
      node = await openSshNode({ access, environment: sshd.environment, random: systemRandom }, soon());
    });
    afterEach(async () => {
      await node.close();
      await proxy.close();
    });

    it.each([1_000, 200_000, 3_999_000])(
      'a connection cut after %i bytes of a write leaves the old file, whole and alone',
      async (bytes) => {
        const path = `${folder}/encryption.yaml`;
        await node.write(path, Buffer.from('old'), { mode: 0o600 }, soon());
        proxy.cutAfter(bytes);
        await expect(node.write(path, randomBytes(4_000_000), { mode: 0o600 }, soon())).rejects.toMatchObject({
          code: 'unavailable',
          message: expect.stringContaining('lost'),
        });
        await until('only the old file is there', () => sshd.shell(`ls -A ${folder}`) === 'encryption.yaml\n');
        expect(sshd.shell(`cat ${path}`)).toBe('old');
      },
    );

    it('a connection that was cut is made again for the next call', async () => {
      const path = `${folder}/file`;
      proxy.cutAfter(50_000);
      await expect(node.write(path, randomBytes(1_000_000), { mode: 0o600 }, soon())).rejects.toMatchObject({ code: 'unavailable' });
      const all = await Promise.all(Array.from({ length: 10 }, () => node.read(path, soon())));
      expect(all).toStrictEqual(Array.from({ length: 10 }, () => undefined));
      await node.write(path, Buffer.from('new'), { mode: 0o600 }, soon());
      expect(sshd.shell(`cat ${path}`)).toBe('new');
      expect(proxy.connections()).toBe(2);
    });

    it('thirty calls at a time take one connection', async () => {
      await Promise.all(Array.from({ length: 30 }, () => node.list(folder, soon())));
      expect(proxy.connections()).toBe(1);
    });

    it('a network that swallows everything in silence is noticed within half a minute', async () => {
      proxy.freeze();
      const begun = performance.now();
      await expect(node.read(`${folder}/file`, AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: 'unavailable' });
      expect(performance.now() - begun).toBeLessThan(30_000);
    }, 60_000);

    it('a caller who stops does not wait for a node that is silent, nor lets others wait', async () => {
      proxy.freeze();
      await expect(node.read(`${folder}/file`, AbortSignal.timeout(200))).rejects.toMatchObject({
        code: 'timeout',
        fields: { stopped: true },
      });
      await node.close();
      await expect(node.read(`${folder}/file`, soon())).rejects.toMatchObject({ code: 'invalid-request' });
    });
  });

  describe('with SELinux', () => {
    it('keeps the label of a file that was there', async () => {
      const node = await openSshNode({ access: sshd.access(), environment: sshd.environment, random: systemRandom }, soon());
      const path = `${sshd.folder}/labelled`;
      sshd.shell(`echo old > ${path}; chcon system_u:object_r:kubernetes_file_t:s0 ${path}`);
      await node.write(path, Buffer.from('new'), { mode: 0o600 }, soon());
      expect(sshd.shell(`stat -c %C ${path}; cat ${path}`)).toBe('system_u:object_r:kubernetes_file_t:s0\nnew');
      await node.close();
    });
  });

  it('says that nothing answers at a port of the node', async () => {
    const node = await openSshNode({ access: sshd.access(), environment: sshd.environment, random: systemRandom }, soon());
    const server = await helloServer();
    await server.close();
    await expect(node.connect('127.0.0.1', server.port, soon())).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
    await node.close();
  });
});

describe.skipIf(missing !== undefined)('an sshd with few rights', () => {
  let sshd: Sshd;
  let node: ControlPlaneNode;
  beforeAll(async () => {
    sshd = await startSshd({ settings: ['AllowTcpForwarding no', 'MaxSessions 2'] });
    node = await openSshNode({ access: sshd.access(), environment: sshd.environment, random: systemRandom }, soon());
  });
  afterAll(async () => {
    await node?.close();
    await sshd?.stop();
  });

  it('that forbids connections is told as such, with the setting to change', async () => {
    await expect(node.connect('127.0.0.1', 1, soon())).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('AllowTcpForwarding'),
    });
  });

  it('that opens only two sessions at a time is given its time', async () => {
    const read = await Promise.all(Array.from({ length: 8 }, () => node.list(sshd.folder, soon())));
    expect(read).toHaveLength(8);
  });
});
