// Wrapped keys: as Go's libraries wrap them, and none comes back from what was changed on the way.

import { constants, publicEncrypt } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import {
  exportRsaKey,
  kwpUnwrap,
  kwpWrap,
  makeRsaKey,
  oaepHash,
  publicPem,
  rsaKeyFromBytes,
  rsaKeyFromPem,
  unwrapTransported,
  wrapForTransport,
} from './key-wrap.ts';
import { type KeyObject, keyFromBytes } from './keys.ts';
import { systemRandom } from './random.ts';

interface Vectors {
  readonly kwp: readonly { readonly kek: string; readonly key: string; readonly wrapped: string }[];
  readonly private_key: string;
  readonly key: string;
  readonly envelopes: readonly { readonly hash: string; readonly wrapped: string }[];
}

const vectors = readVectors<Vectors>('rsa-aes-key-wrap');
const privateKey = rsaKeyFromBytes(Buffer.from(vectors.private_key, 'base64'));

describe('AES-KWP', () => {
  it.each(vectors.kwp.map((one) => [one.key.length / 2, one] as const))('wraps %i bytes as others do', (_bytes, { kek, key, wrapped }) => {
    const wrappingKey = keyFromBytes(fromHex(kek));
    expect(toHex(kwpWrap(wrappingKey, fromHex(key)))).toBe(wrapped);
    expect(toHex(kwpUnwrap(wrappingKey, fromHex(wrapped)))).toBe(key);
  });

  it('gives nothing back when any byte was changed, or with another key', () => {
    const wrappingKey = keyFromBytes(Buffer.alloc(32, 1));
    const wrapped = kwpWrap(wrappingKey, Buffer.alloc(20, 7));
    for (let at = 0; at < wrapped.length; at++) {
      const changed = Buffer.from(wrapped);
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => kwpUnwrap(wrappingKey, changed)).toThrow('kwp: unwrap failed integrity check');
    }
    expect(() => kwpUnwrap(keyFromBytes(Buffer.alloc(32, 2)), wrapped)).toThrow('kwp: unwrap failed integrity check');
  });

  it('takes no key that is too short or too long to be one', () => {
    const wrappingKey = keyFromBytes(Buffer.alloc(32, 1));
    expect(() => kwpWrap(wrappingKey, Buffer.alloc(15))).toThrow('kwp: key size to wrap too small');
    expect(() => kwpWrap(wrappingKey, Buffer.alloc(8193))).toThrow('kwp: key size to wrap too large');
    expect(kwpUnwrap(wrappingKey, kwpWrap(wrappingKey, Buffer.alloc(8192, 5)))).toEqual(Buffer.alloc(8192, 5));
    expect(() => kwpUnwrap(wrappingKey, Buffer.alloc(16))).toThrow('kwp: wrapped key size too small');
    expect(() => kwpUnwrap(wrappingKey, Buffer.alloc(8208))).toThrow('kwp: wrapped key size too large');
    expect(() => kwpUnwrap(wrappingKey, Buffer.alloc(25))).toThrow('kwp: wrapped key size must be a multiple of 8 bytes');
  });
});

describe('a key on its way', () => {
  it.each(vectors.envelopes)('is unwrapped where others wrapped it with $hash', ({ hash, wrapped }) => {
    expect(toHex(unwrapTransported(privateKey, Buffer.from(wrapped, 'base64'), oaepHash(hash)))).toBe(vectors.key);
  });

  it.each(['sha1', 'SHA224', 'Sha256', 'SHA384', 'SHA512'])('is wrapped with %s and comes back, each time another way', (name) => {
    const publicKey = rsaKeyFromPem(publicPem(privateKey));
    const wrap = () => wrapForTransport(publicKey, fromHex(vectors.key), oaepHash(name), systemRandom);
    const wrapped = wrap();
    expect(wrapped).not.toEqual(wrap());
    expect(toHex(unwrapTransported(privateKey, wrapped, oaepHash(name)))).toBe(vectors.key);
    expect(() => unwrapTransported(privateKey, wrapped, oaepHash(name === 'SHA512' ? 'SHA1' : 'SHA512'))).toThrow(
      'crypto/rsa: decryption error',
    );
  });

  it('is refused in Go’s words when it was damaged', () => {
    const wrapped = Buffer.from(vectors.envelopes[2]?.wrapped ?? '', 'base64');
    const damaged = (at: number) => Buffer.from(wrapped.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    const unwrap = (bytes: Uint8Array) => () => unwrapTransported(privateKey, bytes, 'SHA256');
    expect(unwrap(wrapped.subarray(0, 256))).toThrow('provided ciphertext is too short');
    expect(unwrap(damaged(0))).toThrow('crypto/rsa: decryption error');
    expect(unwrap(damaged(255))).toThrow('crypto/rsa: decryption error');
    expect(unwrap(damaged(256))).toThrow('kwp: unwrap failed integrity check');
    expect(unwrap(wrapped.subarray(0, -1))).toThrow('kwp: wrapped key size must be a multiple of 8 bytes');
  });

  it('is refused when the key around it has not 32 bytes', () => {
    const oaep = { key: rsaKeyFromPem(publicPem(privateKey)), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    const short = Buffer.concat([publicEncrypt(oaep, Buffer.alloc(16)), Buffer.alloc(40)]);
    expect(() => unwrapTransported(privateKey, short, 'SHA256')).toThrow('expected ephemeral AES key to be 256-bit');
  });

  it('is refused for a hash function that nobody has', () => {
    expect(() => oaepHash('md5')).toThrow('unknown hash function: md5');
    expect(() => oaepHash('')).toThrow('unknown hash function: ');
  });
});

describe('a wrapping key', () => {
  let made: KeyObject;
  beforeAll(async () => {
    made = await makeRsaKey(2048);
  });

  it('is the same after it was stored', () => {
    const stored = rsaKeyFromBytes(exportRsaKey(made));
    expect(stored.equals(made)).toBe(true);
    expect(publicPem(stored)).toMatch(/^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n$/);
  });

  it('is not taken from a text that holds none', () => {
    expect(() => rsaKeyFromPem('nothing')).toThrow('it is no public key in PEM');
    const ed25519 = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n';
    expect(() => rsaKeyFromPem(ed25519)).toThrow('it is no RSA key');
  });
});
