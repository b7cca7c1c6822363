// Digests and keyed digests: one-shot SHA-2, SHA-3 and SM3 (GB/T 32905), HMAC-SHA256 and HMAC-SM3 (RFC 2104).

import { createHmac, hash, type KeyObject } from 'node:crypto';

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

export function sha256(data: string | Uint8Array): Buffer {
  return hash('sha256', data, 'buffer');
}

export function sm3(data: string | Uint8Array): Buffer {
  return hash('sm3', data, 'buffer');
}

/** For those whose rules ask for the national digest. */
export function hmacSm3(key: KeyObject, data: string | Uint8Array): Buffer {
  return createHmac('sm3', key).update(data).digest();
}

export function hmacSha256Hex(key: KeyObject, data: string | Uint8Array): string {
  return createHmac('sha256', key).update(data).digest('hex');
}

export function hmacSha256(key: KeyObject, data: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Vault's names of digests, as `sys/tools/hash` takes them. */
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

/** `undefined` for an algorithm that is not known. */
export function digest(algorithm: string, data: Uint8Array): Buffer | undefined {
  const known = algorithms.get(algorithm);
  return known === undefined ? undefined : hash(known, data, 'buffer');
}
