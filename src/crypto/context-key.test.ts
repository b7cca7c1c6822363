// Keys of contexts: HKDF-SHA256 as published, the same by hand as by Node, and beyond what Node takes.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { byHand, contextBytes } from './context-key.ts';
import { hkdf, keyFromBytes } from './keys.ts';

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

const key = keyFromBytes(Uint8Array.from({ length: 32 }, (_, index) => index * 7));
const context = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31) % 251);

describe('the bytes of a context', () => {
  const unsalted = readVectors<HkdfCases>('hkdf-sha256').cases.filter(({ salt }) => salt === '');

  it.each(unsalted)('are the published ones in case $name', ({ ikm, info, length, okm }) => {
    const published = keyFromBytes(fromHex(ikm));
    expect(toHex(contextBytes(published, fromHex(info), length))).toBe(okm);
    expect(toHex(byHand(published, fromHex(info), length))).toBe(okm);
  });

  it('are tested with the one published case that has no salt', () => expect(unsalted.map(({ name }) => name)).toStrictEqual(['A.3']));

  it.each([0, 1, 31, 32, 33, 1023, 1024])('are the same by hand as by Node, for a context of %d bytes', (length) => {
    for (const wanted of [1, 16, 31, 32, 33, 48, 64, 65, 255])
      expect(toHex(byHand(key, context(length), wanted))).toBe(toHex(hkdf(key, new Uint8Array(0), context(length), wanted)));
  });

  it('exist for a context longer than Node takes, and depend on all of it', () => {
    const long = context(1025);
    const made = toHex(contextBytes(key, long, 64));
    expect(made).toBe(toHex(byHand(key, long, 64)));
    const other = Uint8Array.from(long);
    other[1024] = (other[1024] as number) ^ 1;
    expect(toHex(contextBytes(key, other, 64))).not.toBe(made);
    expect(toHex(contextBytes(key, context(1024), 64))).not.toBe(made);
    expect(contextBytes(key, context(100_000), 32)).toHaveLength(32);
  });

  it('start with those of which fewer were asked for', () => {
    expect(toHex(contextBytes(key, context(5), 64)).startsWith(toHex(contextBytes(key, context(5), 16)))).toBe(true);
  });

  it('leave the key as it was', () => {
    const before = toHex(contextBytes(key, context(2000), 32));
    expect(toHex(contextBytes(key, context(2000), 32))).toBe(before);
  });
});
