// Snapshots of a real cluster: what the inspector reads offline is what was written, and what it says that opens is what a real kube-apiserver can read.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEncryptionConfig } from '../../../src/etcd/config/read-config.ts';
import { type Inspection, inspectSnapshot } from '../../../src/etcd/snapshots/inspect.ts';
import { keyFingerprint } from '../../../src/etcd/snapshots/key-fingerprint.ts';
import { checkRestore } from '../../../src/etcd/snapshots/restore-check.ts';
import { saveSnapshot } from '../../../src/etcd/snapshots/save.ts';
import { openSnapshot } from '../../../src/etcd/snapshots/snapshot-file.ts';
import { readManifest } from '../../../src/etcd/snapshots/snapshot-manifest.ts';
import { openEtcd } from '../../../src/etcd/verify/etcd-client.ts';
import type { Server } from '../fixture/cluster.ts';
import { aescbc, encryptionOf, identity, kmsV1, kmsV2, type Provider, reload, secretbox, testKey } from '../fixture/encryption.ts';
import { clusterPrograms } from '../fixture/programs.ts';
import { passwordOf, readSecret, rewriteSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const flags = ['--feature-gates=KMSv1=true'];
const first = encryptionOf([identity, aescbc('first')]);
const cluster = clusterOfFile({ kms: ['vault', 'old'], encryption: first, flags });
/** Where snapshots of the first one are restored. */
const target = clusterOfFile({ encryption: first, flags });

const aesgcm = (...names: readonly string[]): Provider => ({
  // 24 bytes: the size that nothing else has.
  aesgcm: { keys: names.map((name) => ({ name, secret: Buffer.from(testKey(name), 'base64').subarray(0, 24).toString('base64') })) },
});

/** In the order in which they seal one Secret each. */
function providers(): readonly Provider[] {
  const { kms } = cluster();
  return [
    identity,
    aescbc('first'),
    aescbc('second'),
    aesgcm('gcm'),
    secretbox('box'),
    kmsV2('vault', kms('vault').endpoint),
    kmsV1('old', kms('old').endpoint),
  ];
}

function configurationOf(list: readonly Provider[], resources?: readonly string[]): string {
  return encryptionOf(list, resources);
}

const read = (text: string) => readEncryptionConfig(text, { path: 'enc.yaml' }).config;
const signal = new AbortController().signal;

const folder = mkdtempSync(join(tmpdir(), 'casemate-snapshots-'));
const path = join(folder, 'etcd.db');
let namespace = '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function save(at: string, texts: readonly string[]) {
  const etcd = openEtcd({ endpoints: [cluster().etcd.url] });
  try {
    return await saveSnapshot({
      source: etcd.snapshot(signal),
      path: at,
      configurations: texts.map(read),
      cluster: '6b5f0e1c',
      now: () => 1_700_000_000_000,
      signal,
    });
  } finally {
    etcd.close();
  }
}

