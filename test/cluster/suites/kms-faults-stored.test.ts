// What a KMS plugin must never let pass, before a real kube-apiserver: changed ciphertext, ciphertext too long, broken calls, plaintext in a log.

import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { kmsCaller } from '../../kms/kms-client.ts';
import { type Desk, openDesk } from '../../kms/plugin-desk.ts';
import { scriptedKey } from '../../kms/scripted-key.ts';
import type { Server } from '../fixture/cluster.ts';
import { encryptionOf, identity, kmsV1, kmsV2, reload } from '../fixture/encryption.ts';
import { makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { passwordOf, readSecret, rewriteSecret, secretKey, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ encryption: encryptionOf([identity]), flags: ['--feature-gates=KMSv1=true'] });
const patience = 120_000;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  await cluster().etcd.deleteAll('/registry/secrets/');
  await reload(server(), `# none ${made}\n${encryptionOf([identity])}`);
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const server = (): Server => cluster().servers[0];
const healthOf = async (): Promise<number> => (await server().call('GET', '/healthz/kms-providers')).status;
let made = 0;

/** A Secret under the endpoint: the namespace that it lies in. */
async function secretUnder(provider: object, password: string): Promise<string> {
  made += 1;
  await reload(server(), `# ${made}\n${encryptionOf([provider, identity])}`);
  const namespace = await cluster().namespace();
  expect((await writeSecret(server(), namespace, 'login', password)).status).toBe(201);
  return namespace;
}

/** A plugin in the test's own process, with a key that misbehaves as it is told. */
async function scriptedPlugin(key = scriptedKey()): Promise<Desk & { readonly endpoint: string }> {
  const desk = await openDesk({ key, probeEvery: 200 });
  cleanups.push(() => desk.end());
  return { ...desk, endpoint: `unix://${desk.socket}` };
}

describe('a Secret of which a byte was changed in etcd is refused', () => {
  test.each([
    ['v2', 'aes-256-gcm', kmsV2],
    ['v2', 'sm4-gcm', kmsV2],
    ['v1', 'aes-256-gcm', kmsV1],
    ['v1', 'sm4-gcm', kmsV1],
  ] as const)(
    '%s, %s, whichever byte it is, and read again when it is as it was',
    async (version, cipher, provider) => {
      const plugin = await makeKmsPlugin(cluster(), `changed-${version}-${cipher.slice(0, 3)}`, { cipher });
      cleanups.push(() => plugin.stop());
      await plugin.start();
      const namespace = await secretUnder(provider('casemate', plugin.endpoint), 'hunter2');
      const key = secretKey(namespace, 'login');
      const whole = (await cluster().etcd.get(key))?.value ?? Buffer.alloc(0);
      const prefix = `k8s:enc:kms:${version}:casemate:`;
      expect(whole.toString('latin1').startsWith(prefix)).toBe(true);
      const taken: string[] = [];
      const step = Math.max(1, Math.floor((whole.length - prefix.length) / 60));
      for (
        let at = prefix.length;
        at < whole.length;
        at += at + step >= whole.length && at < whole.length - 1 ? whole.length - 1 - at : step
      ) {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] as number) ^ 0x10;
        await cluster().etcd.put(key, changed);
        const answer = await readSecret(server(), namespace, 'login');
        if (answer.status !== 500 || answer.text.includes('hunter2')) taken.push(`byte ${at}: ${answer.status}`);
      }
      expect(taken).toEqual([]);
      // The plugin was asked too: not every change falls into what kube-apiserver opens by itself.
      expect(plugin.logs()).toMatch(/"outcome":"(corrupted|invalid-request)"/);
      await cluster().etcd.put(key, whole);
      expect(passwordOf(await readSecret(server(), namespace, 'login'))).toBe('hunter2');
    },
    patience,
  );
});

test(
  'a ciphertext of 1025 bytes is refused in words before it is stored, and all goes on with the key before',
  async () => {
    const desk = await scriptedPlugin();
    const namespace = await secretUnder(kmsV2('casemate', desk.endpoint), 'hunter2');
    desk.key.script.ciphertext = Buffer.alloc(1025, 7);
    desk.key.rotate();
    await until(
      'kube-apiserver was refused a seed under the new key',
      async () => {
        await healthOf();
        return desk.metrics().includes('operation="encrypt",outcome="too-large"}');
      },
      { within: 60_000, every: 500 },
    );
    expect(desk.log()).toContain('the ciphertext has 1025 bytes; 1024 are allowed in KMS v2');
    await rewriteSecret(server(), namespace, 'login');
    expect(await storedSecret(cluster(), namespace, 'login')).toContain('right:v1');
    expect(passwordOf(await readSecret(server(), namespace, 'login'))).toBe('hunter2');
    desk.key.script.ciphertext = undefined;
    await until(
      'kube-apiserver seals with the new key',
      async () => {
        await healthOf();
        await rewriteSecret(server(), namespace, 'login');
        return (await storedSecret(cluster(), namespace, 'login')).includes('right:v2');
      },
      { within: 90_000, every: 500 },
    );
  },
  patience,
);

