// A secret of KV version 2 as it is stored: its metadata with the newest version's data, and one entry per older version.

import { Fault } from '../../../base/fault.ts';
import { parseJson } from '../../../base/json.ts';
import { rfc3339 } from '../../../base/times.ts';

/** Times in milliseconds since the epoch; 0 is never. */
export interface VersionState {
  readonly created: number;
  readonly deletion: number;
  readonly destroyed: boolean;
}

export type SecretData = Readonly<Record<string, unknown>> | null;

export interface Secret {
  readonly current: number;
  readonly oldest: number;
  readonly created: number;
  readonly updated: number;
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** Seconds. */
  readonly deleteAfter: number;
  readonly custom: Readonly<Record<string, string>> | null;
  /** Counts the writes of the metadata. */
  readonly metadataVersion: number;
  readonly versions: ReadonlyMap<number, VersionState>;
  /** Data of the newest version: a read of it takes one entry. Absent when it was destroyed or never written. */
  readonly data?: SecretData;
}

export const secretPrefix = 'secret/';
export const configKey = 'config';

export function secretKey(path: string): string {
  return secretPrefix + path;
}

/** The number stands first, so that no path can be mistaken for another path's version. */
export function versionKey(path: string, number: number): string {
  return `version/${number}/${path}`;
}

export function newSecret(now: number): Secret {
  return {
    current: 0,
    oldest: 0,
    created: now,
    updated: now,
    maxVersions: 0,
    casRequired: false,
    deleteAfter: 0,
    custom: null,
    metadataVersion: 0,
    versions: new Map(),
  };
}

/** First byte of every entry; JSON follows. */
const format = 1;
/** What was accepted once must open for ever, whatever the limits of requests become. */
const limits = { depth: 10_000, members: Number.POSITIVE_INFINITY };

export function encode(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  bytes[0] = format;
  bytes.write(text, 1);
  return bytes;
}

export function decode(bytes: Uint8Array): unknown {
  if (bytes[0] !== format) throw new Fault('corrupted', 'a secret was written by a newer version; start that version again');
  return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString(), limits);
}

type StoredSecret = Omit<Secret, 'versions'> & { readonly versions: readonly (readonly [number, number, number, 0 | 1])[] };

export function encodeSecret(secret: Secret): Uint8Array {
  const versions = [...secret.versions].map(
    ([number, { created, deletion, destroyed }]) => [number, created, deletion, destroyed ? 1 : 0] as const,
  );
  return encode({ ...secret, versions } satisfies StoredSecret);
}

export function decodeSecret(bytes: Uint8Array): Secret {
  const stored = decode(bytes) as StoredSecret;
  const versions = new Map(
    stored.versions.map(([number, created, deletion, destroyed]) => [number, { created, deletion, destroyed: destroyed === 1 }]),
  );
  return { ...stored, versions };
}

/** Told apart from what version 1 remembers under the same key. */
export function isSecret(remembered: object): boolean {
  return 'versions' in remembered;
}

/** Deleted, by hand or by time. */
export function isDeleted(state: VersionState, now: number): boolean {
  return state.deletion !== 0 && state.deletion <= now;
}

export function describeVersion(secret: Secret, number: number, state: VersionState): Record<string, unknown> {
  return {
    created_time: rfc3339(state.created),
    custom_metadata: secret.custom,
    deletion_time: timeOrEmpty(state.deletion),
    destroyed: state.destroyed,
    version: number,
  };
}

export function timeOrEmpty(milliseconds: number): string {
  return milliseconds === 0 ? '' : rfc3339(milliseconds);
}