/** Secrets s0, s1 … each sealed by one provider; ConfigMaps sealed by none; some written twice and some gone again. */
beforeAll(async () => {
  const [server] = cluster().servers;
  namespace = await cluster().namespace();
  const all = providers();
  for (const [at, provider] of all.entries()) {
    await reload(server, configurationOf([provider, ...all.filter((other) => other !== provider)]));
    for (const name of [`s${at}`, `t${at}`, `gone${at}`]) {
      const { status } = await writeSecret(cluster(), namespace, name, `password of ${name}`);
      if (status !== 201) throw new Error(`secret ${name} was answered ${status}`);
    }
  }
  // Written first in clear, sealed by the last provider but one now: the snapshot holds both states.
  await reload(server, configurationOf([secretbox('box'), ...all]));
  await rewriteSecret(server, namespace, 't0');
  for (const at of all.keys()) await cluster().call('DELETE', `/api/v1/namespaces/${namespace}/secrets/gone${at}`);
  await cluster().call('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: { metadata: { name: 'clear' }, data: { a: 'b' } } });
}, 120_000);

function secretRows({ rows }: Inspection) {
  return rows
    .filter(({ resource }) => resource === 'secrets')
    .map(({ provider, key, objects, verdict }) => [provider, key, objects, verdict]);
}

test('a snapshot is saved with a manifest that names each key by its fingerprint, and both are private', async () => {
  const saved = await save(path, [configurationOf(providers())]);
  expect(saved.manifest).toEqual(readManifest(path));
  for (const file of [path, saved.manifestPath]) expect(statSync(file).mode & 0o777).toBe(0o600);
  const { keys, snapshot, root, cluster: uid } = saved.manifest;
  expect(root).toBe('/registry');
  expect(uid).toBe('6b5f0e1c');
  expect(Number(snapshot.revision)).toBe(await cluster().etcd.revision());
  expect(snapshot.etcdVersion).toMatch(/^3\.\d+\.\d+$/);
  expect(keys.find(({ name }) => name === 'second')).toEqual({
    type: 'aescbc',
    name: 'second',
    fingerprint: keyFingerprint(Buffer.from(testKey('second'), 'base64')),
    objects: 2,
  });
  expect(keys.find(({ type }) => type === 'kms-v2')).toEqual({
    type: 'kms-v2',
    name: 'vault',
    keyId: cluster().kms('vault').keys.current(),
    objects: 2,
  });
  expect(readFileSync(saved.manifestPath, 'utf8')).not.toContain(testKey('second').slice(0, 16));
  await expect(save(path, [])).rejects.toThrow('already');
});

test('the inspector counts what was written by resource, provider and key, and proves each key', async () => {
  const inspection = await inspectSnapshot(path, { configuration: read(configurationOf(providers())), every: true, signal });
  expect(secretRows(inspection)).toEqual([
    ['aescbc', 'first', 2, 'opens'],
    ['aescbc', 'second', 2, 'opens'],
    ['aesgcm', 'gcm', 2, 'opens'],
    ['identity', '', 1, 'opens'],
    ['kms-v1', 'old', 2, 'needs-plugin'],
    ['kms-v2', 'vault', 2, 'needs-plugin'],
    ['secretbox', 'box', 3, 'opens'],
  ]);
  expect(inspection.closed).toEqual({ count: 0, objects: [] });
  const listed = await cluster().etcd.list('/registry/');
  expect(inspection.rows.reduce((sum, { objects }) => sum + objects, 0)).toBe(listed.length);
});

test('the file holds exactly the keys and values that etcd has', async () => {
  const at = join(folder, 'exact.db');
  await cluster().etcd.snapshot(at);
  const snapshot = await openSnapshot(at, signal);
  const found = new Map<string, string>();
  for await (const { key, value, revision } of snapshot.liveEntries(signal))
    found.set(key.toString(), `${revision} ${value.toString('hex')}`);
  snapshot.close();
  const inEtcd = await cluster().etcd.list(`/registry/secrets/${namespace}/`);
  expect(inEtcd).toHaveLength(14);
  for (const { key, value, revision } of inEtcd) expect(found.get(key)).toBe(`${revision} ${value.toString('hex')}`);
  expect(found.has(`/registry/secrets/${namespace}/gone0`)).toBe(false);
});

/** Every live object of the snapshot that the target does not have of its own. */
async function load(from: string): Promise<void> {
  const snapshot = await openSnapshot(from, signal);
  for await (const { key, value } of snapshot.liveEntries(signal))
    if (/^\/registry\/(secrets|configmaps|namespaces)\//.test(key.toString()) && key.toString().includes(namespace))
      await target().etcd.put(key.toString(), value);
  snapshot.close();
}

/** Names of the Secrets and ConfigMaps of the test that a kube-apiserver cannot read, as the apiserver itself tells. */
async function unreadable(server: Pick<Server, 'call'>): Promise<readonly string[]> {
  const names: string[] = [];
  const all = [...providers().keys()].flatMap((at) => [`s${at}`, `t${at}`]);
  for (const name of all) {
    const answer = await readSecret(server, namespace, name);
    if (answer.status === 200) expect(passwordOf(answer)).toBe(`password of ${name}`);
    else names.push(`secrets/${name}`);
  }
  const { status } = await server.call('GET', `/api/v1/namespaces/${namespace}/configmaps/clear`);
  if (status !== 200) names.push('configmaps/clear');
  return names.sort();
}

function closedIn({ closed }: Inspection): readonly string[] {
  return closed.objects
    .filter((object) => object.namespace === namespace)
    .map(({ resource, name }) => `${resource}/${name}`)
    .sort();
}

test('what the inspector calls closed is exactly what a kube-apiserver cannot read, whatever is missing', async () => {
  await load(path);
  const [server] = target().servers;
  const [clear, one, two, gcm, box, v2, v1] = providers() as [Provider, Provider, Provider, Provider, Provider, Provider, Provider];
  const otherOne: Provider = { aescbc: { keys: [{ name: 'first', secret: testKey('not the first') }] } };
  const configurations: Readonly<Record<string, string>> = {
    everything: configurationOf([clear, one, two, gcm, box, v2, v1]),
    'no second key': configurationOf([one, gcm, box, v2, v1, clear]),
    'another key of the same name': configurationOf([otherOne, two, gcm, box, v2, v1, clear]),
    'both keys of one name': configurationOf([otherOne, one, two, gcm, box, v2, v1, clear]),
    'nothing in clear': configurationOf([one, two, gcm, box, v2, v1]),
    'in clear only': configurationOf([clear, secretbox('unused')]),
    'keys for another resource': configurationOf([one, two, gcm, box, v2, v1, clear], ['configmaps']),
    'ConfigMaps must be sealed': configurationOf([one, two, gcm, box, v2, v1], ['secrets', 'configmaps']),
    wildcards: configurationOf([one, two, gcm, box, v2, v1, clear], ['*.*']),
    'without KMS v2': configurationOf([clear, one, two, gcm, box, v1]),
    'without any KMS': configurationOf([clear, one, two, gcm, box]),
  };
  for (const [what, text] of Object.entries(configurations)) {
    await reload(server, text);
    const inspection = await inspectSnapshot(path, { configuration: read(text), every: true, signal });
    expect(closedIn(inspection), what).toEqual(await unreadable(server));
    const refused = await checkRestore(path, { configuration: read(text), signal }).then(
      () => false,
      () => true,
    );
    expect(refused, `refusal with ${what}`).toBe(closedIn(inspection).length > 0);
  }
}, 120_000);

test('a restore is refused with the names of the keys, and allowed when the archive has them', async () => {
  const [clear, one, , gcm, , v2, v1] = providers() as [Provider, Provider, Provider, Provider, Provider, Provider, Provider];
  const configuration = read(configurationOf([one, gcm, v2, v1, clear]));
  await expect(checkRestore(path, { configuration, signal })).rejects.toThrow(
    /aescbc key second is missing, fingerprint [0-9a-f]{32} \(2 objects of secrets\); secretbox key box is missing/,
  );
  const archive = [
    { type: 'aescbc', name: 'second', secret: testKey('second') },
    { type: 'secretbox', name: 'box', secret: testKey('box') },
  ] as const;
  const verdict = await checkRestore(path, { configuration, archive, signal });
  expect(verdict.fromArchive.map(({ name, objects }) => [name, objects])).toEqual([
    ['second', 2],
    ['box', 3],
  ]);
  expect(verdict.ofPlugins.map(({ name }) => name)).toEqual(['old', 'vault']);
  const wrong = [{ ...archive[0], secret: testKey('another') }, archive[1]];
  await expect(checkRestore(path, { configuration, archive: wrong, signal })).rejects.toThrow('aescbc key second is another key');
});

const etcdutl = join(clusterPrograms().etcd, 'etcdutl');

test('a saved snapshot is restored by etcdutl, and its Secrets are read with the keys that the check asked for', async ({ skip }) => {
  skip(!existsSync(etcdutl), 'the fixture has no etcdutl: run scripts/fixtures/cluster.mjs again');
  const { etcd, servers } = target();
  await reload(servers[0], configurationOf(providers()));
  await checkRestore(path, { configuration: read(configurationOf(providers())), signal });
  await servers[0].stop();
  await etcd.stop();
  rmSync(etcd.dataFolder, { recursive: true });
  const peer = 'http://127.0.0.1:2380';
  await promisify(execFile)(etcdutl, [
    ...['snapshot', 'restore', path, `--data-dir=${etcd.dataFolder}`, '--name=etcd'],
    ...[`--initial-cluster=etcd=${peer}`, `--initial-advertise-peer-urls=${peer}`, '--bump-revision=1000000', '--mark-compacted'],
  ]);
  await etcd.start();
  await servers[0].start();
  await until('the restored cluster answers', async () => (await servers[0].call('GET', '/api/v1/namespaces')).status === 200);
  expect(await unreadable(servers[0])).toEqual([]);
});
