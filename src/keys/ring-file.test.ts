// The file of a key ring: versions only grow, no careless file is taken, and a passphrase leaves no key readable in it.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultOf } from '../../test/suites/key-backend.ts';
import { manualClock } from '../base/clock.ts';
import { exportKey } from '../crypto/keys.ts';
import { systemRandom } from '../crypto/random.ts';
import { addRingKey, createRing, readRing, removeRingKey, ringOf, useRingKey } from './ring-file.ts';
import type { StoredRing } from './ring-format.ts';

const parts = { random: systemRandom, clock: manualClock() };
const cost = { memory: 8_192, passes: 1, lanes: 1 };
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-ring-'));
  path = join(folder, 'ring.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const create = (passphrase?: string) => createRing(path, { name: 'etcd', cipher: 'aes-256-gcm', passphrase, cost }, parts);
const stored = (): StoredRing => JSON.parse(readFileSync(path, 'utf8')) as StoredRing;
const store = (ring: unknown) => writeFileSync(path, JSON.stringify(ring), { mode: 0o600 });

describe('a new ring', () => {
  it('is 0600, alone in its folder, and reads back as it was made', async () => {
    const ring = await create();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['ring.json']);
    const read = await readRing(path, undefined);
    expect(read.current.id).toBe(ring.current.id);
    expect(exportKey(read.current.key)).toStrictEqual(exportKey(ring.current.key));
  });

  it('never takes the place of another', async () => {
    const { current } = await create();
    expect((await faultOf(create())).message).toBe(`there is a key ring at ${path} already: add a version to it, or name another file`);
    expect((await readRing(path, undefined)).current.id).toBe(current.id);
  });

  it.each(['', 'a b', 'a:b', '../a', 'ä', 'a'.repeat(64)])('has a name that can be part of an id: not %j', async (name) => {
    await faultOf(createRing(path, { name, cipher: 'aes-256-gcm' }, parts));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says why it cannot be written', async () => {
    const there = join(folder, 'absent', 'ring.json');
    expect((await faultOf(createRing(there, { name: 'etcd', cipher: 'aes-256-gcm' }, parts))).message).toBe(
      `the key ring ${there} cannot be written: ENOENT`,
    );
  });
});

describe('versions', () => {
  it('are added, used and removed, and no number is given twice', async () => {
    await create();
    await addRingKey(path, { use: false }, parts);
    expect((await readRing(path, undefined)).current.version).toBe(1);
    await removeRingKey(path, 2);
    const ring = await addRingKey(path, { use: true, cipher: 'sm4-gcm' }, parts);
    expect(ring.keys.map(({ version, cipher }) => [version, cipher])).toEqual([
      [1, 'aes-256-gcm'],
      [3, 'sm4-gcm'],
    ]);
    expect(ring.current.version).toBe(3);
  });

  it('are never gone back to, and the one in use stays', async () => {
    await create();
    await addRingKey(path, { use: true }, parts);
    expect((await faultOf(useRingKey(path, 1))).message).toBe('version 1 is older than the one in use, 2: add a new version instead');
    expect((await faultOf(useRingKey(path, 3))).message).toBe(`the key ring ${path} has no version 3`);
    expect((await faultOf(removeRingKey(path, 2))).message).toBe('version 2 is in use: use a newer one first');
    expect((await faultOf(removeRingKey(path, 9))).message).toBe(`the key ring ${path} has no version 9`);
  });

  it('are changed by one at a time', async () => {
    await create();
    const changes = await Promise.allSettled([1, 2, 3].map(() => addRingKey(path, { use: false }, parts)));
    const done = changes.filter(({ status }) => status === 'fulfilled').length;
    expect((await readRing(path, undefined)).keys).toHaveLength(1 + done);
    expect(done).toBeGreaterThan(0);
    writeFileSync(`${path}.lock`, '');
    expect((await faultOf(addRingKey(path, { use: false }, parts))).message).toBe(
      `another change of the key ring ${path} is under way; if none is, one was cut off: remove ${path}.lock`,
    );
  });
});

