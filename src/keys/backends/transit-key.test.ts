// What transit engines tell of their keys: those of Casemate, Vault and OpenBao, symmetric and asymmetric.

import { describe, expect, it } from 'vitest';
import { namesVersion, transitKeyId, transitKeyOf, versionIn } from './transit-key.ts';

const told = {
  type: 'aes256-gcm96',
  latest_version: 2,
  min_decryption_version: 0,
  keys: { 1: 1_700_000_000, 2: 1_700_000_060 },
  supports_encryption: true,
  derived: false,
};

describe('what the server tells of a key', () => {
  it('names each version with the time at which it was made', () => {
    const key = transitKeyOf(told, 'etcd');
    expect(key).toMatchObject({ latest: 2, leastToOpen: 1 });
    expect([1, 2].map((version) => transitKeyId('team/transit/etcd', version, key))).toEqual([
      'transit:team/transit/etcd:v1:1700000000',
      'transit:team/transit/etcd:v2:1700000060',
    ]);
  });

  it('may be an object for each version, as asymmetric keys have it', () => {
    const key = transitKeyOf(
      { ...told, latest_version: 1, keys: { 1: { creation_time: '2023-11-14T22:13:20.5Z', public_key: 'PEM' } } },
      'etcd',
    );
    expect(transitKeyId('transit/etcd', 1, key)).toBe('transit:transit/etcd:v1:1700000000');
  });

  it.each([
    [{ ...told, supports_encryption: false }, 'is of a type that does not encrypt'],
    [{ ...told, derived: true }, 'derived=true'],
    [{}, 'did not tell the newest version'],
    [{ ...told, latest_version: 0 }, 'did not tell the newest version'],
  ])('is refused where the key cannot serve', (data, sentence) => {
    expect(() => transitKeyOf(data, 'etcd')).toThrow(sentence);
  });
});

describe('an id', () => {
  const key = transitKeyOf(told, 'etcd');
  it.each([
    ['transit:transit/etcd:v2:1700000060', 2, true],
    ['transit:transit/etcd:v2', 2, true],
    ['transit:transit/etcd:v3:1800000000', 3, true],
    ['transit:transit/etcd:v2:1700000061', 2, false],
    ['transit:transit/etcd:v2', 1, false],
    ['transit:transit/etc:v2', 2, false],
    ['transit:transit/etcd:v22', 2, false],
    ['', 2, false],
  ])('%j names version %i: %s', (keyId, version, expected) => {
    expect(namesVersion(keyId, 'transit/etcd', version, key)).toBe(expected);
  });
});

describe('a ciphertext', () => {
  it.each([
    ['vault:v1:QUJD', 1],
    ['vault:v12:QUI=', 12],
    ['vault:v0:QUJD', undefined],
    ['vault:v01:QUJD', undefined],
    ['vault:v1:', undefined],
    ['vault:v1:QU JD', undefined],
    ['xvault:v1:QUJD', undefined],
    ['vault:v1:QUJD\n', undefined],
    ['', undefined],
  ])('%j is of version %s', (text, version) => {
    expect(versionIn(Buffer.from(text))).toBe(version);
  });
});
