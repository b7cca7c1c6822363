// casemate kms behind a real kube-apiserver: what lies in etcd, rotation, and a plugin that is killed, hung, absent or wrong.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Server } from '../fixture/cluster.ts';
import { encryptionOf, identity, kmsV1, kmsV2, reload } from '../fixture/encryption.ts';
import { type KmsPlugin, makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { samples } from '../fixture/metrics.ts';
import { passwordOf, readSecret, rewriteSecret, secretKey, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ encryption: encryptionOf([identity]), flags: ['--feature-gates=KMSv1=true'] });
const patience = 120_000;
let plugin: KmsPlugin;

beforeAll(async () => {
  plugin = await makeKmsPlugin(cluster(), 'plugin');
  await plugin.start();
}, 60_000);

/** kube-apiserver is not ready as long as there is one secret that it cannot read. */
afterEach(async () => {
  await cluster().etcd.deleteAll('/registry/secrets/');
});

const server = (): Server => cluster().servers[0];
const healthOf = async (): Promise<number> => (await server().call('GET', '/healthz/kms-providers')).status;
const isWell = () => until('the check of the plugin passes', async () => (await healthOf()) === 200, { within: 60_000, every: 500 });

/** A text that no other configuration has: what is loaded is told by its hash. */
function sealedBy(provider: object, note: string): string {
  return `# ${note}\n${encryptionOf([provider, identity])}`;
}

async function secretUnder(provider: object, note: string): Promise<string> {
  await reload(server(), sealedBy(provider, note));
  const namespace = await cluster().namespace();
  expect((await writeSecret(server(), namespace, 'login', 'hunter2')).status).toBe(201);
  return namespace;
}

/** `k8s:enc:kms:v2:` stores the key's id in clear, which is why anybody can tell what was sealed by what. */
const isUnder = async (namespace: string, keyId: string) => (await storedSecret(cluster(), namespace, 'login')).includes(keyId);

describe('the walk of a newcomer', () => {
  test.each([
    ['v2', 'aes-256-gcm', kmsV2],
    ['v2', 'sm4-gcm', kmsV2],
    ['v1', 'aes-256-gcm', kmsV1],
    ['v1', 'sm4-gcm', kmsV1],
  ] as const)(
    '%s, %s: kubectl creates a secret, etcd holds ciphertext, kubectl shows it, also after a restart',
    async (version, cipher, provider) => {
      const own = await makeKmsPlugin(cluster(), `${version}-${cipher.slice(0, 3)}`, { cipher });
      await own.start();
      await reload(server(), sealedBy(provider('myKmsPlugin', own.endpoint), own.name));
      const namespace = await cluster().namespace();
      const created = await cluster().kubectl(['create', 'secret', 'generic', 'secret1', '-n', namespace, '--from-literal=mykey=mydata']);
      expect(created.stderr).toBe('');
      const stored = await storedSecret(cluster(), namespace, 'secret1');
      expect(stored.startsWith(`k8s:enc:kms:${version}:myKmsPlugin:`)).toBe(true);
      expect(stored).not.toContain('mydata');
      await server().restart();
      const shown = await cluster().kubectl(['get', 'secret', 'secret1', '-n', namespace, '-o', 'jsonpath={.data.mykey}']);
      expect(Buffer.from(shown.stdout, 'base64').toString()).toBe('mydata');
      expect(own.logs()).toContain(`"type":"unwrap","provider":"casemate","api":"${version}"`);
      expect(own.logs()).not.toContain('mydata');
      await cluster().etcd.deleteAll('/registry/secrets/');
      await reload(server(), sealedBy(identity, `after ${own.name}`));
      await own.stop();
    },
    patience,
  );
});

