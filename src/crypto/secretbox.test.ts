// Secretbox against NaCl's own vector, Go's implementation around every block's edge, and every way of being wrong.

import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { keyFromBytes } from './keys.ts';
import { openSecretbox, poly1305 } from './secretbox.ts';

interface Vectors {
  readonly nacl: { readonly key: string; readonly nonce: string; readonly plaintext: string; readonly sealed: string };
  readonly poly1305: { readonly key: string; readonly message: string; readonly tag: string };
  readonly go: readonly { readonly bytes: number; readonly sealed: string }[];
}

const vectors = readVectors<Vectors>('secretbox');

function stream(what: string, length: number): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = 0; piece * 32 < length; piece++) pieces.push(hash('sha256', `${what} ${piece}`, 'buffer'));
  return Buffer.concat(pieces).subarray(0, length);
}

test("NaCl's own box opens", () => {
  const { key, nonce, plaintext, sealed } = vectors.nacl;
  expect(toHex(openSecretbox(keyFromBytes(fromHex(key)), fromHex(nonce), fromHex(sealed)) as Buffer)).toBe(plaintext);
});

test('Poly1305 is that of RFC 8439', () => {
  const { key, message, tag } = vectors.poly1305;
  expect(toHex(poly1305(fromHex(key), fromHex(message)))).toBe(tag);
});

test('what Go sealed opens, at every size around the edge of a block', () => {
  expect(vectors.go).toHaveLength(19);
  for (const { bytes, sealed } of vectors.go) {
    const key = keyFromBytes(stream(`key ${bytes}`, 32));
    expect(openSecretbox(key, stream(`nonce ${bytes}`, 24), fromHex(sealed)), `${bytes} bytes`).toEqual(stream(`text ${bytes}`, bytes));
  }
});

test('a changed bit anywhere, another key or nonce, and anything too short does not open', () => {
  const key = keyFromBytes(fromHex(vectors.nacl.key));
  const nonce = fromHex(vectors.nacl.nonce);
  const sealed = fromHex(vectors.nacl.sealed);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] as number) ^ 0x40;
    expect(openSecretbox(key, nonce, changed)).toBeUndefined();
  }
  expect(
    openSecretbox(
      key,
      nonce.map((byte) => byte ^ 1),
      sealed,
    ),
  ).toBeUndefined();
  expect(openSecretbox(keyFromBytes(new Uint8Array(32)), nonce, sealed)).toBeUndefined();
  expect(openSecretbox(keyFromBytes(new Uint8Array(16)), nonce, sealed)).toBeUndefined();
  for (const length of [0, 15, 16, sealed.length - 1]) expect(openSecretbox(key, nonce, sealed.subarray(0, length))).toBeUndefined();
});