/** Bytes on a connection of their own; resolves when the plugin has closed it, or after a second. */
function noise(socket: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => connection.write(bytes));
    const end = (): void => {
      clearTimeout(late);
      connection.destroy();
      resolve();
    };
    const late = setTimeout(end, 1_000);
    connection.on('close', end).on('error', end).resume();
  });
}

test(
  'calls that are no gRPC, or broken, end by themselves; kube-apiserver reads and writes on beside them',
  async () => {
    const desk = await scriptedPlugin();
    const namespace = await secretUnder(kmsV2('casemate', desk.endpoint), 'hunter2');
    const stranger = kmsCaller(desk.socket);
    cleanups.push(() => stranger.close());
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await Promise.all([
      noise(desk.socket, Buffer.from('GET /v2.KeyManagementService/Status HTTP/1.1\r\nhost: localhost\r\n\r\n')),
      noise(desk.socket, Buffer.alloc(4_096, 0xff)),
      // A frame that is longer than HTTP/2 allows, and one that breaks off.
      noise(desk.socket, Buffer.concat([preface, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])])),
      noise(desk.socket, Buffer.concat([preface, Buffer.from([0, 0, 40, 1, 4, 0, 0, 0, 1, 0x82])])),
      ...['Status', 'Encrypt', 'Decrypt', 'Rotate'].map((method) =>
        stranger.raw(method, Buffer.from([0x0a, 0x7f, 1])).then(
          () => Promise.reject(new Error(`${method} was answered`)),
          () => undefined,
        ),
      ),
    ]);
    expect((await writeSecret(server(), namespace, 'beside', 'noise')).status).toBe(201);
    await server().restart();
    expect(passwordOf(await readSecret(server(), namespace, 'beside'))).toBe('noise');
    expect(await healthOf()).toBe(200);
  },
  patience,
);

test(
  'neither the seeds that kube-apiserver has sealed nor what is in Secrets stands in a log, also when calls fail',
  async () => {
    const key = scriptedKey();
    const seeds: Buffer[] = [];
    const listening = Object.assign(key, {
      seal: ((seal) => (plaintext: Uint8Array, signal: AbortSignal) => {
        seeds.push(Buffer.from(plaintext));
        return seal(plaintext, signal);
      })(key.seal),
    });
    const desk = await scriptedPlugin(listening);
    const canary = 'canary-2b1f7c90';
    const namespace = await secretUnder(kmsV2('casemate', desk.endpoint), canary);
    key.script.fault = new SyntaxError(`Unexpected token in ${canary}`);
    expect(await healthOf()).toBe(200);
    await until('the probe failed', () => desk.log().includes('by a fault of the program'));
    await until('kube-apiserver was told', async () => (await healthOf()) !== 200, { within: 60_000, every: 500 });
    key.script.fault = undefined;
    await until('kube-apiserver is well', async () => (await healthOf()) === 200, { within: 60_000, every: 500 });
    await reload(
      server(),
      `# v1 for the canary\n${encryptionOf([kmsV1('casemate1', desk.endpoint), kmsV2('casemate', desk.endpoint), identity])}`,
    );
    expect((await writeSecret(server(), namespace, 'second', canary)).status).toBe(201);
    expect(seeds.length).toBeGreaterThan(1);
    const folder = join(cluster().folder, 'logs');
    const logs = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
    const written = [...logs, desk.log(), desk.metrics(), readFileSync(desk.auditFile, 'latin1')].join('\n');
    // v1 proves its health with a word that is no secret.
    const hidden = [Buffer.from(canary), ...seeds.filter((seed) => seed.length >= 16)];
    expect(hidden.length).toBeGreaterThan(2);
    for (const secret of hidden)
      for (const form of ['latin1', 'base64', 'hex'] as const) expect(written.includes(secret.toString(form)), form).toBe(false);
  },
  patience,
);