test(
  'a rotated key is seen without a restart, seals from then on, and the old one opens',
  async () => {
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint), 'rotation');
    const keyId = await plugin.rotate();
    const hash = `sha256:${createHash('sha256').update(keyId).digest('hex')}`;
    await until(
      'kube-apiserver has sealed with the new key',
      async () => {
        // Each check of its health looks at Status again, which it would otherwise do once a minute.
        await healthOf();
        await rewriteSecret(server(), namespace, 'login');
        return isUnder(namespace, keyId);
      },
      { within: 90_000, every: 1_000 },
    );
    const sealed = samples(await server().metrics(), 'apiserver_envelope_encryption_key_id_hash_total').filter(
      ({ labels }) => labels['key_id_hash'] === hash && labels['transformation_type'] === 'to_storage',
    );
    expect(sealed).toHaveLength(1);
    expect(passwordOf(await readSecret(server(), namespace, 'login'))).toBe('hunter2');
  },
  patience,
);

test(
  'killed, secrets are read and written on; started again over its stale socket it is well',
  async () => {
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint), 'killed');
    await plugin.kill();
    expect(passwordOf(await readSecret(server(), namespace, 'login'))).toBe('hunter2');
    expect((await writeSecret(server(), namespace, 'written', 'while it was away')).status).toBe(201);
    await until('the check of the plugin fails', async () => (await healthOf()) !== 200, { within: 60_000, every: 500 });
    expect((await server().call('GET', '/livez')).status).toBe(200);
    await plugin.start();
    await isWell();
    expect(passwordOf(await readSecret(server(), namespace, 'written'))).toBe('while it was away');
  },
  patience,
);

test(
  'hung, secrets are read on, and it is well when it goes on',
  async () => {
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint), 'hung');
    plugin.signal('SIGSTOP');
    try {
      await until('the check of the plugin fails', async () => (await healthOf()) !== 200, { within: 60_000, every: 500 });
      expect(passwordOf(await readSecret(server(), namespace, 'login'))).toBe('hunter2');
    } finally {
      plugin.signal('SIGCONT');
    }
    await isWell();
  },
  patience,
);

test(
  'absent when kube-apiserver starts, all else is served; secrets are there as soon as it is',
  async () => {
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint), 'absent');
    await plugin.stop();
    await server().stop();
    const started = server()
      .start()
      .catch((thrown: unknown) => thrown);
    // It holds itself for sick as long as there are secrets that it cannot list, and serves all else.
    await until(
      'only the storage of secrets is not ready',
      async () => {
        const failed = (await server().call('GET', '/livez?verbose')).text.match(/^\[-\]\S+/gm);
        return failed?.length === 1 && failed[0] === '[-]poststarthook/storage-readiness';
      },
      { within: 60_000, every: 500 },
    );
    expect((await server().call('GET', '/api/v1/configmaps')).status).toBe(200);
    expect((await readSecret(server(), namespace, 'login')).status).toBe(500);
    await plugin.start();
    await started;
    await until('the secret is read', async () => passwordOf(await readSecret(server(), namespace, 'login')) === 'hunter2', {
      within: 60_000,
      every: 500,
    });
  },
  patience,
);

test(
  'with a wrong key a node neither starts with a proof of the right one, nor opens anything',
  async () => {
    const namespace = await secretUnder(kmsV2('casemate', plugin.endpoint), 'right key');
    const [proof] =
      /proof = "[^"]+"/.exec(execFileSync(plugin.program, ['kms', 'check', `-config=${plugin.configFile}`], { encoding: 'utf8' })) ?? [];
    const proving = await makeKmsPlugin(cluster(), 'proving', { more: proof ?? '' });
    expect(await proving.refusal()).toContain('this node has another key than the proof in its configuration was made with');
    const wrong = await makeKmsPlugin(cluster(), 'wrong');
    await wrong.start();
    await reload(server(), sealedBy(kmsV2('casemate', wrong.endpoint), 'wrong key'));
    const begun = performance.now();
    const refused = await readSecret(server(), namespace, 'login');
    expect(refused.status).toBe(500);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(wrong.logs()).toMatch(/"outcome":"invalid-request"/);
    await reload(server(), sealedBy(kmsV2('casemate', plugin.endpoint), 'right key again'));
    await until('the secret is read', async () => passwordOf(await readSecret(server(), namespace, 'login')) === 'hunter2', {
      within: 20_000,
    });
    expect((await cluster().etcd.get(secretKey(namespace, 'login')))?.value.toString('latin1')).toMatch(/^k8s:enc:kms:v2:casemate:/);
    await wrong.stop();
  },
  patience,
);
