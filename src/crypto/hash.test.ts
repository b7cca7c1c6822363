// Digests and keyed digests against the published values.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { digest, hmacSha256, hmacSha256Hex, hmacSm3, sha256, sha256Hex, sm3 } from './hash.ts';
import { keyFromBytes } from './keys.ts';

const digests = readVectors<{ readonly cases: readonly { algorithm: string; data: string; digest: string }[] }>('digests').cases;
const macs = readVectors<{ readonly cases: readonly { name: string; key: string; data: string; mac: string }[] }>('hmac-sha256').cases;

describe('digests', () => {
  it.each(digests)('$algorithm of "$data" is the published one', ({ algorithm, data, digest: expected }) => {
    expect(toHex(digest(algorithm, fromHex(data)) as Uint8Array)).toBe(expected);
  });

  it('are eight algorithms, each of two messages', () => {
    expect(digests).toHaveLength(16);
    expect(new Set(digests.map(({ algorithm }) => algorithm)).size).toBe(8);
  });

  it.each(['', 'sha256', 'SHA2-256', 'md5', 'sha2-1', '__proto__'])('of an unknown algorithm do not exist: %j', (algorithm) => {
    expect(digest(algorithm, new Uint8Array(1))).toBeUndefined();
  });

  it('of a text are those of its UTF-8 bytes', () => {
    const [, abc] = digests.filter(({ algorithm }) => algorithm === 'sha2-256');
    expect(sha256Hex('abc')).toBe(abc?.digest);
    expect(toHex(sha256('abc'))).toBe(abc?.digest);
    expect(sha256Hex('é😀')).toBe(sha256Hex(Buffer.from('é😀')));
    expect(toHex(sha256(Buffer.from('é')))).toBe(sha256Hex('é'));
  });
});

describe('SM3', () => {
  const { cases } = readVectors<{ readonly cases: readonly { data: string; digest: string }[] }>('sm3');

  it.each(cases)('of $data is the published one', ({ data, digest: expected }) => {
    expect(toHex(sm3(fromHex(data)))).toBe(expected);
  });

  it('has two published messages', () => expect(cases).toHaveLength(2));

  it('makes a keyed digest as RFC 2104 says', () => {
    const key = Buffer.alloc(32, 7);
    const pad = (byte: number) => Buffer.concat([key.map((one) => one ^ byte), Buffer.alloc(32, byte)]);
    const inner = sm3(Buffer.concat([pad(0x36), Buffer.from('message')]));
    expect(toHex(hmacSm3(keyFromBytes(key), 'message'))).toBe(toHex(sm3(Buffer.concat([pad(0x5c), inner]))));
  });
});

describe('HMAC-SHA256', () => {
  it.each(macs)('is the published one in case $name', ({ key, data, mac }) => {
    const object = keyFromBytes(fromHex(key));
    expect(hmacSha256Hex(object, fromHex(data)).slice(0, mac.length)).toBe(mac);
    expect(toHex(hmacSha256(object, fromHex(data))).slice(0, mac.length)).toBe(mac);
  });

  it('has seven cases, of which one is cut short', () => {
    expect(macs).toHaveLength(7);
    expect(macs.filter(({ mac }) => mac.length < 64).map(({ name }) => name)).toStrictEqual(['5']);
  });

  it('of a text is that of its UTF-8 bytes', () => {
    const key = keyFromBytes(new Uint8Array(32));
    expect(hmacSha256Hex(key, 'é😀')).toBe(hmacSha256Hex(key, Buffer.from('é😀')));
  });
});
