// AES-256-GCM (NIST SP 800-38D) with keys as KeyObjects: 12-byte nonces, 16-byte tags.

import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { Fault } from '../base/fault.ts';

export const nonceBytes = 12;
export const tagBytes = 16;

const algorithm = 'aes-256-gcm';

/**
 * Writes ciphertext and tag into `into` at `offset`; needs `plaintext.length + tagBytes` bytes there. The nonce must never
 * repeat under a key. Throws Fault `internal` for one that does not have 12 bytes.
 */
export function sealInto(
  key: KeyObject,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
  into: Uint8Array,
  offset: number,
): void {
  // GCM hashes a nonce of another length into 12 bytes, and the promise that none repeats is gone.
  if (nonce.length !== nonceBytes) throw new Fault('internal', `the nonce must have ${nonceBytes} bytes`);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(associated);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  into.set(ciphertext, offset);
  into.set(cipher.getAuthTag(), offset + ciphertext.length);
}

/** `undefined` when the tag does not fit: the bytes, the nonce, the associated data or the key are not those that were sealed. */
export function open(key: KeyObject, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer | undefined {
  if (sealed.length < tagBytes || nonce.length !== nonceBytes) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, key, nonce);
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
}
