// What a snapshot tells offline, and what is said of the keys at hand, on the snapshots that must open for ever.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { EncryptionConfig, Provider } from '../config/encryption-config.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import { type InspectOptions, inspectSnapshot } from './inspect.ts';
import { keyFingerprint } from './key-fingerprint.ts';
import { checkRestore } from './restore-check.ts';
import { checkManifest, manifestPath, parseManifest, readManifest } from './snapshot-manifest.ts';

const vectors = join(import.meta.dirname, '..', '..', '..', 'test', 'vectors', 'snapshots');
const sealed = join(vectors, 'sealed.db');
const configuration = readEncryptionConfig(readFileSync(join(vectors, 'sealed.yaml'), 'utf8'), { path: 'sealed.yaml' }).config;
const signal = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'casemate-inspect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secretOf = (word: string) => createHash('sha256').update(word).digest('base64');

/** The configuration of the vectors with other providers for all resources, or for those that are named. */
function changed(change: (providers: readonly Provider[]) => readonly Provider[], resources = ['secrets', 'configmaps']): EncryptionConfig {
  return { resources: [{ resources, providers: change(configuration.resources[0]?.providers ?? []) }] };
}

const isKey = (provider: Provider, name: string) => 'keys' in provider && provider.keys.some((key) => key.name === name);
const without = (name: string) => changed((providers) => providers.filter((provider) => !isKey(provider, name)));

async function verdicts(options: Omit<InspectOptions, 'signal'>): Promise<Readonly<Record<string, string>>> {
  const { needs } = await inspectSnapshot(sealed, { ...options, signal });
  return Object.fromEntries(needs.map(({ type, name, verdict }) => [name === '' ? type : name, verdict]));
}

const proved = { first: 'opens', second: 'opens', gcm: 'opens', box: 'opens', vault: 'needs-plugin', old: 'needs-plugin' };

test('with the configuration of its time everything opens, one object of each key or all of them', async () => {
  for (const every of [false, true]) {
    expect(await verdicts({ configuration, every })).toEqual(proved);
    const { rows, closed, outside, root, snapshot } = await inspectSnapshot(sealed, { configuration, every, signal });
    expect(closed).toEqual({ count: 0, objects: [] });
    expect([root, outside]).toEqual(['/registry', 1]);
    expect(snapshot).toMatchObject({ kind: 'snapshot', bytes: 57_376, revision: 31n, consistentIndex: 34n, etcdVersion: '3.7.0' });
    const row = rows.find(({ resource, key }) => resource === 'secrets' && key === 'second');
    expect(row).toMatchObject({ objects: 2, tried: every ? 2 : 1, opened: every ? 2 : 1, verdict: 'opens' });
  }
});

test('a key that is not there is missing, and its objects are named', async () => {
  expect(await verdicts({ configuration: without('second') })).toEqual({ ...proved, second: 'missing' });
  const { closed } = await inspectSnapshot(sealed, { configuration: without('second'), signal });
  expect(closed.count).toBe(3);
  expect(closed.objects.map(({ resource, namespace, name }) => `${resource} ${namespace}/${name}`).sort()).toEqual([
    'configmaps app/c2',
    'secrets app/s2',
    'secrets app/t2',
  ]);
  const few = await inspectSnapshot(sealed, { configuration: without('second'), mostNamed: 1, signal });
  expect([few.closed.count, few.closed.objects.length]).toEqual([3, 1]);
});

test.each(['first', 'gcm', 'box'])('another key of the name %s is told from the right one, and both together open', async (name) => {
  const swap = (provider: Provider): Provider =>
    isKey(provider, name) && 'keys' in provider ? { ...provider, keys: [{ name, secret: secretOf(`not ${name}`) }] } : provider;
  expect(await verdicts({ configuration: changed((all) => all.map(swap)) })).toEqual({ ...proved, [name]: 'wrong-key' });
  expect(await verdicts({ configuration: changed((all) => [...all.map(swap), ...all]) })).toEqual(proved);
});

test('a key counts for the resources of its entry alone, as for kube-apiserver', async () => {
  const secretsOnly = changed((providers) => providers, ['secrets']);
  const { rows } = await inspectSnapshot(sealed, { configuration: secretsOnly, signal });
  expect(rows.filter(({ resource }) => resource === 'configmaps').map(({ provider, verdict }) => `${provider} ${verdict}`)).toEqual([
    'aescbc missing',
    'aescbc missing',
    'aesgcm missing',
    'identity opens',
    'kms-v1 missing',
    'kms-v2 missing',
    'secretbox missing',
  ]);
  expect(rows.find(({ resource, key }) => resource === 'secrets' && key === 'box')?.verdict).toBe('opens');
});

test('what lies in clear is closed where the configuration has no identity', async () => {
  const strict = changed((providers) => providers.filter(({ type }) => type !== 'identity'));
  expect(await verdicts({ configuration: strict })).toEqual({ ...proved, identity: 'missing' });
  // Namespaces are in no entry, so they may.
  expect((await inspectSnapshot(sealed, { configuration: strict, signal })).closed.count).toBe(3);
});

