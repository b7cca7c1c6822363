// The symmetric types: AES-GCM and ChaCha20-Poly1305, sealed as nonce, ciphertext and tag.

import { Fault } from '../../../../base/fault.ts';
import { type Aead, aes128Gcm, aes256Gcm, chacha20Poly1305, nonceBytes, tagBytes } from '../../../../crypto/aead.ts';
import { hmacSha256 } from '../../../../crypto/hash.ts';
import { exportKey, type KeyObject, keyFromBytes } from '../../../../crypto/keys.ts';
import { wipe } from '../../../../crypto/wipe.ts';
import { bytesInBase64 } from '../base64.ts';
import type { Encryption, KeyType, KeyVersion } from './key-type.ts';

interface Named {
  readonly name: string;
  readonly backupNumber: number;
  readonly aead: Aead;
  /** What Go's library of the algorithm says when the tag does not fit; clients know it. */
  readonly mismatch: string;
}

export const symmetricTypes: readonly KeyType[] = [
  { name: 'aes128-gcm96', backupNumber: 8, aead: aes128Gcm, mismatch: 'cipher: message authentication failed' },
  { name: 'aes256-gcm96', backupNumber: 0, aead: aes256Gcm, mismatch: 'cipher: message authentication failed' },
  { name: 'chacha20-poly1305', backupNumber: 5, aead: chacha20Poly1305, mismatch: 'chacha20poly1305: message authentication failed' },
].map(symmetric);

function symmetric({ name, backupNumber, aead, mismatch }: Named): KeyType {
  const { keyBytes } = aead;
  return {
    name,
    backupNumber,
    generate: (random) => random(keyBytes),
    load(stored) {
      if (stored.length !== keyBytes) throw new Fault('invalid-request', `a key of type ${name} has ${keyBytes} bytes`);
      return keyFromBytes(stored);
    },
    imported(material) {
      if (material.length !== keyBytes)
        throw new Fault('invalid-request', `invalid key size ${material.length} bytes for key type ${name}`);
      return material;
    },
    describe: ({ created }) => Math.floor(created / 1000),
    derivedBytes: keyBytes,
    encryption: encryptionWith(aead, mismatch),
    signs: false,
    exports: { 'encryption-key': exported },
  };
}

/** Where what is short is put together, which is nearly all: an allocation for each would show in a batch. No secret lies there. */
const workplace = Buffer.allocUnsafeSlow(4096);

function encryptionWith(aead: Aead, mismatch: string): Encryption {
  return {
    seal({ key, nonceKey }, plaintext, associated, nonces) {
      const nonce = nonceKey === undefined ? nonces() : convergentNonce(nonceKey, bytesOf(plaintext), associated);
      const length = nonceBytes + (typeof plaintext === 'string' ? bytesInBase64(plaintext) : plaintext.length) + tagBytes;
      const sealed = length <= workplace.length ? workplace : Buffer.allocUnsafe(length);
      sealed.set(nonce);
      aead.sealInto(key, nonce, plaintext, associated, sealed, nonceBytes);
      return sealed.toString('base64', 0, length);
    },
    open({ key }, sealed, associated) {
      if (sealed.length < nonceBytes) throw new Fault('invalid-request', 'invalid ciphertext length');
      const plaintext = aead.open(key, sealed.subarray(0, nonceBytes), sealed.subarray(nonceBytes), associated);
      if (plaintext === undefined) throw new Fault('invalid-request', mismatch);
      return plaintext;
    },
  };
}

/**
 * Version 3 of Vault's convergent encryption: the nonce is a digest of the plaintext, so it repeats with the plaintext and
 * never otherwise. Where there is associated data, it goes in too, keyed with that digest: one nonce under two associated
 * data would give away the key of the tags. Decryption takes the nonce as it stands, so both read what the other wrote.
 */
function convergentNonce(nonceKey: KeyObject, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  const digest = hmacSha256(nonceKey, plaintext);
  if (associated.length === 0) return digest.subarray(0, nonceBytes);
  const perPlaintext = keyFromBytes(digest);
  wipe(digest);
  return hmacSha256(perPlaintext, associated).subarray(0, nonceBytes);
}

function bytesOf(plaintext: Uint8Array | string): Uint8Array {
  return typeof plaintext === 'string' ? Buffer.from(plaintext, 'base64') : plaintext;
}

function exported({ key }: KeyVersion, format: string): string {
  if (format !== '' && format !== 'raw')
    throw new Fault('invalid-request', 'unknown format for a symmetric key; supported values are `` or `raw`');
  const bytes = exportKey(key);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  wipe(bytes);
  return text;
}
