// A ring of keys in one file: versions that only grow, old ones that keep opening, and a passphrase around them if the operator wants one.

import { closeSync, openSync, rmSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { RandomBytes } from '../base/random.ts';
import { type KeyObject, keyFromBytes } from '../crypto/keys.ts';
import { keyFromPassphrase, type PassphraseCost, passphraseCost, saltBytes } from '../crypto/passphrase.ts';
import { wipe } from '../crypto/wipe.ts';
import { type CipherKey, cipherKey, fingerprintOf, keyBytesOf, openUnder, sealUnder } from './cipher.ts';
import type { Cipher } from './description.ts';
import { privateFileIfThere, readPrivateFile, writePrivateFile } from './private-file.ts';
import { parseRing, type StoredKey, type StoredProtection, type StoredRing } from './ring-format.ts';

export interface Ring {
  readonly name: string;
  /** Seals; all of them open. */
  readonly current: RingKey;
  readonly keys: readonly RingKey[];
}

export interface RingKey extends CipherKey {
  readonly version: number;
  /** `local:<name>:v<version>:<fingerprint>`: two rings of one name do not name their keys alike. */
  readonly id: string;
}

export interface RingParts {
  readonly random: RandomBytes;
  readonly clock: Clock;
}

export interface NewRing {
  /** Letters, digits, dots and dashes; part of the key's id, so the same on all nodes. */
  readonly name: string;
  readonly cipher: Cipher;
  readonly passphrase?: string | undefined;
  /** The recommended one by default. */
  readonly cost?: PassphraseCost | undefined;
}

/** With its first version. Throws Fault `usage` where a file is already. */
export async function createRing(path: string, wanted: NewRing, parts: RingParts): Promise<Ring> {
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/.test(wanted.name))
    throw new Fault('usage', 'the name of a key ring is made of letters, digits, dots and dashes, 63 at most');
  return whileLocked(path, async () => {
    if (privateFileIfThere(path, 'the key ring') !== undefined)
      throw new Fault('usage', `there is a key ring at ${path} already: add a version to it, or name another file`);
    const { passphrase, cost = passphraseCost } = wanted;
    const protection: StoredProtection | undefined =
      passphrase === undefined ? undefined : { kdf: 'argon2id', ...cost, salt: base64(parts.random(saltBytes)) };
    const ring: StoredRing = {
      format: 1,
      name: wanted.name,
      current: 1,
      next: 1,
      ...(protection === undefined ? {} : { protection }),
      keys: [],
    };
    const guard = await guardOf(ring, passphrase);
    return written(path, withKey(ring, wanted.cipher, guard, parts), guard);
  });
}

/** Throws Fault `usage` for a file that others may read and for a passphrase that is wrong, `corrupted` for a damaged file. */
export async function readRing(path: string, passphrase: string | undefined): Promise<Ring> {
  return ringOf(readPrivateFile(path, 'the key ring'), path, passphrase);
}

/** From the bytes of its file; throws as `readRing`. */
export async function ringOf(content: Uint8Array, path: string, passphrase: string | undefined): Promise<Ring> {
  const ring = parseRing(content, path);
  return opened(ring, await guardOf(ring, passphrase), path);
}

export interface Addition {
  /** That of the current version by default. */
  readonly cipher?: Cipher | undefined;
  readonly passphrase?: string | undefined;
  /** Seals from now on; otherwise it opens, so that it can be there on all nodes before the first of them seals with it. */
  readonly use: boolean;
}

/** A new version. Throws as `readRing`, and Fault `usage` while another change is under way. */
export async function addRingKey(path: string, { cipher, passphrase, use }: Addition, parts: RingParts): Promise<Ring> {
  return edit(path, passphrase, (ring, guard) => {
    const current = ring.keys.find(({ version }) => version === ring.current) as StoredKey;
    const grown = withKey(ring, cipher ?? current.cipher, guard, parts);
    return use ? { ...grown, current: ring.next } : grown;
  });
}

/** Never back to an older version: its id was left behind, and is never used again. Throws Fault `usage`. */
export async function useRingKey(path: string, version: number, passphrase?: string): Promise<Ring> {
  return edit(path, passphrase, (ring) => {
    if (!ring.keys.some((key) => key.version === version)) throw new Fault('usage', `the key ring ${path} has no version ${version}`);
    if (version < ring.current)
      throw new Fault('usage', `version ${version} is older than the one in use, ${ring.current}: add a new version instead`);
    return { ...ring, current: version };
  });
}

/** What it sealed never opens again. Throws Fault `usage` for the version in use. */
export async function removeRingKey(path: string, version: number, passphrase?: string): Promise<Ring> {
  return edit(path, passphrase, (ring) => {
    if (!ring.keys.some((key) => key.version === version)) throw new Fault('usage', `the key ring ${path} has no version ${version}`);
    if (version === ring.current) throw new Fault('usage', `version ${version} is in use: use a newer one first`);
    return { ...ring, keys: ring.keys.filter((key) => key.version !== version) };
  });
}