test('keys of an archive open whatever resource, and are told apart', async () => {
  const archive = [{ type: 'secretbox', name: 'box', secret: secretOf('box') }] as const;
  const { needs } = await inspectSnapshot(sealed, { configuration: without('box'), archive, signal });
  expect(needs.find(({ name }) => name === 'box')).toEqual({
    type: 'secretbox',
    name: 'box',
    objects: 3,
    resources: ['configmaps', 'secrets'],
    verdict: 'opens',
    fingerprint: keyFingerprint(Buffer.from(secretOf('box'), 'base64')),
    source: 'archive',
  });
  expect(needs.find(({ name }) => name === 'first')?.source).toBe('configuration');
});

test('with nothing at hand it tells what is needed, and judges nothing', async () => {
  expect(await verdicts({})).toEqual({
    first: 'unchecked',
    second: 'unchecked',
    gcm: 'unchecked',
    box: 'unchecked',
    vault: 'needs-plugin',
    old: 'needs-plugin',
  });
});

test('the root is found by itself, also that of a cluster with another prefix', async () => {
  const { root, rows, needs, outside } = await inspectSnapshot(join(vectors, 'clear.db'), { signal });
  expect([root, needs, outside]).toEqual(['/kubernetes.io', [], 0]);
  expect(rows.map(({ resource, objects }) => [resource, objects])).toEqual([
    ['namespaces', 1],
    ['secrets', 1],
  ]);
});

test('a database that was copied without its sum is read as well', async () => {
  const bare = join(folder, 'db');
  writeFileSync(bare, readFileSync(sealed).subarray(0, -32));
  const { snapshot, closed } = await inspectSnapshot(bare, { configuration, signal });
  expect([snapshot.kind, closed.count]).toEqual(['database', 0]);
});

test('a snapshot with one changed bit, cut off, or that is none, is refused', async () => {
  const whole = readFileSync(sealed);
  const changes: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from(whole.map((byte, at) => (at === 30_000 ? byte ^ 1 : byte))), /sum does not fit/],
    [whole.subarray(0, -1), /neither a snapshot nor a database/],
    [whole.subarray(0, 512), /breaks off/],
    [Buffer.alloc(0), /neither a snapshot nor a database/],
    [Buffer.alloc(8192, 'x'), /meta page/],
  ];
  for (const [bytes, why] of changes) {
    const at = join(folder, 'broken.db');
    writeFileSync(at, bytes);
    await expect(inspectSnapshot(at, { signal })).rejects.toThrow(why);
  }
  await expect(inspectSnapshot(join(folder, 'nothing.db'), { signal })).rejects.toThrow('it is not there');
  await expect(inspectSnapshot(folder, { signal })).rejects.toThrow('it is no file');
});

test('an inspection ends when it is asked to', async () => {
  await expect(inspectSnapshot(sealed, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
});

test('the manifest of format 1 is read, and fits its snapshot and no other', async () => {
  const manifest = readManifest(sealed);
  expect(manifest?.keys.find(({ name }) => name === 'gcm')).toEqual({
    type: 'aesgcm',
    name: 'gcm',
    fingerprint: '328afc29705e7be0354d54e70e0ca4b9',
    objects: 3,
  });
  if (manifest === undefined) return;
  checkManifest(manifest, await inspectSnapshot(sealed, { signal }));
  const other = await inspectSnapshot(join(vectors, 'clear.db'), { signal });
  expect(() => checkManifest(manifest, other)).toThrow('is not that of');
  expect(readManifest(join(vectors, 'clear.db'))).toBeUndefined();
});

test('a manifest that is damaged, or of a newer format, is refused', () => {
  const text = readFileSync(manifestPath(sealed), 'utf8');
  const damages = ['', '[]', '{}', text.slice(0, -5), text.replace('"objects": 3', '"objects": "3"'), text.replace('"root"', '"rot"')];
  for (const damage of damages) expect(() => parseManifest(damage, 'm.json')).toThrow('m.json is damaged');
  expect(() => parseManifest(text.replace('"format": 1', '"format": 2'), 'm.json')).toThrow('of format 2');
});

test('a restore is allowed, or refused with names and fingerprints, and nothing of any key stands in it', async () => {
  const allowed = await checkRestore(sealed, { configuration, signal });
  expect(allowed.fromArchive).toEqual([]);
  expect(allowed.ofPlugins.map(({ name, keyId }) => [name, keyId])).toEqual([
    ['old', undefined],
    ['vault', 'vault-k1'],
  ]);
  const refusal = await checkRestore(sealed, { configuration: without('gcm'), signal }).catch((thrown: Error) => thrown.message);
  expect(refusal).toBe(
    `the snapshot ${sealed} would not be readable, 3 objects could not be opened: aesgcm key gcm is missing, fingerprint ` +
      '328afc29705e7be0354d54e70e0ca4b9 (3 objects of configmaps, secrets); restore with the configuration of that time, or hand in ' +
      'the archive that holds these keys',
  );
  const bare = checkRestore(sealed, { configuration: undefined, signal });
  await expect(bare).rejects.toThrow(/KMS v2 provider vault with key id vault-k1 is missing/);
  await expect(bare).rejects.not.toThrow(secretOf('gcm').slice(0, 8));
});
