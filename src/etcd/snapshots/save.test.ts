// A snapshot is saved whole with its manifest, or nothing of it is left: full disks, broken streams, files that are there already.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readEncryptionConfig } from '../config/read-config.ts';
import { type SaveOptions, saveSnapshot } from './save.ts';
import { manifestPath, readManifest } from './snapshot-manifest.ts';

const vectors = join(import.meta.dirname, '..', '..', '..', 'test', 'vectors', 'snapshots');
const whole = readFileSync(join(vectors, 'sealed.db'));
const configuration = readEncryptionConfig(readFileSync(join(vectors, 'sealed.yaml'), 'utf8'), { path: 'sealed.yaml' }).config;
const signal = new AbortController().signal;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-save-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** In pieces that fit nothing. */
async function* inPieces(bytes: Buffer, size = 10_007) {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

function save(change: Partial<SaveOptions> = {}) {
  return saveSnapshot({
    source: inPieces(whole),
    path: join(folder, 'etcd.db'),
    configurations: [configuration],
    cluster: '0d3f6a52-6a63-4a1e-9f0b-2f6ad6cf2c11',
    now: () => 1_796_000_000_000,
    signal,
    ...change,
  });
}

test('the file holds what etcd sent, the manifest what was found in it, and only the owner reads them', async () => {
  const steps: number[] = [];
  const { path, manifest, inspection } = await save({ onProgress: (bytes) => steps.push(bytes) });
  expect(readFileSync(path).equals(whole)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['etcd.db', 'etcd.db.casemate.json']);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  expect(readManifest(path)).toEqual(manifest);
  expect(inspection.snapshot.path).toBe(path);
  expect(steps.at(-1)).toBe(whole.length);
  // The one that is kept was written by the same words.
  const kept = readManifest(join(vectors, 'sealed.db'));
  expect({ ...manifest, snapshot: { ...manifest.snapshot, file: 'sealed.db' } }).toEqual(kept);
});

test('a key that is configured and has sealed nothing yet is in the manifest as well, and one that no node has stands without fingerprint', async () => {
  const next = { type: 'secretbox', keys: [{ name: 'next', secret: Buffer.alloc(32, 7).toString('base64') }] } as const;
  const { manifest } = await save({ configurations: [{ resources: [{ resources: ['secrets'], providers: [next] }] }] });
  expect(manifest.keys.find(({ name }) => name === 'next')).toMatchObject({
    objects: 0,
    fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(manifest.keys.find(({ name }) => name === 'first')).toEqual({ type: 'aescbc', name: 'first', objects: 3 });
});

test('what lies at the path or at that of the manifest is never replaced', async () => {
  writeFileSync(join(folder, 'one.db'), 'mine');
  writeFileSync(manifestPath(join(folder, 'two.db')), 'mine');
  symlinkSync('/nowhere', join(folder, 'three.db'));
  for (const name of ['one.db', 'two.db', 'three.db']) await expect(save({ path: join(folder, name) })).rejects.toThrow('already');
  expect(readFileSync(join(folder, 'one.db'), 'utf8')).toBe('mine');
  expect(readdirSync(folder).sort()).toEqual(['one.db', 'three.db', 'two.db.casemate.json']);
});

test('of two that save to one path at the same time one is told, and the file of the other is whole', async () => {
  const outcomes = await Promise.allSettled([save(), save({ configurations: [] })]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  expect(String(refused.reason)).toContain('already');
  expect(readdirSync(folder).sort()).toEqual(['etcd.db', 'etcd.db.casemate.json']);
  expect(readFileSync(join(folder, 'etcd.db')).equals(whole)).toBe(true);
});

test('a file that appears at the place of the manifest meanwhile stays, and no snapshot is put beside it', async () => {
  const manifest = manifestPath(join(folder, 'etcd.db'));
  await expect(save({ onProgress: () => writeFileSync(manifest, 'mine') })).rejects.toThrow('already');
  expect(readdirSync(folder)).toEqual(['etcd.db.casemate.json']);
  expect(readFileSync(manifest, 'utf8')).toBe('mine');
});

test('a stream that breaks off, is changed, empty or stopped leaves nothing', async () => {
  const broken = (async function* () {
    yield whole.subarray(0, 20_000);
    throw new Error('etcd went away');
  })();
  await expect(save({ source: broken })).rejects.toThrow('etcd went away');
  await expect(save({ source: inPieces(whole.subarray(0, -32)) })).rejects.toThrow('without its sum');
  await expect(save({ source: inPieces(whole.subarray(0, -5)) })).rejects.toThrow('is damaged');
  await expect(save({ source: inPieces(Buffer.alloc(0)) })).rejects.toThrow('is damaged');
  const changed = Buffer.from(whole);
  changed[40_000] = (changed[40_000] as number) ^ 1;
  await expect(save({ source: inPieces(changed) })).rejects.toThrow(
    `the snapshot ${join(folder, 'etcd.db')} is damaged: its sum does not fit`,
  );
  const stopped = new AbortController();
  await expect(save({ signal: stopped.signal, onProgress: () => stopped.abort(new Error('enough')) })).rejects.toThrow('enough');
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder that is not there is told', async () => {
  await expect(save({ path: join(folder, 'no', 'etcd.db') })).rejects.toThrow('there is no such folder');
});

test('a full disk is told, and nothing is left on it', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'a small disk can be mounted as root alone');
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'casemate-test', disk]);
  try {
    await expect(save({ path: join(disk, 'etcd.db') })).rejects.toThrow('the disk is full');
    expect(readdirSync(disk)).toEqual([]);
    // Room for the snapshot and none for the manifest: a pair or nothing.
    execFileSync('mount', ['-o', 'remount,size=60k', disk]);
    await expect(save({ path: join(disk, 'etcd.db') })).rejects.toThrow('the disk is full');
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    execFileSync('umount', [disk]);
  }
});
