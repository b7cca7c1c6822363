// Authenticated encryption with keys as KeyObjects: AES-GCM (NIST SP 800-38D), SM4-GCM (RFC 8998) and ChaCha20-Poly1305 (RFC 8439), 12-byte nonces, 16-byte tags.

import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM, type KeyObject } from 'node:crypto';
import { Fault } from '../base/fault.ts';

export const nonceBytes = 12;
export const tagBytes = 16;

export interface Aead {
  readonly keyBytes: number;
  /**
   * Writes ciphertext and tag into `into` at `offset`; needs as many bytes there as the plaintext has, and `tagBytes`. A string is
   * plaintext in padded base64, which the caller has looked at: what is wrong in it is passed over. The nonce must never repeat under
   * a key. Throws Fault `internal` for one that does not have 12 bytes.
   */
  readonly sealInto: (
    key: KeyObject,
    nonce: Uint8Array,
    plaintext: Uint8Array | string,
    associated: Uint8Array,
    into: Uint8Array,
    offset: number,
  ) => void;
  /** `undefined` when the tag does not fit: the bytes, the nonce, the associated data or the key are not those that were sealed. */
  readonly open: (key: KeyObject, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array) => Buffer | undefined;
}

/** Tags have 16 bytes by default in all of them; asking for that costs a microsecond. */
type Algorithm = 'aes-128-gcm' | 'aes-256-gcm' | 'sm4-gcm' | 'chacha20-poly1305';

function aead(algorithm: Algorithm, keyBytes: number): Aead {
  return {
    keyBytes,
    sealInto(key, nonce, plaintext, associated, into, offset) {
      // GCM hashes a nonce of another length into 12 bytes, and the promise that none repeats is gone.
      if (nonce.length !== nonceBytes) throw new Fault('internal', `the nonce must have ${nonceBytes} bytes`);
      // SM4-GCM and ChaCha20-Poly1305 have the same methods, which Node's types do not know.
      const cipher = createCipheriv(algorithm, key, nonce) as CipherGCM;
      if (associated.length > 0) cipher.setAAD(associated);
      const ciphertext = typeof plaintext === 'string' ? cipher.update(plaintext, 'base64') : cipher.update(plaintext);
      cipher.final();
      into.set(ciphertext, offset);
      into.set(cipher.getAuthTag(), offset + ciphertext.length);
    },
    open(key, nonce, sealed, associated) {
      if (sealed.length < tagBytes || nonce.length !== nonceBytes) return undefined;
      const end = sealed.length - tagBytes;
      const decipher = createDecipheriv(algorithm, key, nonce) as DecipherGCM;
      if (associated.length > 0) decipher.setAAD(associated);
      decipher.setAuthTag(sealed.subarray(end));
      const plaintext = decipher.update(sealed.subarray(0, end));
      try {
        decipher.final();
      } catch {
        plaintext.fill(0);
        return undefined;
      }
      return plaintext;
    },
  };
}

export const aes128Gcm = aead('aes-128-gcm', 16);
export const aes256Gcm = aead('aes-256-gcm', 32);
export const sm4Gcm = aead('sm4-gcm', 16);
export const chacha20Poly1305 = aead('chacha20-poly1305', 32);

/** Of AES-256-GCM, which everything seals with that has no choice to offer. */
export const { sealInto, open } = aes256Gcm;
