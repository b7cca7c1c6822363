// A key as it is stored, all versions in one entry, and as it is used: key objects made once per stored state.

import { Fault } from '../../../base/fault.ts';
import type { RandomBytes } from '../../../base/random.ts';
import { keyFromBytes } from '../../../crypto/keys.ts';
import { wipe } from '../../../crypto/wipe.ts';
import type { KeyType, KeyVersion } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';

export interface KeySettings {
  readonly name: string;
  /** Name of the type. */
  readonly type: string;
  readonly derived: boolean;
  readonly convergent: boolean;
  readonly exportable: boolean;
  readonly plaintextBackup: boolean;
  readonly deletionAllowed: boolean;
  /** Seconds; 0 for never. */
  readonly autoRotatePeriod: number;
  readonly minDecryption: number;
  /** 0: the newest alone. */
  readonly minEncryption: number;
  readonly minAvailable: number;
  /** Of a key that was made elsewhere, until the server itself makes a version of it. */
  readonly imported?: { readonly rotatable: boolean };
  readonly backedUp?: Milestone;
  readonly restored?: Milestone;
}

/** Milliseconds since the epoch, and the newest version at that time. */
export interface Milestone {
  readonly time: number;
  readonly version: number;
}

/** Base64 of the bytes; milliseconds since the epoch. */
export interface StoredVersion {
  readonly number: number;
  readonly created: number;
  readonly key: string;
  readonly hmac: string;
}

export interface StoredKey extends KeySettings {
  /** In order, without gaps; those below `minAvailable` are gone. */
  readonly versions: readonly StoredVersion[];
}

export interface Key {
  readonly settings: KeySettings;
  readonly type: KeyType;
  readonly newest: KeyVersion;
  /** Those that may still decrypt: of the others not even the key is in memory. */
  readonly versions: ReadonlyMap<number, KeyVersion>;
}

/** First byte of every entry; JSON follows. */
const format = 1;
const hmacKeyBytes = 32;

export function encodeEntry(value: unknown): Uint8Array {
  return Buffer.concat([Buffer.of(format), Buffer.from(JSON.stringify(value))]);
}

export function decodeEntry(bytes: Uint8Array): unknown {
  if (bytes[0] !== format) throw new Fault('corrupted', 'an entry of transit was written by a newer version; start that version again');
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString());
}

export function decodeStored(bytes: Uint8Array): StoredKey {
  return decodeEntry(bytes) as StoredKey;
}

export function decodeKey(bytes: Uint8Array): Key {
  return usable(decodeStored(bytes));
}

export function usable({ versions: stored, ...settings }: StoredKey): Key {
  const type = knownTypes.get(settings.type);
  if (type === undefined)
    throw new Fault('corrupted', `a key has the type ${settings.type}, which this version does not know; start a newer version`);
  const versions = new Map<number, KeyVersion>();
  for (const version of stored) if (version.number >= settings.minDecryption) versions.set(version.number, loaded(version, type));
  const newest = versions.get(newestOf(stored));
  if (newest === undefined) throw new Fault('corrupted', 'a key has no version that may be used');
  return { settings, type, newest, versions };
}

export function newestOf(versions: StoredKey['versions']): number {
  return versions.at(-1)?.number ?? 0;
}

function loaded({ number, created, key, hmac }: StoredVersion, type: KeyType): KeyVersion {
  return {
    number,
    created,
    key: fromText(key, type.load),
    hmacKey: fromText(hmac, keyFromBytes),
    prefix: `vault:v${number}:`,
  };
}

function fromText<T>(text: string, make: (bytes: Uint8Array) => T): T {
  const bytes = Buffer.from(text, 'base64');
  try {
    return make(bytes);
  } finally {
    wipe(bytes);
  }
}

export interface Making {
  readonly type: KeyType;
  readonly random: RandomBytes;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The same key with one version more, which makes it the server's own. */
export async function withNewVersion(before: StoredKey, making: Making): Promise<StoredKey> {
  const key = await making.type.generate(making.random);
  const { imported: _, ...own } = withVersion(before, key, making);
  wipe(key);
  return own;
}

/** The same key with `key`, in the form that is stored, as its newest version; the bytes stay the caller's to wipe. */
export function withVersion(before: StoredKey, key: Uint8Array, { random, now }: Omit<Making, 'type'>): StoredKey {
  const hmac = random(hmacKeyBytes);
  const made: StoredVersion = { number: newestOf(before.versions) + 1, created: now, key: asText(key), hmac: asText(hmac) };
  wipe(hmac);
  return { ...before, versions: [...before.versions, made] };
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
