// Saves a snapshot of etcd with the manifest of its keys: both whole and on the disk, or neither.

import { linkSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig } from '../config/encryption-config.ts';
import { type Inspection, inspectSnapshot } from './inspect.ts';
import { keysInConfiguration } from './known-keys.ts';
import { manifestOf, manifestPath, type SnapshotManifest } from './snapshot-manifest.ts';

export interface SaveOptions {
  /** As the server's Maintenance.Snapshot sends it: the database, then its SHA-256. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Where nothing may lie yet, nor at its `manifestPath`. */
  readonly path: string;
  /** Those that the nodes have now, each once or as often as it likes. */
  readonly configurations: readonly EncryptionConfig[];
  /** Uid of the namespace kube-system. */
  readonly cluster?: string | undefined;
  /** See `inspectSnapshot`. */
  readonly root?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Bytes so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface SavedSnapshot {
  readonly path: string;
  readonly manifestPath: string;
  readonly manifest: SnapshotManifest;
  /** With the keys of all configurations: `missing` is a key that none of the nodes has. */
  readonly inspection: Inspection;
}

/**
 * Throws Fault `usage` where a file is already, `storage-failed` for a disk that is full or refuses, `corrupted` when what etcd sent
 * does not fit its sum, and whatever `source` throws. Nothing is left behind then; a killed process leaves a hidden folder
 * beside the path.
 */
export async function saveSnapshot(options: SaveOptions): Promise<SavedSnapshot> {
  const { path, source, configurations, cluster, root, now, signal, onProgress } = options;
  const places = [path, manifestPath(path)] as const;
  for (const place of places) refuseExisting(place);
  const taken = now();
  // Beside its place, so that it can be linked there; of its own, since two may save at a time.
  const folder = await onDisk(path, () => mkdtempSync(join(dirname(path), `.${basename(path)}.`)));
  const drafts = [join(folder, 'snapshot'), join(folder, 'manifest')] as const;
  try {
    await writeDraft(drafts[0], path, counted(source, signal, onProgress));
    const configured = configurations.flatMap(keysInConfiguration);
    const inspection = await inspectSnapshot(drafts[0], { archive: configured, root, called: path, signal });
    if (inspection.snapshot.kind !== 'snapshot')
      throw new Fault('corrupted', `etcd sent a snapshot without its sum: it broke off; nothing was saved to ${path}, try again`);
    const manifest = manifestOf({ path, inspection, configured, taken, cluster });
    await writeDraft(drafts[1], path, [Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`)]);
    await settle(drafts, places);
    return { path, manifestPath: places[1], manifest, inspection: { ...inspection, snapshot: { ...inspection.snapshot, path } } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refuseExisting(place: string): void {
  // Also a link that leads nowhere: it is somebody's.
  if (lstatSync(place, { throwIfNoEntry: false }) !== undefined)
    throw new Fault('usage', `there is a file at ${place} already, and a snapshot replaces none: name another one`);
}

async function* counted(source: AsyncIterable<Uint8Array>, signal: AbortSignal, onProgress: SaveOptions['onProgress']) {
  let bytes = 0;
  for await (const piece of source) {
    signal.throwIfAborted();
    yield piece;
    bytes += piece.length;
    onProgress?.(bytes);
  }
}

/** 0600, since a snapshot holds all of a cluster, and what is not sealed lies in it in clear. On the disk when it resolves. */
async function writeDraft(draft: string, path: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = await onDisk(path, () => open(draft, 'wx', 0o600));
  try {
    for await (const piece of pieces) await onDisk(path, () => writeAll(file, piece));
    await onDisk(path, () => file.sync());
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await file.write(piece, at, piece.length - at)).bytesWritten;
}

/** Snapshot first: with half of the pair lost it is worth more. */
async function settle(drafts: readonly [string, string], places: readonly [string, string]): Promise<void> {
  const settled: string[] = [];
  try {
    for (const [at, place] of places.entries()) {
      await onDisk(place, () => putInPlace(drafts[at] as string, place));
      settled.push(place);
    }
    await onDisk(places[0], () => syncFolder(dirname(places[0])));
  } catch (thrown) {
    for (const place of settled) rmSync(place, { force: true });
    throw thrown;
  }
}

/** A link is made or refused at once: of two who save to one path at the same time, one is told. */
function putInPlace(draft: string, place: string): void {
  try {
    linkSync(draft, place);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST') refuseExisting(place);
    // Some file systems of network and removable disks have no links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw thrown;
    refuseExisting(place);
    renameSync(draft, place);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room, or name a path on another one',
  EDQUOT: 'the quota of the disk is used up: make room, or name a path on another one',
  EROFS: 'the file system is read-only: name a path on another one',
  EACCES: 'this user may not write there: name another path, or run it as another user',
  ENOENT: 'there is no such folder: make it first',
  ENOTDIR: 'its folder is a file: name another path',
};

async function onDisk<T>(path: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Fault('storage-failed', `the snapshot ${path} was not saved: ${reasons[code] ?? code}`, { cause: thrown });
  }
}
