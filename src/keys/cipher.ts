// The ciphers that keys of this machine seal with, and the form of what they sealed: format, fingerprint of the key, nonce, ciphertext and tag.

import { Fault } from '../base/fault.ts';
import type { RandomBytes } from '../base/random.ts';
import { type Aead, aes256Gcm, nonceBytes, sm4Gcm, tagBytes } from '../crypto/aead.ts';
import { hmacSha256, hmacSm3 } from '../crypto/hash.ts';
import type { KeyObject } from '../crypto/keys.ts';
import type { Cipher } from './description.ts';

interface CipherRow {
  readonly aead: Aead;
  readonly mac: (key: KeyObject, data: string) => Buffer;
}

/** A national cipher comes with the national digest. */
const rows: Readonly<Record<Cipher, CipherRow>> = {
  'aes-256-gcm': { aead: aes256Gcm, mac: hmacSha256 },
  'sm4-gcm': { aead: sm4Gcm, mac: hmacSm3 },
};

/** Their order is part of stored formats: new ones come at the end. */
export const ciphers = Object.keys(rows) as readonly Cipher[];

export function keyBytesOf(cipher: Cipher): number {
  return rows[cipher].aead.keyBytes;
}

/** A key that can name itself. */
export interface CipherKey {
  readonly cipher: Cipher;
  readonly key: KeyObject;
  /** 16 bytes as hex. */
  readonly fingerprint: string;
}

export const fingerprintBytes = 16;
const format = 1;
const prefixBytes = 1 + fingerprintBytes;
const headerBytes = prefixBytes + nonceBytes;

export function cipherKey(cipher: Cipher, key: KeyObject): CipherKey {
  const digest = rows[cipher].mac(key, `casemate key fingerprint: ${cipher}`);
  return { cipher, key, fingerprint: digest.subarray(0, fingerprintBytes).toString('hex') };
}

/** `context` must be the same to open. The nonce is random: no key may seal more than 2^32 times. */
export function sealUnder(
  { cipher, key, fingerprint }: CipherKey,
  plaintext: Uint8Array,
  context: string,
  random: RandomBytes,
): Uint8Array {
  const sealed = new Uint8Array(headerBytes + plaintext.length + tagBytes);
  sealed[0] = format;
  sealed.set(Buffer.from(fingerprint, 'hex'), 1);
  const nonce = random(nonceBytes);
  sealed.set(nonce, prefixBytes);
  rows[cipher].aead.sealInto(key, nonce, plaintext, associated(sealed, context), sealed, headerBytes);
  return sealed;
}

/** As hex; undefined for bytes that do not begin as ours. */
export function fingerprintOf(sealed: Uint8Array): string | undefined {
  if (sealed.length < headerBytes + tagBytes || sealed[0] !== format) return undefined;
  return Buffer.from(sealed.subarray(1, prefixBytes)).toString('hex');
}

/** Throws Fault `corrupted`. */
export function openUnder({ cipher, key }: CipherKey, sealed: Uint8Array, context: string): Uint8Array {
  const nonce = sealed.subarray(prefixBytes, headerBytes);
  const plaintext = rows[cipher].aead.open(key, nonce, sealed.subarray(headerBytes), associated(sealed, context));
  if (plaintext === undefined) throw new Fault('corrupted', 'the sealed data is damaged');
  return plaintext;
}

function associated(sealed: Uint8Array, context: string): Uint8Array {
  return Buffer.concat([sealed.subarray(0, prefixBytes), Buffer.from(context)]);
}
