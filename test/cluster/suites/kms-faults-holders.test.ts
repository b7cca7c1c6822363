// A KMS plugin whose key service is slow or turns it away, or whose disk is full, behind a real kube-apiserver.

import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/crypto/random.ts';
import { addRingKey, createRing } from '../../../src/keys/ring-file.ts';
import { openDesk } from '../../kms/plugin-desk.ts';
import { scriptedKey } from '../../kms/scripted-key.ts';
import type { CloudServer } from '../../suites/cloud-kms/cloud-server.ts';
import { refusal, startJdcloud } from '../../suites/cloud-kms/jdcloud-server.ts';
import { startTransitHolder, type TransitHolder } from '../../suites/transit-holder.ts';
import type { Server } from '../fixture/cluster.ts';
import { encryptionOf, identity, kmsV1, kmsV2, reload } from '../fixture/encryption.ts';
import { makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { passwordOf, readSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ encryption: encryptionOf([identity]), flags: ['--feature-gates=KMSv1=true'] });
const patience = 150_000;
const cleanups: (() => unknown)[] = [];
let transit: TransitHolder;
let jdcloud: CloudServer;
let made = 0;

beforeAll(async () => {
  [transit, jdcloud] = await Promise.all([startTransitHolder(), startJdcloud()]);
  jdcloud.keys.create('abcd');
  jdcloud.accounts.set('AK', { secretKey: 'secret-key-of-the-test' });
}, 60_000);
afterEach(async () => {
  await cluster().etcd.deleteAll('/registry/secrets/');
  await reload(server(), `# none ${made}\n${encryptionOf([identity])}`);
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(async () => {
  await transit.end();
  await jdcloud.close();
});

const server = (): Server => cluster().servers[0];
const healthOf = async (): Promise<number> => (await server().call('GET', '/healthz/kms-providers')).status;
const isWell = () => until('the check of the plugin passes', async () => (await healthOf()) === 200, { within: 60_000, every: 500 });
const isSick = () => until('the check of the plugin fails', async () => (await healthOf()) !== 200, { within: 60_000, every: 500 });

async function secretUnder(provider: object): Promise<string> {
  made += 1;
  await reload(server(), `# ${made}\n${encryptionOf([provider, identity])}`);
  const namespace = await cluster().namespace();
  expect((await writeSecret(server(), namespace, 'login', 'hunter2')).status).toBe(201);
  return namespace;
}

const passwordIn = async (namespace: string): Promise<string> => passwordOf(await readSecret(server(), namespace, 'login'));

/** Down, and up again without waiting until it is ready, which it may not become. */
async function restartUnready(): Promise<Promise<unknown>> {
  await server().stop();
  const started = server()
    .start()
    .catch((thrown: unknown) => thrown);
  await until('kube-apiserver answers', async () => (await server().call('GET', '/api/v1/configmaps')).status === 200, { within: 60_000 });
  return Promise.resolve(started);
}

describe('a key service that is slow', () => {
  test.each([
    ['v2', kmsV2],
    ['v1', kmsV1],
  ] as const)(
    '%s: with a second for each call secrets are written and read, also after a restart',
    async (_version, provider) => {
      const key = scriptedKey();
      const { seal, open } = key;
      key.seal = (...given) => delay(1_000).then(() => seal(...given));
      key.open = (...given) => delay(1_000).then(() => open(...given));
      const desk = await openDesk({ key });
      cleanups.push(() => desk.end());
      const namespace = await secretUnder(provider('casemate', `unix://${desk.socket}`));
      await server().restart();
      expect(await passwordIn(namespace)).toBe('hunter2');
    },
    patience,
  );

  test(
    'slower than kube-apiserver waits: the write of v1 fails in words, what was read is read on, and all is well when it is quick again',
    async () => {
      const key = scriptedKey();
      const { seal } = key;
      const desk = await openDesk({ key });
      cleanups.push(() => desk.end());
      const namespace = await secretUnder(kmsV1('casemate', `unix://${desk.socket}`));
      key.seal = (...given) => delay(6_000, undefined, { ref: false }).then(() => seal(...given));
      const begun = performance.now();
      const refused = await writeSecret(server(), namespace, 'second', 'hunter2');
      expect([refused.status, refused.text]).toEqual([500, expect.stringContaining('DeadlineExceeded') as string]);
      // Answered when kube-apiserver has given up, and not when the key service is done.
      expect(performance.now() - begun).toBeLessThan(5_500);
      expect(await passwordIn(namespace)).toBe('hunter2');
      expect(desk.metrics()).toContain('api="v1",operation="encrypt",outcome="timeout"} ');
      key.seal = seal;
      expect((await writeSecret(server(), namespace, 'second', 'hunter2')).status).toBe(201);
    },
    patience,
  );
});

test(
  'a key service that turns the plugin away for too many calls: told in words, written on, and well when it takes calls again',
  async () => {
    const key = `key "jdcloudkms" {\n endpoint = "${jdcloud.address}"\n kms_key_id = "abcd"\n access_key = "AK"\n secret_key = "secret-key-of-the-test"\n }`;
    const plugin = await makeKmsPlugin(cluster(), 'throttled', { key, more: 'unhealthy_after = "1s"' });
    cleanups.push(() => plugin.stop());
    await plugin.start();
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint));
    const throttled = refusal(429, 'RESOURCE_EXHAUSTED');
    const feeding = setInterval(() => {
      while (jdcloud.replies.length < 20) jdcloud.replies.push(throttled);
    }, 20);
    try {
      await isSick();
      expect(plugin.logs()).toMatch(/too many|RESOURCE_EXHAUSTED|throttl/i);
      expect(plugin.logs()).not.toContain('a message that quotes the request');
      expect((await writeSecret(server(), namespace, 'second', 'hunter2')).status).toBe(201);
      expect(await passwordIn(namespace)).toBe('hunter2');
    } finally {
      clearInterval(feeding);
      jdcloud.replies.length = 0;
    }
    await isWell();
  },
  patience,
);

