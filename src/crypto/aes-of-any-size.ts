// Opens what was sealed with AES keys of 16, 24 or 32 bytes, as kube-apiserver takes them: GCM, and CBC with PKCS #7 padding.

import { type CipherGCMTypes, createDecipheriv, type KeyObject } from 'node:crypto';
import { tagBytes } from './aead.ts';

export const cbcBlockBytes = 16;

export function isAesKey(key: KeyObject): boolean {
  return [16, 24, 32].includes(key.symmetricKeySize ?? 0);
}

/** NIST SP 800-38D. `sealed` ends with its tag. `undefined` when the tag does not fit, or the key has no size of AES. */
export function openAesGcm(key: KeyObject, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer | undefined {
  if (!isAesKey(key) || sealed.length < tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(nameOf(key, 'gcm') as CipherGCMTypes, key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  return finished(decipher, sealed.subarray(0, end));
}

/**
 * NIST SP 800-38A, section 6.2. `undefined` when the padding does not fit, which one wrong key in 256 does by chance: whoever opens
 * has to know the data by something else.
 */
export function openAesCbc(key: KeyObject, iv: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (!isAesKey(key) || iv.length !== cbcBlockBytes || sealed.length === 0 || sealed.length % cbcBlockBytes !== 0) return undefined;
  return finished(createDecipheriv(nameOf(key, 'cbc'), key, iv), sealed);
}

function nameOf(key: KeyObject, mode: 'gcm' | 'cbc'): string {
  return `aes-${(key.symmetricKeySize as number) * 8}-${mode}`;
}

function finished(decipher: { update(data: Uint8Array): Buffer; final(): Buffer }, sealed: Uint8Array): Buffer | undefined {
  const plaintext = decipher.update(sealed);
  try {
    const rest = decipher.final();
    return rest.length === 0 ? plaintext : Buffer.concat([plaintext, rest]);
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}
