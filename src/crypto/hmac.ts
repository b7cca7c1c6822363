// Keyed digests (RFC 2104) over any of the SHA-2 and SHA-3 digests, by Vault's names of them.

import { createHmac, type KeyObject } from 'node:crypto';

const algorithms: ReadonlyMap<string, string> = new Map([
  ['sha2-224', 'sha224'],
  ['sha2-256', 'sha256'],
  ['sha2-384', 'sha384'],
  ['sha2-512', 'sha512'],
  ['sha3-224', 'sha3-224'],
  ['sha3-256', 'sha3-256'],
  ['sha3-384', 'sha3-384'],
  ['sha3-512', 'sha3-512'],
]);

export type Hmac = (key: KeyObject, data: Uint8Array) => Buffer;

/** `undefined` for an algorithm that is not known. */
export function hmacOf(algorithm: string): Hmac | undefined {
  const known = algorithms.get(algorithm);
  return known === undefined ? undefined : (key, data) => createHmac(known, key).update(data).digest();
}