describe('a full disk', () => {
  /** A small file system in the cluster's folder. */
  function disk(context: TestContext, name: string): { readonly path: string; fill(): void; free(): void } {
    const path = join(cluster().folder, name);
    mkdirSync(path, { mode: 0o700 });
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', path]).status !== 0)
      context.skip('a small file system needs root and mount');
    cleanups.push(() => spawnSync('umount', ['-l', path]));
    const ballast = join(path, 'ballast');
    return {
      path,
      fill() {
        try {
          for (;;) appendFileSync(ballast, Buffer.alloc(4_096));
        } catch (thrown) {
          if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown;
        }
      },
      free: () => rmSync(ballast),
    };
  }

  test(
    'under the audit file: nothing is unwrapped, kube-apiserver is told why, and reads again as soon as there is room',
    async (context) => {
      const small = disk(context, 'audit-disk');
      const plugin = await makeKmsPlugin(cluster(), 'audited');
      cleanups.push(() => plugin.stop());
      appendFileSync(plugin.configFile, `audit { path = "${join(small.path, 'audit.log')}" }\n`);
      await plugin.start();
      const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint));
      small.fill();
      expect((await writeSecret(server(), namespace, 'second', 'hunter2')).status).toBe(201);
      expect(await passwordIn(namespace)).toBe('hunter2');
      const started = restartUnready();
      await until('an unwrap was refused for want of its line', () => /the audit line could not be written.*ENOSPC/.test(plugin.logs()), {
        within: 60_000,
      });
      expect((await readSecret(server(), namespace, 'login')).status).toBe(500);
      small.free();
      await until('the secret is read', async () => (await passwordIn(namespace)) === 'hunter2', { within: 60_000, every: 500 });
      await started;
      // No line is glued to the rest of one that broke off.
      const lines = readFileSync(join(small.path, 'audit.log'), 'utf8').trimEnd().split('\n');
      expect(lines.filter((line) => line.startsWith('{"time"') && line.endsWith('}')).length).toBeGreaterThan(0);
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'unwrap', outcome: 'ok' });
    },
    patience,
  );

  test(
    'under the key ring: a new version is refused and harms nothing, the plugin seals and opens on, also started anew',
    async (context) => {
      const small = disk(context, 'ring-disk');
      const ring = join(small.path, 'ring');
      const parts = { random: systemRandom, clock: systemClock };
      await createRing(ring, { name: 'small', cipher: 'aes-256-gcm' }, parts);
      const plugin = await makeKmsPlugin(cluster(), 'ringed', { key: `key "local" { path = "${ring}" }` });
      cleanups.push(() => plugin.stop());
      await plugin.start();
      const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint));
      small.fill();
      const before = readFileSync(ring);
      await expect(addRingKey(ring, { cipher: 'aes-256-gcm', use: true }, parts)).rejects.toThrow();
      expect(readFileSync(ring)).toEqual(before);
      await plugin.kill();
      await plugin.start();
      await isWell();
      expect((await writeSecret(server(), namespace, 'second', 'hunter2')).status).toBe(201);
      await server().restart();
      expect(await passwordIn(namespace)).toBe('hunter2');
    },
    patience,
  );

  test(
    'under the cache of a key of two levels: told in the log, secrets are written and read',
    async (context) => {
      const small = disk(context, 'cache-disk');
      small.fill();
      const ring = join(cluster().folder, 'cached', 'ring');
      const levels = `two_levels {\n cipher = "sm4-gcm"\n cache_file = "${join(small.path, 'cache')}"\n cache_ring = "${ring}"\n }`;
      const key = `key "transit" {\n address = "${transit.description.address}"\n key_name = "etcd"\n token = "file://${transit.tokenFile}"\n ${levels}\n }`;
      const plugin = await makeKmsPlugin(cluster(), 'cached', { key });
      cleanups.push(() => plugin.stop());
      await plugin.start();
      const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint));
      expect(plugin.logs()).toContain('the key cache cannot be written');
      await server().restart();
      expect(await passwordIn(namespace)).toBe('hunter2');
      expect(await healthOf()).toBe(200);
    },
    patience,
  );
});

test(
  'a key that is away for good when the plugin starts ends nothing: it waits, says for what, and serves when the key is there',
  async () => {
    const plugin = await makeKmsPlugin(cluster(), 'waiting', {
      key: `key "transit" {\n address = "${transit.description.address}"\n key_name = "etcd"\n token = "file://${transit.tokenFile}"\n }`,
    });
    cleanups.push(() => plugin.stop());
    transit.gate.shut();
    try {
      await plugin.start();
      writeFileSync(server().encryptionFile, `# away\n${encryptionOf([kmsV2('casemate', plugin.endpoint), identity])}`);
      await until('the plugin says what it waits for', () => plugin.logs().includes('the key backend is not well'), { within: 30_000 });
      // A reload that names a plugin that is not well is refused by kube-apiserver, which goes on as it was.
      const namespace = await cluster().namespace();
      expect((await writeSecret(server(), namespace, 'plain', 'hunter2')).status).toBe(201);
    } finally {
      transit.gate.open();
    }
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint));
    expect(await passwordIn(namespace)).toBe('hunter2');
    expect(plugin.logs().split('"the plugin is ready"')).toHaveLength(2);
  },
  patience,
);
