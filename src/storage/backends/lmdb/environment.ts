// The LMDB environment of a store: its folder, its databases, its format.

import { type Database, open, type RootDatabase } from 'lmdb';
import { Fault } from '../../../base/fault.ts';
import { bytesToBegin, freeBytes, gateFile, prepareFiles, prepareFolder, unusable } from './folder.ts';
import { type Gate, openGate } from './gate.ts';

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
  /** Every commit goes through the gate of the store. */
  readonly pass: Gate['pass'];
  /** Whether its disk has so little room that a commit may fail half-way. */
  isFull(): boolean;
  /** False once LMDB has given the environment up, which it does when it could not write its head. */
  takesWrites(): boolean;
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

export async function openEnvironment({ path, ringCapacity = 4_096 }: EnvironmentOptions): Promise<Environment> {
  try {
    prepareFolder(path);
    const gate = openGate(gateFile(path));
    try {
      return await gate.alone(() => openBehind(gate, path, ringCapacity));
    } catch (thrown) {
      gate.close();
      throw thrown;
    }
  } catch (thrown) {
    throw unusable(path, thrown);
  }
}

function openBehind(gate: Gate, path: string, ringCapacity: number): Environment {
  prepareFiles(path);
  const root = openRoot(path);
  try {
    const about = openDatabase(root, 'about');
    const capacity = agreeOnFormat(root, about, ringCapacity, path);
    const entries = openDatabase(root, 'entries');
    const feed = openDatabase(root, 'feed');
    startFeed(root, feed);
    return {
      entries,
      feed,
      ringCapacity: capacity,
      pass: gate.pass,
      isFull: () => freeBytes(path) < bytesToBegin,
      takesWrites: () => takesWrites(root),
      async close() {
        const leave = await gate.pass();
        await root.close();
        leave();
        gate.close();
      },
    };
  } catch (thrown) {
    // The reason for not opening is the one to tell.
    root.close().catch(() => {});
    throw thrown;
  }
}

function openRoot(path: string): RootDatabase {
  return open({
    path,
    noSubdir: false,
    maxDbs: 4,
    mapSize,
    // With overlapping syncs a commit is visible to readers before it is durable.
    overlappingSync: false,
    // With batches of its own the binding makes a promise for each that nobody holds, and a full disk ends the process.
    eventTurnBatching: false,
    cache: false,
    encoding: 'binary',
    ...{
      permissionsMode: 0o600,
      // As LMDB itself does: what the binding remembers of free pages from one commit to the next has damaged stores under load.
      maxFreeSpaceToRetain: 0,
    },
  });
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
  const version = stored[0] ?? 0;
  if (version > formatVersion)
    throw new Fault(
      'storage-failed',
      `the store in ${path} has format ${version} and this Casemate knows formats up to ${formatVersion}: start the newer Casemate that wrote it`,
    );
  if (version !== formatVersion || stored.length !== 5)
    throw new Fault('corrupted', `the store in ${path} is damaged: restore it from a backup`);
  return stored.readUInt32BE(1);
}

function takesWrites(root: RootDatabase): boolean {
  try {
    root.transactionSync(() => {});
    return true;
  } catch {
    return false;
  }
}

function startFeed(root: RootDatabase, feed: Bytes): void {
  root.transactionSync(() => {
    if (!feed.doesExist(headKey)) feed.putSync(headKey, Buffer.alloc(0), 0);
  });
}
