// Sealed bytes in one run: what was packed is unpacked, what is not ours is told apart, and nothing cut short passes.

import { describe, expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import { packSealed, unpackSealed } from './envelope.ts';
import type { SealedBytes } from './key-backend.ts';

const sealed: SealedBytes = {
  keyId: 'transit:transit/etcd:v3:1700000000',
  ciphertext: Uint8Array.of(1, 2, 3),
  annotations: { 'one.example.com': Uint8Array.of(4), 'two.example.com': new Uint8Array(70_000).fill(5) },
};

describe('an envelope', () => {
  it.each<SealedBytes>([
    sealed,
    { keyId: 'é', ciphertext: new Uint8Array(), annotations: {} },
    { keyId: '', ciphertext: Uint8Array.of(0), annotations: { 'a.b': new Uint8Array() } },
  ])('gives back what was packed', (one) => {
    expect(unpackSealed(packSealed(one))).toStrictEqual(one);
  });

  it('never changes', () => {
    expect(
      Buffer.from(packSealed({ keyId: 'k', ciphertext: Uint8Array.of(9), annotations: { a: Uint8Array.of(8) } })).toString('hex'),
    ).toBe('434d4b0100016b010001610000000108' + '09');
  });

  it.each(['', '434d4b', '434d4b02', 'ffff', '7661756c743a76313a'])('is told apart from somebody else’s ciphertext: %s', (hex) => {
    expect(unpackSealed(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it('that was cut short is refused at every length', () => {
    const packed = packSealed({ ...sealed, annotations: { 'one.example.com': Uint8Array.of(4, 5, 6) }, ciphertext: new Uint8Array() });
    for (let length = 4; length < packed.length; length++) expect(() => unpackSealed(packed.subarray(0, length))).toThrow(Fault);
  });
});
