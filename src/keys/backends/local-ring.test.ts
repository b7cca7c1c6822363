// A ring of keys in a file as a backend: with and without a passphrase, with both ciphers, and what happens when the file changes beneath it.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exerciseKeyBackend, faultOf, sample, soon } from '../../../test/suites/key-backend.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../crypto/random.ts';
import type { Cipher } from '../description.ts';
import { packSealed, unpackSealed } from '../envelope.ts';
import type { KeyBackend } from '../key-backend.ts';
import { addRingKey, createRing, removeRingKey, useRingKey } from '../ring-file.ts';
import { openLocalRing } from './local-ring.ts';

const parts = { random: systemRandom, clock: systemClock, environment: { RING_PASSPHRASE: 'correct horse' } };
const cost = { memory: 8_192, passes: 1, lanes: 1 };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-ring-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = () => join(folder, `ring-${count++}`);

const kinds: readonly (readonly [string, Cipher, string | undefined])[] = [
  ['AES-256-GCM', 'aes-256-gcm', undefined],
  ['SM4-GCM', 'sm4-gcm', undefined],
  ['AES-256-GCM behind a passphrase', 'aes-256-gcm', 'correct horse'],
];
for (const [title, cipher, passphrase] of kinds)
  exerciseKeyBackend(`a key ring with ${title}`, async () => {
    const source = passphrase === undefined ? {} : { passphrase: { kind: 'environment', name: 'RING_PASSPHRASE' } as const };
    const path = newPath();
    const made = async (at: string) => {
      await createRing(at, { name: 'etcd', cipher, passphrase, cost }, parts);
      return openLocalRing({ path: at, ...source }, parts);
    };
    return {
      backend: await made(path),
      again: () => openLocalRing({ path, ...source }, parts),
      stranger: () => made(newPath()),
      async rotate() {
        await addRingKey(path, { passphrase, use: true }, parts);
      },
      async end() {},
    };
  });

describe('a key ring', () => {
  const opened = async (): Promise<{ path: string; backend: KeyBackend }> => {
    const path = newPath();
    await createRing(path, { name: 'etcd', cipher: 'aes-256-gcm' }, parts);
    return { path, backend: await openLocalRing({ path }, parts) };
  };

  it('names its key with the ring, the version and the key itself', async () => {
    const { backend } = await opened();
    expect(backend.type).toBe('local');
    expect(backend.current().keyId).toMatch(/^local:etcd:v1:[0-9a-f]{16}$/);
  });

  it('opens what a version sealed that is not in use yet, so that all nodes can be given it first', async () => {
    const { path, backend } = await opened();
    await addRingKey(path, { use: false }, parts);
    await backend.probe(soon());
    expect(backend.current().keyId).toContain(':v1:');
    const ahead = await openLocalRing({ path }, parts);
    await useRingKey(path, 2);
    await ahead.probe(soon());
    const sealed = await ahead.seal(sample(32), soon());
    expect(sealed.keyId).toContain(':v2:');
    expect(Buffer.from(await backend.open(sealed, soon()))).toStrictEqual(sample(32));
  });

  it('seals with both ciphers in turn, and opens both', async () => {
    const { path, backend } = await opened();
    const before = await backend.seal(sample(32), soon());
    await addRingKey(path, { use: true, cipher: 'sm4-gcm' }, parts);
    await backend.probe(soon());
    const after = await backend.seal(sample(32), soon());
    for (const sealed of [before, after]) expect(Buffer.from(await backend.open(sealed, soon()))).toStrictEqual(sample(32));
  });

  it('no longer opens what a removed version sealed, and names that version', async () => {
    const { path, backend } = await opened();
    const sealed = await backend.seal(sample(32), soon());
    await addRingKey(path, { use: true }, parts);
    await removeRingKey(path, 1);
    await backend.probe(soon());
    const fault = await faultOf(backend.open(sealed, soon()));
    expect(fault.code).toBe('invalid-request');
    expect(fault.message).toContain(sealed.keyId);
  });

  it.each([
    ['readable by others', (path: string) => chmodSync(path, 0o640), /may be read by others; chmod it to 0600$/],
    ['damaged', (path: string) => writeFileSync(path, '{"format":1', { mode: 0o600 }), /no JSON/],
    ['gone', (path: string) => rmSync(path), /is not there$/],
  ])('whose file is %s is not well, says so, and goes on with the keys that it has', async (_what, spoil, sentence) => {
    const { path, backend } = await opened();
    const sealed = await backend.seal(sample(32), soon());
    spoil(path);
    expect((await faultOf(backend.probe(soon()))).message).toMatch(sentence);
    expect(backend.current()).toStrictEqual({ keyId: sealed.keyId, healthy: false });
    expect(Buffer.from(await backend.open(sealed, soon()))).toStrictEqual(sample(32));
    await faultOf(openLocalRing({ path }, parts));
  });

  it('is closed for good', async () => {
    const { backend } = await opened();
    const sealed = await backend.seal(sample(32), soon());
    backend.close();
    for (const call of [backend.seal(sample(32), soon()), backend.open(sealed, soon()), backend.probe(soon())])
      expect((await faultOf(call)).code).toBe('unavailable');
  });

  it('a passphrase may stand in a file, which is read when it is needed', async () => {
    const path = newPath();
    const file = newPath();
    await createRing(path, { name: 'etcd', cipher: 'aes-256-gcm', passphrase: 'battery staple', cost }, parts);
    writeFileSync(file, 'wrong\n', { mode: 0o600 });
    const passphrase = { kind: 'file', path: file } as const;
    expect((await faultOf(openLocalRing({ path, passphrase }, parts))).message).toBe(`the passphrase does not open the key ring ${path}`);
    writeFileSync(file, 'battery staple\n');
    expect((await openLocalRing({ path, passphrase }, parts)).current().healthy).toBe(true);
    expect((await faultOf(openLocalRing({ path }, parts))).message).toContain('is protected with a passphrase, and none is given');
  });

  it('survives the way through KMS v1, which keeps nothing but bytes', async () => {
    const { backend } = await opened();
    const packed = packSealed(await backend.seal(sample(32), soon()));
    const unpacked = unpackSealed(packed);
    if (unpacked === undefined) throw new Error('not ours');
    expect(Buffer.from(await backend.open(unpacked, soon()))).toStrictEqual(sample(32));
  });
});
