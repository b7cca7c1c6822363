// The manifest beside a snapshot: which keys it needs, by fingerprint, so that it can be told years later whether they are still there.

import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { parseJson } from '../../base/json.ts';
import type { StoredForm } from '../verify/stored-form.ts';
import type { Inspection } from './inspect.ts';
import { type KnownKeys, knownKeys, type NamedKey } from './known-keys.ts';

export interface ManifestKey {
  readonly type: StoredForm['provider'];
  /** Of the key; of the KMS provider. */
  readonly name: string;
  /** KMS v2 alone. */
  readonly keyId?: string;
  /** As `keyFingerprint` tells it; absent where the key was not at hand, or is a KMS's. */
  readonly fingerprint?: string;
  /** How many objects it sealed; 0 for a key that was in a configuration and had sealed nothing yet. */
  readonly objects: number;
}

/** Stored as JSON. Holds no secret, but tells what is in the cluster. */
export interface SnapshotManifest {
  readonly format: 1;
  readonly snapshot: {
    readonly file: string;
    readonly bytes: number;
    /** Of the whole file, as `sha256sum` prints it. */
    readonly sha256: string;
    /** Decimal, as all numbers that may be longer than a double holds. */
    readonly revision: string;
    readonly consistentIndex?: string;
    readonly etcdVersion?: string;
  };
  /** RFC 3339. */
  readonly taken: string;
  /** Uid of the namespace kube-system, which stands for the cluster. */
  readonly cluster?: string;
  /** Beginning of all keys of Kubernetes. */
  readonly root: string;
  readonly objects: readonly {
    readonly resource: string;
    readonly provider: StoredForm['provider'];
    readonly key: string;
    readonly keyId?: string;
    readonly objects: number;
  }[];
  readonly keys: readonly ManifestKey[];
}

export function manifestPath(snapshot: string): string {
  return `${snapshot}.casemate.json`;
}

export interface ManifestFacts {
  /** Where the snapshot will lie. */
  readonly path: string;
  /** Made with the keys of all nodes' configurations as its archive. */
  readonly inspection: Inspection;
  /** Keys of all nodes' configurations, those that sealed nothing yet included. */
  readonly configured: readonly NamedKey[];
  /** Milliseconds since 1970. */
  readonly taken: number;
  readonly cluster?: string | undefined;
}

export function manifestOf({ path, inspection, configured, taken, cluster }: ManifestFacts): SnapshotManifest {
  const { snapshot, root, rows } = inspection;
  return {
    format: 1,
    snapshot: {
      file: basename(path),
      bytes: snapshot.bytes,
      sha256: snapshot.sha256,
      revision: String(snapshot.revision),
      ...(snapshot.consistentIndex === undefined ? {} : { consistentIndex: String(snapshot.consistentIndex) }),
      ...(snapshot.etcdVersion === undefined ? {} : { etcdVersion: snapshot.etcdVersion }),
    },
    taken: new Date(taken).toISOString(),
    ...(cluster === undefined ? {} : { cluster }),
    root,
    objects: rows.map(({ resource, provider, key, keyId, objects }) => ({
      resource,
      provider,
      key,
      ...(keyId === undefined ? {} : { keyId }),
      objects,
    })),
    keys: keysOf(inspection, knownKeys(undefined, configured)),
  };
}

/** Needed ones first; then what is configured and seals nothing yet, as in the middle of a rotation. */
function keysOf({ needs }: Inspection, { all }: KnownKeys): readonly ManifestKey[] {
  const needed = needs
    .filter(({ type }) => type !== 'identity')
    .map(
      ({ type, name, keyId, fingerprint, objects }): ManifestKey => ({
        type,
        name,
        ...(keyId === undefined ? {} : { keyId }),
        ...(fingerprint === undefined ? {} : { fingerprint }),
        objects,
      }),
    );
  const idle = all
    .filter(
      (key) => !needed.some(({ type, name, fingerprint }) => type === key.type && name === key.name && fingerprint === key.fingerprint),
    )
    .map(({ type, name, fingerprint }): ManifestKey => ({ type, name, fingerprint, objects: 0 }));
  return [...needed, ...idle];
}

/** No cluster has as many kinds of objects and keys as would fill this. */
const longestManifest = 16 * 1024 * 1024;

/**
 * That of the snapshot at `path`; undefined when it has none. Throws Fault `corrupted` for a damaged one, `usage` for one that is of
 * a newer format.
 */
export function readManifest(path: string): SnapshotManifest | undefined {
  const at = manifestPath(path);
  let text: string;
  try {
    if (statSync(at).size > longestManifest) throw damaged(at);
    text = readFileSync(at, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Fault('usage', `the manifest ${at} cannot be read: ${code}`, { cause: thrown });
  }
  return parseManifest(text, at);
}

/** Throws as `readManifest`. */
export function parseManifest(text: string, at: string): SnapshotManifest {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (thrown) {
    throw damaged(at, thrown);
  }
  if (!isRecord(value) || typeof value['format'] !== 'number') throw damaged(at);
  if (value['format'] !== 1)
    throw new Fault('usage', `the manifest ${at} is of format ${value['format']}, which this Casemate does not know: take a newer one`);
  if (!isManifest(value)) throw damaged(at);
  return value;
}

/** Throws Fault `corrupted` when the manifest is that of another file. */
export function checkManifest(manifest: SnapshotManifest, { snapshot }: Inspection): void {
  if (manifest.snapshot.sha256 === snapshot.sha256) return;
  throw new Fault(
    'corrupted',
    `the manifest ${manifestPath(snapshot.path)} is not that of ${snapshot.path}: one of them was changed or mixed up; find the pair, or remove the manifest`,
  );
}

function isManifest(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, unknown>> & SnapshotManifest {
  const { snapshot, taken, cluster, root, objects, keys } = value;
  return (
    isRecord(snapshot) &&
    hasTexts(snapshot, ['file', 'sha256', 'revision'], ['consistentIndex', 'etcdVersion']) &&
    typeof snapshot['bytes'] === 'number' &&
    typeof taken === 'string' &&
    (cluster === undefined || typeof cluster === 'string') &&
    typeof root === 'string' &&
    isListOf(objects, ['resource', 'provider', 'key'], ['keyId']) &&
    isListOf(keys, ['type', 'name'], ['keyId', 'fingerprint'])
  );
}

function isListOf(value: unknown, needed: readonly string[], optional: readonly string[]): boolean {
  return (
    Array.isArray(value) && value.every((row) => isRecord(row) && typeof row['objects'] === 'number' && hasTexts(row, needed, optional))
  );
}

function hasTexts(row: Readonly<Record<string, unknown>>, needed: readonly string[], optional: readonly string[]): boolean {
  return (
    needed.every((name) => typeof row[name] === 'string') &&
    optional.every((name) => row[name] === undefined || typeof row[name] === 'string')
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function damaged(at: string, cause?: unknown): Fault {
  return new Fault('corrupted', `the manifest ${at} is damaged: restore it, or remove it and inspect the snapshot itself`, { cause });
}
