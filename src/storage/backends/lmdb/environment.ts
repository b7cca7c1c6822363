// The LMDB environment of a store: its folder, its databases, its format.

import { accessSync, constants, mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { Fault } from '../../../base/fault.ts';

export interface EnvironmentOptions {
  /** Folder of the store; made (0700) when it is not there. */
  readonly path: string;
  /** Commits that the change feed looks back; settled when the store is made. */
  readonly ringCapacity?: number;
}

export type Bytes = Database<Buffer, string>;

export interface Environment {
  /** Every entry, with the number of the commit that wrote it as its version. */
  readonly entries: Bytes;
  /** `head`, whose version is the number of the newest commit, and the slots of the change ring. */
  readonly feed: Bytes;
  readonly ringCapacity: number;
  close(): Promise<void>;
}

export const headKey = 'head';

/** Version byte of the store's format, for ever the first of the `format` entry. */
const formatVersion = 1;
const formatKey = 'format';
/** Address space, not disk: LMDB need not map the file anew while others read until it is this large, and goes on growing after. */
const mapSize = 64 * 2 ** 30;

/** The keys of all databases: strings as their UTF-8, without any framing, so that LMDB sorts them as Storage promises. */
const utf8Keys = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('utf8', start, end),
};

export function openEnvironment({ path, ringCapacity = 4_096 }: EnvironmentOptions): Environment {
  prepareFolder(path);
  const root = openRoot(path);
  try {
    const about = openDatabase(root, 'about');
    const capacity = agreeOnFormat(root, about, ringCapacity, path);
    const entries = openDatabase(root, 'entries');
    const feed = openDatabase(root, 'feed');
    startFeed(root, feed);
    return { entries, feed, ringCapacity: capacity, close: () => root.close() };
  } catch (thrown) {
    // The reason for not opening is the one to tell.
    root.close().catch(() => {});
    throw thrown instanceof Fault ? thrown : unusable(path, thrown);
  }
}

function prepareFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    throw unusable(path, thrown);
  }
}

function openRoot(path: string): RootDatabase {
  try {
    return open({
      path,
      noSubdir: false,
      maxDbs: 4,
      mapSize,
      // With overlapping syncs a commit is visible to readers before it is durable.
      overlappingSync: false,
      cache: false,
      encoding: 'binary',
      ...{ permissionsMode: 0o600 },
    });
  } catch (thrown) {
    throw unusable(path, thrown);
  }
}

function openDatabase(root: RootDatabase, name: string): Bytes {
  return root.openDB<Buffer, string>({ name, encoding: 'binary', cache: false, useVersions: true, ...{ keyEncoder: utf8Keys } });
}

/** Gives the ring's capacity as the store's maker settled it. */
function agreeOnFormat(root: RootDatabase, about: Bytes, ringCapacity: number, path: string): number {
  const stored = root.transactionSync(() => {
    const found = about.getBinary(formatKey);
    if (found !== undefined) return found;
    const made = Buffer.alloc(5);
    made.writeUInt8(formatVersion, 0);
    made.writeUInt32BE(ringCapacity, 1);
    about.putSync(formatKey, made, 1);
    return made;
  });
  const version = stored.readUInt8(0);
  if (version > formatVersion)
    throw new Fault(
      'storage-failed',
      `the store in ${path} has format ${version} and this Casemate knows formats up to ${formatVersion}: start the newer Casemate that wrote it`,
    );
  if (version !== formatVersion || stored.length !== 5)
    throw new Fault('corrupted', `the store in ${path} is damaged: restore it from a backup`);
  return stored.readUInt32BE(1);
}

function startFeed(root: RootDatabase, feed: Bytes): void {
  root.transactionSync(() => {
    if (!feed.doesExist(headKey)) feed.putSync(headKey, Buffer.alloc(0), 0);
  });
}

const reasons: ReadonlyMap<string | number, string> = new Map<string | number, string>([
  ['EACCES', 'this user may not write there'],
  ['EPERM', 'this user may not write there'],
  ['EROFS', 'it is on a read-only file system'],
  ['ENOTDIR', 'it is not a folder'],
  ['EEXIST', 'it is not a folder'],
  ['ENOSPC', 'the disk is full'],
  [13, 'this user may not write there'],
  [30, 'it is on a read-only file system'],
  [28, 'the disk is full'],
  [12, 'there is not enough address space for it'],
]);
/** MDB_INVALID, MDB_CORRUPTED, MDB_VERSION_MISMATCH (lmdb.h). */
const foreign: ReadonlySet<unknown> = new Set([-30793, -30796, -30794]);

function unusable(path: string, cause: unknown): Fault {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (foreign.has(code))
    return new Fault('corrupted', `the files in ${path} are damaged or are not a store of Casemate: restore them from a backup`, { cause });
  const reason =
    reasons.get(code as string | number) ??
    (typeof code === 'string' || typeof code === 'number' ? `error ${code}` : 'it could not be opened');
  return new Fault('storage-failed', `the data folder ${path} cannot be used: ${reason}; choose a folder that this user may write to`, {
    cause,
  });
}
