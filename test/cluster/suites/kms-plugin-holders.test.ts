// casemate kms behind a real kube-apiserver, its key held by a transit engine or by JD Cloud: the walk, outages, rotation, refusals.

import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CloudServer } from '../../suites/cloud-kms/cloud-server.ts';
import { startJdcloud } from '../../suites/cloud-kms/jdcloud-server.ts';
import { startTransitHolder, type TransitHolder } from '../../suites/transit-holder.ts';
import type { Server } from '../fixture/cluster.ts';
import { encryptionOf, identity, kmsV1, kmsV2, reload } from '../fixture/encryption.ts';
import { type KmsPlugin, makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { passwordOf, readSecret, rewriteSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ encryption: encryptionOf([identity]), flags: ['--feature-gates=KMSv1=true'] });
const patience = 120_000;
const secretKey = 'secret-key-of-the-test';
let transit: TransitHolder;
let jdcloud: CloudServer;
const plugins: KmsPlugin[] = [];

beforeAll(async () => {
  [transit, jdcloud] = await Promise.all([startTransitHolder(), startJdcloud()]);
  jdcloud.keys.create('abcd');
  jdcloud.accounts.set('AK', { secretKey });
}, 60_000);
afterEach(async () => {
  await cluster().etcd.deleteAll('/registry/secrets/');
  for (const plugin of plugins.splice(0)) await plugin.stop();
});
afterAll(async () => {
  await transit.end();
  await jdcloud.close();
});

const server = (): Server => cluster().servers[0];
const healthOf = async (): Promise<number> => (await server().call('GET', '/healthz/kms-providers')).status;
const isWell = () => until('the check of the plugin passes', async () => (await healthOf()) === 200, { within: 60_000, every: 500 });
const isSick = () => until('the check of the plugin fails', async () => (await healthOf()) !== 200, { within: 60_000, every: 500 });

const holders = {
  transit: () => `key "transit" {
    address = "${transit.description.address}"
    key_name = "etcd"
    token = "file://${transit.tokenFile}"
  }`,
  'transit over two levels with SM4': () => holders.transit().replace(/\}$/, ' two_levels { cipher = "sm4-gcm" }\n }'),
  'JD Cloud': () => `key "jdcloudkms" {
    endpoint = "${jdcloud.address}"
    kms_key_id = "abcd"
    access_key = "AK"
    secret_key = "${secretKey}"
  }`,
};

let made = 0;

async function pluginOf(holder: keyof typeof holders): Promise<KmsPlugin> {
  made += 1;
  const plugin = await makeKmsPlugin(cluster(), `holder${made}`, { key: holders[holder](), more: 'unhealthy_after = "1s"' });
  plugins.push(plugin);
  await plugin.start();
  return plugin;
}

async function secretUnder(plugin: KmsPlugin, provider: typeof kmsV2 = kmsV2): Promise<string> {
  await reload(server(), `# ${plugin.name}\n${encryptionOf([provider('myKmsPlugin', plugin.endpoint), identity])}`);
  const namespace = await cluster().namespace();
  expect((await writeSecret(server(), namespace, 'login', 'hunter2')).status).toBe(201);
  return namespace;
}

const passwordIn = async (namespace: string): Promise<string> => passwordOf(await readSecret(server(), namespace, 'login'));

describe('the walk of a newcomer', () => {
  test.each([
    ['transit', 'v2', kmsV2],
    ['transit', 'v1', kmsV1],
    ['transit over two levels with SM4', 'v2', kmsV2],
    ['transit over two levels with SM4', 'v1', kmsV1],
    ['JD Cloud', 'v2', kmsV2],
    ['JD Cloud', 'v1', kmsV1],
  ] as const)(
    '%s, %s: ciphertext lies in etcd, clear text is read, also after a restart',
    async (holder, version, provider) => {
      const plugin = await pluginOf(holder);
      const namespace = await secretUnder(plugin, provider);
      const stored = await storedSecret(cluster(), namespace, 'login');
      expect(stored.startsWith(`k8s:enc:kms:${version}:myKmsPlugin:`)).toBe(true);
      expect(stored).not.toContain('hunter2');
      await server().restart();
      expect(await passwordIn(namespace)).toBe('hunter2');
      expect(plugin.logs()).not.toMatch(/hunter2|secret-key-of-the-test/);
      await cluster().etcd.deleteAll('/registry/secrets/');
      await reload(server(), `# after ${plugin.name}\n${encryptionOf([identity])}`);
    },
    patience,
  );
});

test(
  'a holder that is away: secrets are read and written on, its health is told, and it is well when the holder is back',
  async () => {
    const plugin = await pluginOf('transit');
    const namespace = await secretUnder(plugin);
    transit.gate.shut();
    try {
      await isSick();
      expect(await passwordIn(namespace)).toBe('hunter2');
      expect((await writeSecret(server(), namespace, 'written', 'while it was away')).status).toBe(201);
      expect(plugin.logs()).toContain('the key backend is not well');
    } finally {
      transit.gate.open();
    }
    await isWell();
  },
  patience,
);

test(
  'a key that is rotated at its holder is seen without a restart, and the plugin sealed nothing under another name than it told',
  async () => {
    const plugin = await pluginOf('transit');
    const namespace = await secretUnder(plugin);
    await transit.rotate('etcd');
    await until(
      'kube-apiserver has sealed with the new key',
      async () => {
        await healthOf();
        await rewriteSecret(server(), namespace, 'login');
        return /transit:transit\/etcd:v2:/.test(await storedSecret(cluster(), namespace, 'login'));
      },
      { within: 90_000, every: 1_000 },
    );
    expect(await passwordIn(namespace)).toBe('hunter2');
    expect(server().logs()).not.toContain('failed to rotate DEK');
  },
  patience,
);

test('a disabled key, and refused credentials, are told in words; credentials that are changed in the file count without a restart', async () => {
  const plugin = await pluginOf('JD Cloud');
  await secretUnder(plugin);
  const key = jdcloud.keys.find('abcd');
  if (key === undefined) throw new Error('the key service has lost its key');
  key.state = 'disabled';
  await isSick();
  expect(plugin.logs()).toContain('keyStatus 1');
  key.state = 'enabled';
  await isWell();
  const text = readFileSync(plugin.configFile, 'utf8');
  jdcloud.accounts.set('AK', { secretKey: 'a-newer-secret-key' });
  await isSick();
  writeFileSync(plugin.configFile, text.replace(secretKey, 'a-newer-secret-key'));
  await isWell();
  jdcloud.accounts.set('AK', { secretKey });
}, 180_000);
