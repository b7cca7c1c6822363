// Keys: derived as RFC 5869 says, and apart from the bytes that they were made of.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { deriveKey, exportKey, hkdf, keyFromBytes } from './keys.ts';
import { wipe } from './wipe.ts';

interface HkdfCases {
  readonly cases: readonly {
    readonly name: string;
    readonly ikm: string;
    readonly salt: string;
    readonly info: string;
    readonly length: number;
    readonly okm: string;
  }[];
}

const { cases } = readVectors<HkdfCases>('hkdf-sha256');

describe('HKDF-SHA256', () => {
  it.each(cases)('gives the published bytes in case $name', ({ ikm, salt, info, length, okm }) => {
    expect(toHex(hkdf(keyFromBytes(fromHex(ikm)), fromHex(salt), fromHex(info), length))).toBe(okm);
  });

  it('has three cases', () => expect(cases).toHaveLength(3));

  it('gives a key of 32 bytes, the first of the same stream', () => {
    const key = keyFromBytes(fromHex('0b'.repeat(22)));
    const salt = fromHex('000102');
    expect(toHex(exportKey(deriveKey(key, salt, 'term 1')))).toBe(toHex(hkdf(key, salt, Buffer.from('term 1'), 32)));
  });

  it('gives another key for another salt, another purpose and another key', () => {
    const [one, two] = [keyFromBytes(new Uint8Array(32)), keyFromBytes(new Uint8Array(32).fill(1))];
    const made = [
      deriveKey(one, fromHex('00'), 'a'),
      deriveKey(one, fromHex('01'), 'a'),
      deriveKey(one, fromHex('00'), 'b'),
      deriveKey(two, fromHex('00'), 'a'),
    ];
    expect(new Set(made.map((key) => toHex(exportKey(key)))).size).toBe(4);
    expect(deriveKey(one, fromHex('00'), 'a').equals(made[0] as (typeof made)[0])).toBe(true);
  });
});

describe('a key', () => {
  it('outlives the bytes that it was made of', () => {
    const bytes = fromHex('01'.repeat(32));
    const key = keyFromBytes(bytes);
    wipe(bytes);
    expect(toHex(bytes)).toBe('00'.repeat(32));
    expect(toHex(exportKey(key))).toBe('01'.repeat(32));
  });

  it('outlives its exported bytes too', () => {
    const key = keyFromBytes(fromHex('02'.repeat(32)));
    const exported = exportKey(key);
    wipe(exported);
    expect(toHex(exported)).toBe('00'.repeat(32));
    expect(toHex(exportKey(key))).toBe('02'.repeat(32));
  });

  it('shows nothing of itself when it is printed', () => {
    const key = keyFromBytes(Buffer.from('hunter2-hunter2-hunter2-hunter2!'));
    expect(`${String(key)}${JSON.stringify(key)}${JSON.stringify({ key })}`).not.toMatch(/hunter2|68756e746572|aHVudGVy/);
  });
});

describe('wiping', () => {
  it('fills all buffers with zeros, each within its own bounds', () => {
    const shared = new Uint8Array(8).fill(5);
    const other = Buffer.from('secret');
    wipe(shared.subarray(2, 4), other, new Uint8Array(0));
    expect([...shared]).toStrictEqual([5, 5, 0, 0, 5, 5, 5, 5]);
    expect(toHex(other)).toBe('000000000000');
  });
});
