// Keys as KeyObjects: made once from bytes, derived with HKDF, never passed around raw.

import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

export type { KeyObject } from 'node:crypto';

/** The bytes are copied; the caller may wipe its own. */
export function keyFromBytes(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes);
}

/** HKDF-SHA256 (RFC 5869) to another 32-byte key. */
export function deriveKey(key: KeyObject, salt: Uint8Array, info: string): KeyObject {
  const derived = new Uint8Array(hkdfSync('sha256', key, salt, info, 32));
  const made = createSecretKey(derived);
  derived.fill(0);
  return made;
}

/** HKDF-SHA256 to plain bytes, for vectors and key ids. */
export function hkdf(key: KeyObject, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, length));
}

/** The bytes of a key, where a format has to hold them (a keyring, shares). Wipe them afterwards. */
export function exportKey(key: KeyObject): Uint8Array {
  return key.export();
}
