// AES-256-GCM: the published vectors, and that nothing opens after a single bit was changed.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { nonceBytes, open, sealInto, tagBytes } from './aead.ts';
import { type KeyObject, keyFromBytes } from './keys.ts';

interface GcmCases {
  readonly cases: readonly {
    readonly name: string;
    readonly key: string;
    readonly nonce: string;
    readonly plaintext: string;
    readonly associated: string;
    readonly ciphertext: string;
    readonly tag: string;
  }[];
}

const { cases } = readVectors<GcmCases>('aes-256-gcm');

function sealed(key: KeyObject, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  const into = new Uint8Array(plaintext.length + tagBytes);
  sealInto(key, nonce, plaintext, associated, into, 0);
  return into;
}

const bytes = (length: number, seed = 1) => Uint8Array.from({ length }, (_, index) => (index * 167 + seed * 59) % 256);

describe('the published vectors', () => {
  it.each(cases)('case $name seals to the ciphertext and tag, and opens again', (vector) => {
    const key = keyFromBytes(fromHex(vector.key));
    const [nonce, plaintext, associated] = [vector.nonce, vector.plaintext, vector.associated].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const whole = sealed(key, nonce, plaintext, associated);
    expect(toHex(whole)).toBe(vector.ciphertext + vector.tag);
    expect(toHex(open(key, nonce, whole, associated) as Uint8Array)).toBe(vector.plaintext);
  });

  it('are four', () => expect(cases.map(({ name }) => name)).toStrictEqual(['13', '14', '15', '16']));
});

describe('what was sealed', () => {
  const key = keyFromBytes(bytes(32));
  const nonce = bytes(nonceBytes, 2);
  const associated = bytes(20, 3);

  it.each([0, 1, 15, 16, 17, 31, 32, 33, 4096, 100_000])('comes back at %d bytes', (length) => {
    const plaintext = bytes(length, 4);
    expect(toHex(open(key, nonce, sealed(key, nonce, plaintext, associated), associated) as Uint8Array)).toBe(toHex(plaintext));
  });

  it('lies where it was asked to, and nowhere else', () => {
    const into = new Uint8Array(40).fill(7);
    sealInto(key, nonce, bytes(10), associated, into, 5);
    expect(toHex(into.subarray(5, 31))).toBe(toHex(sealed(key, nonce, bytes(10), associated)));
    expect([...into.subarray(0, 5), ...into.subarray(31)].every((byte) => byte === 7)).toBe(true);
    expect(() => sealInto(key, nonce, bytes(10), associated, new Uint8Array(25), 0)).toThrow(RangeError);
  });

  function eachFlipped(value: Uint8Array, open: (flipped: Uint8Array) => unknown): number {
    let tried = 0;
    for (let bit = 0; bit < value.length * 8; bit++) {
      const flipped = Uint8Array.from(value);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(open(flipped), `bit ${bit}`).toBeUndefined();
      tried += 1;
    }
    return tried;
  }

  it('does not open after any one bit of ciphertext, tag, nonce or associated data was flipped', () => {
    const whole = sealed(key, nonce, bytes(33, 5), associated);
    expect(eachFlipped(whole, (flipped) => open(key, nonce, flipped, associated))).toBe((33 + 16) * 8);
    expect(eachFlipped(nonce, (flipped) => open(key, flipped, whole, associated))).toBe(96);
    expect(eachFlipped(associated, (flipped) => open(key, nonce, whole, flipped))).toBe(160);
    expect(open(key, nonce, whole, associated)).toBeDefined();
  });

  it('does not open with another key, without its associated data, cut short or made longer', () => {
    const whole = sealed(key, nonce, bytes(33, 5), associated);
    expect(open(keyFromBytes(bytes(32, 9)), nonce, whole, associated)).toBeUndefined();
    expect(open(key, nonce, whole, new Uint8Array(0))).toBeUndefined();
    for (let length = 0; length < whole.length; length++) expect(open(key, nonce, whole.subarray(0, length), associated)).toBeUndefined();
    expect(open(key, nonce, Uint8Array.from([...whole, 0]), associated)).toBeUndefined();
  });

  it.each([0, 8, 11, 13, 16])('is neither sealed nor opened with a nonce of %d bytes', (length) => {
    const whole = sealed(key, nonce, bytes(3), associated);
    expect(() => sealed(key, bytes(length), bytes(3), associated)).toThrow('the nonce must have 12 bytes');
    expect(open(key, bytes(length), whole, associated)).toBeUndefined();
  });

  it.each([16, 24, 31, 33])('needs a key of 32 bytes, not %d', (length) => {
    expect(() => sealed(keyFromBytes(bytes(length)), nonce, bytes(3), associated)).toThrow();
  });
});