describe('a ring behind a passphrase', () => {
  it('holds no key that could be read, and opens with the passphrase alone', async () => {
    const { current } = await create('correct horse');
    const text = readFileSync(path, 'utf8');
    const key = Buffer.from(exportKey(current.key));
    for (const form of [key.toString('base64'), key.toString('hex'), 'correct horse']) expect(text).not.toContain(form);
    expect((await readRing(path, 'correct horse')).current.id).toBe(current.id);
    expect(await faultOf(readRing(path, 'incorrect horse'))).toMatchObject({
      code: 'usage',
      message: `the passphrase does not open the key ring ${path}`,
    });
  });

  it('is not grown under another passphrase', async () => {
    await create('correct horse');
    await faultOf(addRingKey(path, { use: true, passphrase: 'incorrect horse' }, parts));
    await faultOf(addRingKey(path, { use: true }, parts));
    expect(stored().keys).toHaveLength(1);
    await addRingKey(path, { use: true, passphrase: 'correct horse' }, parts);
    expect((await readRing(path, 'correct horse')).current.version).toBe(2);
  });

  it('does not open a key in the place of another version', async () => {
    await create('correct horse');
    await addRingKey(path, { use: true, passphrase: 'correct horse' }, parts);
    const ring = stored();
    const [one, two] = ring.keys as [StoredRing['keys'][number], StoredRing['keys'][number]];
    store({ ...ring, keys: [one, { ...one, version: two.version }] });
    expect((await faultOf(readRing(path, 'correct horse'))).code).toBe('corrupted');
  });

  it('is refused at a cost that would make guessing cheap or exhaust the memory', async () => {
    await create('correct horse');
    const ring = stored();
    for (const memory of [8, 2 ** 40]) {
      store({ ...ring, protection: { ...ring.protection, memory } });
      expect((await faultOf(readRing(path, 'correct horse'))).message).toBe('the memory of Argon2id must be between 8192 and 2097152');
    }
  });
});

describe('a file', () => {
  it.each([0o640, 0o604, 0o644, 0o666])('with mode %o is refused', async (mode) => {
    await create();
    chmodSync(path, mode);
    expect(await faultOf(readRing(path, undefined))).toMatchObject({
      code: 'usage',
      message: `the key ring ${path} may be read by others; chmod it to 0600`,
    });
  });

  const damages: readonly (readonly [string, (ring: StoredRing) => unknown])[] = [
    ['nothing', () => null],
    ['a list', () => []],
    ['another file', () => ({ kind: 'EncryptionConfiguration' })],
    ['no name', ({ name: _, ...ring }) => ring],
    ['no keys', (ring) => ({ ...ring, keys: [] })],
    ['a key too short', (ring) => ({ ...ring, keys: [{ ...ring.keys[0], key: 'AAAA' }] })],
    ['another key', (ring) => ({ ...ring, keys: [{ ...ring.keys[0], key: Buffer.alloc(32).toString('base64') }] })],
    ['a cipher that nobody knows', (ring) => ({ ...ring, keys: [{ ...ring.keys[0], cipher: 'rot13' }] })],
    ['a version twice', (ring) => ({ ...ring, next: 3, keys: [ring.keys[0], ring.keys[0]] })],
    ['a version from the future', (ring) => ({ ...ring, next: 1 })],
    ['a current version that is missing', (ring) => ({ ...ring, next: 3, current: 2 })],
    ['half a protection', (ring) => ({ ...ring, protection: { kdf: 'argon2id' } })],
  ];
  it.each(damages)('with %s is refused without being shown', async (_what, damage) => {
    await create();
    const key = stored().keys[0]?.key as string;
    store(damage(stored()));
    const fault = await faultOf(readRing(path, undefined));
    expect(fault.code).toBe('corrupted');
    expect(`${fault.message}${fault.cause}`).not.toContain(key);
  });

  it('of a newer version says so', async () => {
    await create();
    store({ ...stored(), format: 2 });
    expect((await faultOf(readRing(path, undefined))).message).toContain('was written by a newer version');
  });

  it('of this version opens for ever', async () => {
    // As the first version wrote it.
    const kept =
      '{"format":1,"name":"kept","current":1,"next":2,"keys":[{"version":1,"cipher":"aes-256-gcm","created":"2026-11-24T00:00:00.000Z","fingerprint":"30c50237d33fd36d74a380523092011d","key":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}]}';
    expect((await ringOf(Buffer.from(kept), 'kept.json', undefined)).current.id).toBe('local:kept:v1:30c50237d33fd36d');
  });
});
