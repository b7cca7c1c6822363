// Keys in storage: what was written once opens for ever, and memory holds no more than may be used.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../crypto/random.ts';
import { createCipher } from './cipher.ts';
import { decodeKey, decodeStored, encodeEntry, type StoredKey, withNewVersion } from './key-record.ts';
import { newKey } from './key-settings.ts';
import type { KeyType } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';
import { describeKey } from './key-view.ts';
import { createNonces } from './nonces.ts';
import { createWorkingKeys } from './working-keys.ts';

const cipher = createCipher(createWorkingKeys(), createNonces(systemRandom));

/** As version 0.1 wrote it. */
const written = Buffer.concat([
  Buffer.of(1),
  Buffer.from(
    JSON.stringify({
      name: 'k',
      type: 'aes256-gcm96',
      derived: false,
      convergent: false,
      exportable: false,
      plaintextBackup: false,
      autoRotatePeriod: 0,
      deletionAllowed: false,
      minDecryption: 2,
      minEncryption: 0,
      minAvailable: 0,
      versions: [
        {
          number: 1,
          created: 1_700_000_000_000,
          key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
          hmac: 'ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=',
        },
        {
          number: 2,
          created: 1_700_000_001_500,
          key: 'QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=',
          hmac: 'YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=',
        },
      ],
    }),
  ),
]);

describe('a stored key', () => {
  it('opens what it sealed when it was written', () => {
    const ciphertext = 'vault:v2:AAAAAAAAAAAAAAAAMlFcFPsKWd1tQ32OfpwIJmqK7RyF';
    expect(cipher.open(decodeKey(written), ciphertext, {}).toString()).toBe('hello');
  });

  it('is written as it was read', () => {
    expect(Buffer.from(encodeEntry(decodeStored(written)))).toStrictEqual(written);
  });

  it('has in memory only the versions that may decrypt', () => {
    const key = decodeKey(written);
    expect([...key.versions.keys()]).toStrictEqual([2]);
    expect(key.newest.number).toBe(2);
    expect(describeKey(key)).toMatchObject({ keys: { 2: 1_700_000_001 }, latest_version: 2, min_decryption_version: 2 });
  });

  it('of a newer format or of an unknown type is not guessed at', () => {
    expect(() => decodeKey(Buffer.concat([Buffer.of(2), written.subarray(1)]))).toThrow('written by a newer version');
    expect(() => decodeKey(encodeEntry({ ...decodeStored(written), type: 'ed448' }))).toThrow(
      'a key has the type ed448, which this version does not know',
    );
    expect(() => decodeKey(encodeEntry({ ...decodeStored(written), versions: [] }))).toThrow('no version that may be used');
    expect(() => decodeKey(encodeEntry({ ...decodeStored(written), minDecryption: 3 }))).toThrow('no version that may be used');
  });

  it('shows nothing of its bytes when it is printed', () => {
    const key = decodeKey(written);
    const printed = `${JSON.stringify(key)}${JSON.stringify([...key.versions])}${JSON.stringify(describeKey(key))}`;
    expect(printed).not.toMatch(/QEFCQ0RF|YGFiY2Rl|40414243|60616263/);
  });
});

describe('a new version', () => {
  const terms = { derived: false, convergent: false, exportable: false, plaintextBackup: false, autoRotatePeriod: 0 };

  it.each([...knownTypes.values()])('of type $name has keys of its own, of the right length', async (type) => {
    let key: StoredKey = newKey('k', { ...terms, type: type.name });
    for (const now of [1, 2, 3]) key = await withNewVersion(key, { type, random: systemRandom, now });
    expect(key.versions.map(({ number, created }) => [number, created])).toStrictEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    const keys = key.versions.flatMap(({ key: one, hmac }) => [one, hmac]);
    expect(new Set(keys).size).toBe(6);
    for (const one of key.versions) {
      expect(Buffer.from(one.key, 'base64')).toHaveLength(type.name === 'aes128-gcm96' ? 16 : 32);
      expect(Buffer.from(one.hmac, 'base64')).toHaveLength(32);
    }
  });

  it('leaves none of its bytes where they were drawn', async () => {
    const drawn: Uint8Array[] = [];
    const random = (count: number) => {
      const bytes = systemRandom(count);
      drawn.push(bytes);
      return bytes;
    };
    const type = knownTypes.get('aes256-gcm96') as KeyType;
    await withNewVersion(newKey('k', { ...terms, type: type.name }), { type, random, now: 1 });
    expect(drawn).toHaveLength(2);
    for (const bytes of drawn) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});
