// AES-GCM, SM4-GCM and ChaCha20-Poly1305: the published vectors, and that nothing opens after a single bit was changed.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { type Aead, aes128Gcm, aes256Gcm, chacha20Poly1305, nonceBytes, open, sealInto, sm4Gcm, tagBytes } from './aead.ts';
import { type KeyObject, keyFromBytes } from './keys.ts';

interface AeadCases {
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

const algorithms: readonly (readonly [vectors: string, aead: Aead, names: readonly string[]])[] = [
  ['aes-256-gcm', aes256Gcm, ['13', '14', '15', '16']],
  ['aes-128-gcm', aes128Gcm, ['1', '2', '3', '4', 'PTlen 0, AADlen 0', 'PTlen 128, AADlen 0', 'PTlen 128, AADlen 128']],
  ['sm4-gcm', sm4Gcm, ['A.1']],
  ['chacha20-poly1305', chacha20Poly1305, ['2.8.2', 'A.5']],
];

const bytes = (length: number, seed = 1) => Uint8Array.from({ length }, (_, index) => (index * 167 + seed * 59) % 256);

it('what is sealed without a choice is sealed with AES-256-GCM', () => {
  expect([sealInto, open]).toStrictEqual([aes256Gcm.sealInto, aes256Gcm.open]);
});

describe.each(algorithms)('%s', (file, aead, names) => {
  const { keyBytes } = aead;
  const seal = (key: KeyObject, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array => {
    const into = new Uint8Array(plaintext.length + tagBytes);
    aead.sealInto(key, nonce, plaintext, associated, into, 0);
    return into;
  };

  describe('the published vectors', () => {
    const { cases } = readVectors<AeadCases>(file);

    it.each(cases)('case $name seals to the ciphertext and tag, and opens again', (vector) => {
      const key = keyFromBytes(fromHex(vector.key));
      const [nonce, plaintext, associated] = [vector.nonce, vector.plaintext, vector.associated].map(fromHex) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const whole = seal(key, nonce, plaintext, associated);
      expect(toHex(whole)).toBe(vector.ciphertext + vector.tag);
      expect(toHex(aead.open(key, nonce, whole, associated) as Uint8Array)).toBe(vector.plaintext);
    });

    it('are all there', () => expect(cases.map(({ name }) => name)).toStrictEqual(names));
  });

  describe('what was sealed', () => {
    const key = keyFromBytes(bytes(keyBytes));
    const nonce = bytes(nonceBytes, 2);
    const associated = bytes(20, 3);

    it.each([0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 4096, 100_000])('comes back at %d bytes', (length) => {
      const plaintext = bytes(length, 4);
      expect(toHex(aead.open(key, nonce, seal(key, nonce, plaintext, associated), associated) as Uint8Array)).toBe(toHex(plaintext));
    });

    it.each([0, 1, 2, 3, 16, 100])('is the same from base64 of %d bytes', (length) => {
      const plaintext = bytes(length, 4);
      const into = new Uint8Array(length + tagBytes);
      aead.sealInto(key, nonce, Buffer.from(plaintext).toString('base64'), associated, into, 0);
      expect(toHex(into)).toBe(toHex(seal(key, nonce, plaintext, associated)));
    });

    it('lies where it was asked to, and nowhere else', () => {
      const into = new Uint8Array(40).fill(7);
      aead.sealInto(key, nonce, bytes(10), associated, into, 5);
      expect(toHex(into.subarray(5, 31))).toBe(toHex(seal(key, nonce, bytes(10), associated)));
      expect([...into.subarray(0, 5), ...into.subarray(31)].every((byte) => byte === 7)).toBe(true);
      expect(() => aead.sealInto(key, nonce, bytes(10), associated, new Uint8Array(25), 0)).toThrow(RangeError);
    });

    function eachFlipped(value: Uint8Array, tryOpen: (flipped: Uint8Array) => unknown): number {
      let tried = 0;
      for (let bit = 0; bit < value.length * 8; bit++) {
        const flipped = Uint8Array.from(value);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(tryOpen(flipped), `bit ${bit}`).toBeUndefined();
        tried += 1;
      }
      return tried;
    }

    it('does not open after any one bit of ciphertext, tag, nonce or associated data was flipped', () => {
      const whole = seal(key, nonce, bytes(33, 5), associated);
      expect(eachFlipped(whole, (flipped) => aead.open(key, nonce, flipped, associated))).toBe((33 + 16) * 8);
      expect(eachFlipped(nonce, (flipped) => aead.open(key, flipped, whole, associated))).toBe(96);
      expect(eachFlipped(associated, (flipped) => aead.open(key, nonce, whole, flipped))).toBe(160);
      expect(aead.open(key, nonce, whole, associated)).toBeDefined();
    });

    it('does not open with another key, without its associated data, cut short or made longer', () => {
      const whole = seal(key, nonce, bytes(33, 5), associated);
      expect(aead.open(keyFromBytes(bytes(keyBytes, 9)), nonce, whole, associated)).toBeUndefined();
      expect(aead.open(key, nonce, whole, new Uint8Array(0))).toBeUndefined();
      for (let length = 0; length < whole.length; length++)
        expect(aead.open(key, nonce, whole.subarray(0, length), associated)).toBeUndefined();
      expect(aead.open(key, nonce, Uint8Array.from([...whole, 0]), associated)).toBeUndefined();
    });

    it('without associated data does not open with some', () => {
      const whole = seal(key, nonce, bytes(33, 5), new Uint8Array(0));
      expect(aead.open(key, nonce, whole, Uint8Array.of(0))).toBeUndefined();
      expect(aead.open(key, nonce, whole, new Uint8Array(0))).toBeDefined();
    });

    it.each([0, 8, 11, 13, 16])('is neither sealed nor opened with a nonce of %d bytes', (length) => {
      const whole = seal(key, nonce, bytes(3), associated);
      expect(() => seal(key, bytes(length), bytes(3), associated)).toThrow('the nonce must have 12 bytes');
      expect(aead.open(key, bytes(length), whole, associated)).toBeUndefined();
    });

    it('needs a key of its own length', () => {
      for (const length of [15, 16, 24, 31, 32, 33].filter((wrong) => wrong !== keyBytes))
        expect(() => seal(keyFromBytes(bytes(length)), nonce, bytes(3), associated)).toThrow();
    });
  });
});
