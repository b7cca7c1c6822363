// Encryption at rest on one apiserver: what each provider leaves in etcd, hot reload with its metrics, and a KMS that misbehaves.

import { expect, test } from 'vitest';
import type { Cluster } from '../fixture/cluster.ts';
import {
  aescbc,
  encryptionOf,
  hashOf,
  identity,
  kmsV1,
  kmsV2,
  loadedHash,
  type Provider,
  reload,
  secretbox,
} from '../fixture/encryption.ts';
import { metric } from '../fixture/metrics.ts';
import { passwordOf, readSecret, rewriteSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const first = encryptionOf([aescbc('first'), identity]);
const cluster = clusterOfFile({ kms: ['vault', 'other'], encryption: first, flags: ['--feature-gates=KMSv1=true'] });
const reloads = 'apiserver_encryption_config_controller_automatic_reloads_total';

/** All providers of this file can open what any test has sealed before. */
function sealedBy(provider: Provider, { kms }: Cluster = cluster()): string {
  const rest = [aescbc('first'), secretbox('second'), kmsV2('vault', kms('vault').endpoint), kmsV1('old', kms('other').endpoint), identity];
  const others = rest.filter((other) => JSON.stringify(other) !== JSON.stringify(provider));
  return encryptionOf([provider, ...others]);
}

async function prefixAfter(provider: Provider): Promise<string> {
  const namespace = await cluster().namespace();
  await reload(cluster().servers[0], sealedBy(provider));
  expect((await writeSecret(cluster(), namespace, 'login', 'hunter2')).status).toBe(201);
  expect(passwordOf(await readSecret(cluster(), namespace, 'login'))).toBe('hunter2');
  const stored = await storedSecret(cluster(), namespace, 'login');
  expect(stored).not.toContain('hunter2');
  return stored;
}

test('the server starts with its configuration, and says so before any reload', async () => {
  expect(await loadedHash(cluster().servers[0])).toBe(hashOf(first));
});

test('aescbc and secretbox leave ciphertext that names provider and key', async () => {
  expect(await prefixAfter(aescbc('first'))).toMatch(/^k8s:enc:aescbc:v1:first:/);
  expect(await prefixAfter(secretbox('second'))).toMatch(/^k8s:enc:secretbox:v1:second:/);
});

test('a KMS v2 seals one seed, and writes need no further call', async () => {
  const kms = cluster().kms('vault');
  expect(await prefixAfter(kmsV2('vault', kms.endpoint))).toMatch(/^k8s:enc:kms:v2:vault:/);
  const seals = kms.count('encrypt');
  expect(seals).toBeGreaterThan(0);
  const namespace = await cluster().namespace();
  await writeSecret(cluster(), namespace, 'again', 'hunter2');
  expect(kms.count('encrypt')).toBe(seals);
});

test('a KMS v1 is called for each write', async () => {
  const kms = cluster().kms('other');
  expect(await prefixAfter(kmsV1('old', kms.endpoint))).toMatch(/^k8s:enc:kms:v1:old:/);
  const seals = kms.count('v1-encrypt');
  const namespace = await cluster().namespace();
  await writeSecret(cluster(), namespace, 'again', 'hunter2');
  expect(kms.count('v1-encrypt')).toBe(seals + 1);
});

test('a changed file is loaded without a restart, and what is rewritten is sealed anew', async () => {
  const [server] = cluster().servers;
  const namespace = await cluster().namespace();
  await reload(server, sealedBy(identity));
  await writeSecret(server, namespace, 'login', 'hunter2');
  expect(await storedSecret(cluster(), namespace, 'login')).toContain('hunter2');
  const [pid, successes] = [server.pid(), metric(await server.metrics(), reloads, { status: 'success' })];
  await reload(server, sealedBy(secretbox('second')));
  expect(server.pid()).toBe(pid);
  expect(metric(await server.metrics(), reloads, { status: 'success' })).toBe(successes + 1);
  expect(await storedSecret(cluster(), namespace, 'login')).toContain('hunter2');
  expect((await rewriteSecret(server, namespace, 'login')).status).toBe(200);
  expect(await storedSecret(cluster(), namespace, 'login')).toMatch(/^k8s:enc:secretbox:v1:second:/);
});

test('a file that is no configuration is counted and ignored', async () => {
  const [server] = cluster().servers;
  const namespace = await cluster().namespace();
  const good = sealedBy(secretbox('second'));
  await reload(server, good);
  const failures = metric(await server.metrics(), reloads, { status: 'failure' });
  await server.writeEncryption('kind: Nonsense\n');
  await until('the failure is counted', async () => metric(await server.metrics(), reloads, { status: 'failure' }) > failures);
  expect(await loadedHash(server)).toBe(hashOf(good));
  expect(await server.isReady()).toBe(true);
  await writeSecret(server, namespace, 'login', 'hunter2');
  expect(await storedSecret(cluster(), namespace, 'login')).toMatch(/^k8s:enc:secretbox:v1:second:/);
  await server.writeEncryption(good);
});

test('a rotated KMS key seals after the next load of the configuration, and the old one still opens', async () => {
  const [server] = cluster().servers;
  const kms = cluster().kms('vault');
  const namespace = await cluster().namespace();
  const configuration = sealedBy(kmsV2('vault', kms.endpoint));
  await reload(server, configuration);
  await writeSecret(server, namespace, 'old', 'hunter2');
  const [before, seals] = [kms.keys.current(), kms.count('encrypt')];
  kms.keys.rotate();
  await reload(server, `# the same, loaded again\n${configuration}`);
  await writeSecret(server, namespace, 'new', 'hunter3');
  expect(kms.count('encrypt')).toBeGreaterThan(seals);
  expect(await storedSecret(cluster(), namespace, 'old')).toContain(before);
  expect(await storedSecret(cluster(), namespace, 'new')).toContain(kms.keys.current());
  expect(passwordOf(await readSecret(server, namespace, 'old'))).toBe('hunter2');
});

test('a stopped KMS turns the server unready and a started one ready, and what it had sealed is readable all the while', async () => {
  const [server] = cluster().servers;
  const kms = cluster().kms('vault');
  const namespace = await cluster().namespace();
  await reload(server, sealedBy(kmsV2('vault', kms.endpoint)));
  await writeSecret(server, namespace, 'login', 'hunter2');
  const health = async () => (await server.call('GET', '/healthz/kms-providers')).status;
  await kms.stop();
  try {
    await until('the check of the KMS fails', async () => (await health()) !== 200, { within: 40_000, every: 250 });
    expect(passwordOf(await readSecret(server, namespace, 'login'))).toBe('hunter2');
  } finally {
    await kms.start();
  }
  await until('the check of the KMS passes', async () => (await health()) === 200, { within: 40_000, every: 250 });
}, 120_000);

test('a KMS that says that it is out of order makes the load of a configuration fail', async () => {
  const [server] = cluster().servers;
  const { behaviour } = cluster().kms('vault');
  const good = sealedBy(aescbc('first'));
  await reload(server, good);
  const failures = metric(await server.metrics(), reloads, { status: 'failure' });
  behaviour.healthz = 'out of order';
  try {
    await server.writeEncryption(`# changed\n${good}`);
    await until('the failure is counted', async () => metric(await server.metrics(), reloads, { status: 'failure' }) > failures, {
      within: 60_000,
      every: 250,
    });
    expect(await loadedHash(server)).toBe(hashOf(good));
  } finally {
    behaviour.healthz = 'ok';
  }
  await reload(server, `# well again\n${good}`);
}, 120_000);
