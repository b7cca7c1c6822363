// The list of all keys that a cluster ever had: names that are never used again, and retired keys, sealed, for the snapshots that need them.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { EncryptionConfig, KeyProvider } from '../config/encryption-config.ts';
import { keyFingerprint } from '../snapshots/key-fingerprint.ts';
import { keysInConfiguration, type NamedKey } from '../snapshots/known-keys.ts';

export interface RingKey {
  readonly type: KeyProvider['type'];
  readonly name: string;
  readonly fingerprint: string;
  /** RFC 3339. */
  readonly since: string;
  /** RFC 3339; undefined while a configuration holds it. */
  readonly retired?: string | undefined;
  /** Of a retired key: its material, sealed by the archive's key. */
  readonly sealed?: SealedKey | undefined;
}

/** Base64. */
export interface SealedKey {
  readonly keyId: string;
  readonly ciphertext: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface KeyRing {
  readonly version: 1;
  /** Of the newest change; the next one is higher. */
  readonly epoch: number;
  /** The oldest first. */
  readonly keys: readonly RingKey[];
}

export const emptyRing: KeyRing = { version: 1, epoch: 0, keys: [] };

/** Throws Fault `corrupted` with the place, `usage` for one that a newer version wrote. */
export function ringOfText(text: string, place: string): KeyRing {
  let value: Partial<KeyRing> | null;
  try {
    value = JSON.parse(text) as Partial<KeyRing> | null;
  } catch (thrown) {
    throw new Fault('corrupted', `the list of keys ${place} is damaged`, { cause: thrown });
  }
  if (typeof value !== 'object' || value === null || !Array.isArray(value.keys) || typeof value.epoch !== 'number')
    throw new Fault('corrupted', `the list of keys ${place} is damaged`);
  if (value.version !== 1) throw new Fault('usage', `the list of keys ${place} was written by a newer Casemate: use that one`);
  return value as KeyRing;
}

/**
 * A new key of 32 random bytes, by a name that no key of this cluster ever had: with two keys of one name kube-apiserver tries
 * both, and aescbc may take the wrong one's result for good (kubernetes/kubernetes#66844). `more` are names about to be taken.
 */
export function newKey(
  ring: KeyRing,
  present: EncryptionConfig,
  random: RandomBytes,
  more: readonly string[],
): KeyProvider['keys'][number] {
  const bytes = Buffer.from(random(32));
  const secret = bytes.toString('base64');
  const fingerprint = keyFingerprint(bytes);
  bytes.fill(0);
  const taken = new Set([...ring.keys, ...keysInConfiguration(present)].map(({ name }) => name).concat(more));
  for (let number = ring.keys.length + more.length + 1; ; number++) {
    const name = `cm-${number}-${fingerprint.slice(0, 8)}`;
    if (!taken.has(name)) return { name, secret };
  }
}

/** With all keys of the configuration in it. */
export function withKeys(ring: KeyRing, config: EncryptionConfig, at: string): KeyRing {
  const known = new Set(ring.keys.map(({ fingerprint }) => fingerprint));
  const added = keysInConfiguration(config)
    .map(({ type, name, secret }) => ({ type, name, fingerprint: fingerprintOf(secret), since: at }))
    // A key of several entries is one key.
    .filter(
      ({ fingerprint }, index, all) => !known.has(fingerprint) && all.findIndex((other) => other.fingerprint === fingerprint) === index,
    );
  return { ...ring, keys: [...ring.keys, ...added] };
}

/** Those that `before` holds and `after` does not become retired: sealed, never forgotten. */
export async function withRetired(
  ring: KeyRing,
  { before, after }: { readonly before: EncryptionConfig; readonly after: EncryptionConfig },
  archive: KeyBackend,
  at: string,
  signal: AbortSignal,
): Promise<KeyRing> {
  const staying = new Set(keysInConfiguration(after).map(({ secret }) => fingerprintOf(secret)));
  const leaving = new Map(keysInConfiguration(before).map((key) => [fingerprintOf(key.secret), key]));
  const keys = await Promise.all(
    withKeys(ring, before, at).keys.map(async (key): Promise<RingKey> => {
      const held = leaving.get(key.fingerprint);
      if (held === undefined || staying.has(key.fingerprint) || key.sealed !== undefined) return key;
      return { ...key, retired: at, sealed: await sealed(held.secret, archive, signal) };
    }),
  );
  return { ...ring, keys };
}

/** The retired keys in clear, for whoever looks into an old snapshot. Throws Fault as `KeyBackend.open`. */
export async function archivedKeys(ring: KeyRing, archive: KeyBackend, signal: AbortSignal): Promise<readonly NamedKey[]> {
  const found: NamedKey[] = [];
  for (const { type, name, sealed: one, fingerprint } of ring.keys) {
    if (one === undefined) continue;
    const annotations = Object.fromEntries(Object.entries(one.annotations).map(([key, value]) => [key, Buffer.from(value, 'base64')]));
    const opened = Buffer.from(
      await archive.open({ keyId: one.keyId, ciphertext: Buffer.from(one.ciphertext, 'base64'), annotations }, signal),
    );
    const secret = opened.toString('base64');
    opened.fill(0);
    if (fingerprintOf(secret) !== fingerprint)
      throw new Fault('corrupted', `the archived key ${name} is another one than its fingerprint says`);
    found.push({ type, name, secret });
  }
  return found;
}

async function sealed(secret: string, archive: KeyBackend, signal: AbortSignal): Promise<SealedKey> {
  const material = Buffer.from(secret, 'base64');
  try {
    const { keyId, ciphertext, annotations } = await archive.seal(material, signal);
    return {
      keyId,
      ciphertext: Buffer.from(ciphertext).toString('base64'),
      annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
    };
  } finally {
    material.fill(0);
  }
}

function fingerprintOf(secret: string): string {
  return keyFingerprint(Buffer.from(secret, 'base64'));
}
