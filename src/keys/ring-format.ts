// The file of a key ring as it is written, and what is checked before anything in it is believed.

import { Fault } from '../base/fault.ts';
import type { PassphraseCost } from '../crypto/passphrase.ts';
import { ciphers } from './cipher.ts';
import type { Cipher } from './description.ts';

export interface StoredRing {
  readonly format: 1;
  readonly name: string;
  /** The version that seals. */
  readonly current: number;
  /** The number of the version that is added next: none is given twice, whatever was removed. */
  readonly next: number;
  /** Where a passphrase protects the keys. */
  readonly protection?: StoredProtection;
  readonly keys: readonly StoredKey[];
}

export interface StoredProtection extends PassphraseCost {
  readonly kdf: 'argon2id';
  /** Base64. */
  readonly salt: string;
}

export interface StoredKey {
  readonly version: number;
  readonly cipher: Cipher;
  /** ISO 8601. */
  readonly created: string;
  readonly fingerprint: string;
  /** Base64; one of the two. */
  readonly key?: string;
  readonly sealed?: string;
}

/** Throws Fault `corrupted` without repeating what stands there. */
export function parseRing(content: Uint8Array, path: string): StoredRing {
  const ring = parsed(content, path);
  if (!isRecord(ring) || ring['format'] === undefined) throw damaged(path, 'it is no key ring');
  if (ring['format'] !== 1) throw new Fault('corrupted', `the key ring ${path} was written by a newer version; start that version again`);
  const { name, current, next, protection, keys } = ring;
  if (typeof name !== 'string' || !isCount(current) || !isCount(next) || !Array.isArray(keys)) throw damaged(path, 'a field is missing');
  const versions = new Set<number>();
  for (const key of keys as unknown[]) {
    if (!isKey(key, protection !== undefined)) throw damaged(path, 'a key of it is incomplete');
    if (versions.has(key.version) || key.version >= next) throw damaged(path, `version ${key.version} is out of order`);
    versions.add(key.version);
  }
  if (protection !== undefined && !isProtection(protection)) throw damaged(path, 'its protection is incomplete');
  return ring as unknown as StoredRing;
}

function parsed(content: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'));
  } catch {
    // The parser's error would repeat the text, and keys stand in it.
    throw damaged(path, 'it is no JSON');
  }
}

function damaged(path: string, why: string): Fault {
  return new Fault('corrupted', `the key ring ${path} cannot be used, ${why}: restore the file from a backup`);
}

function isKey(key: unknown, isProtected: boolean): key is StoredKey {
  if (!isRecord(key)) return false;
  const { version, cipher, fingerprint } = key;
  const material = key[isProtected ? 'sealed' : 'key'];
  return (
    isCount(version) &&
    ciphers.includes(cipher as Cipher) &&
    typeof fingerprint === 'string' &&
    typeof material === 'string' &&
    material !== ''
  );
}

function isProtection(protection: unknown): protection is StoredProtection {
  if (!isRecord(protection)) return false;
  const { kdf, salt, memory, passes, lanes } = protection;
  return kdf === 'argon2id' && typeof salt === 'string' && [memory, passes, lanes].every(isCount);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