async function edit(
  path: string,
  passphrase: string | undefined,
  change: (ring: StoredRing, guard: CipherKey | undefined) => StoredRing,
): Promise<Ring> {
  return whileLocked(path, async () => {
    const ring = parseRing(readPrivateFile(path, 'the key ring'), path);
    const guard = await guardOf(ring, passphrase);
    // Before it is changed: a version that is added under a wrong passphrase would be lost.
    opened(ring, guard, path);
    return written(path, change(ring, guard), guard);
  });
}

/** Of two who add a version at the same time, the one that writes last would throw away the other's key. */
async function whileLocked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  try {
    closeSync(openSync(lock, 'wx', 0o600));
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault(
      'usage',
      code === 'EEXIST'
        ? `another change of the key ring ${path} is under way; if none is, one was cut off: remove ${lock}`
        : `the key ring ${path} cannot be written: ${code ?? 'unknown error'}`,
      { cause: thrown },
    );
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function written(path: string, ring: StoredRing, guard: CipherKey | undefined): Ring {
  const made = opened(ring, guard, path);
  writePrivateFile(path, 'the key ring', `${JSON.stringify(ring, undefined, 2)}\n`);
  return made;
}

function withKey(ring: StoredRing, cipher: Cipher, guard: CipherKey | undefined, { random, clock }: RingParts): StoredRing {
  const bytes = random(keyBytesOf(cipher));
  const { fingerprint } = cipherKey(cipher, keyFromBytes(bytes));
  const version = ring.next;
  const facts = { version, cipher, created: new Date(clock.now()).toISOString(), fingerprint };
  const key: StoredKey =
    guard === undefined
      ? { ...facts, key: base64(bytes) }
      : { ...facts, sealed: base64(sealUnder(guard, bytes, contextOf(ring, facts), random)) };
  wipe(bytes);
  return { ...ring, next: version + 1, keys: [...ring.keys, key] };
}

function opened(ring: StoredRing, guard: CipherKey | undefined, path: string): Ring {
  const keys = ring.keys.map((stored) => {
    const made = cipherKey(stored.cipher, keyOf(ring, stored, guard, path));
    if (made.fingerprint !== stored.fingerprint)
      throw new Fault('corrupted', `version ${stored.version} of the key ring ${path} is damaged: restore the file from a backup`);
    return { ...made, version: stored.version, id: `local:${ring.name}:v${stored.version}:${made.fingerprint.slice(0, 16)}` };
  });
  const current = keys.find(({ version }) => version === ring.current);
  if (current === undefined)
    throw new Fault('corrupted', `the key ring ${path} has lost its version ${ring.current}: restore the file from a backup`);
  return { name: ring.name, current, keys };
}

function keyOf(ring: StoredRing, stored: StoredKey, guard: CipherKey | undefined, path: string): KeyObject {
  const bytes = bytesOf(ring, stored, guard, path);
  if (bytes.length !== keyBytesOf(stored.cipher))
    throw new Fault('corrupted', `version ${stored.version} of the key ring ${path} is no key of ${stored.cipher}`);
  const key = keyFromBytes(bytes);
  wipe(bytes);
  return key;
}

function bytesOf(ring: StoredRing, stored: StoredKey, guard: CipherKey | undefined, path: string): Uint8Array {
  if (guard === undefined) return Buffer.from(stored.key ?? '', 'base64');
  const sealed = Buffer.from(stored.sealed ?? '', 'base64');
  const fingerprint = fingerprintOf(sealed);
  if (fingerprint === undefined) throw new Fault('corrupted', `version ${stored.version} of the key ring ${path} is damaged`);
  if (fingerprint !== guard.fingerprint) throw new Fault('usage', `the passphrase does not open the key ring ${path}`);
  return openUnder(guard, sealed, contextOf(ring, stored));
}

/** Keeps a key from being moved to another version or ring of the same passphrase. */
function contextOf(ring: StoredRing, { version, cipher }: Pick<StoredKey, 'version' | 'cipher'>): string {
  return `casemate key ring ${ring.name} v${version} ${cipher}`;
}

/** The key that the passphrase makes; undefined for a ring without one. */
async function guardOf(ring: StoredRing, passphrase: string | undefined): Promise<CipherKey | undefined> {
  const { protection } = ring;
  if (protection === undefined) return undefined;
  if (passphrase === undefined) throw new Fault('usage', `the key ring ${ring.name} is protected with a passphrase, and none is given`);
  const key = await keyFromPassphrase(passphrase, Buffer.from(protection.salt, 'base64'), protection, keyBytesOf('aes-256-gcm'));
  return cipherKey('aes-256-gcm', key);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
