// Opens a snapshot of etcd without etcd: checks its sum, and yields the objects that were there when it was taken.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { runningSha256 } from '../../crypto/running-digest.ts';
import { readFields } from '../verify/wire/protobuf.ts';
import { type BoltFile, type ByteSource, openBolt } from './bolt-file.ts';
import { createSeenKeys } from './seen-keys.ts';

export interface SnapshotEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of its last write. */
  readonly revision: bigint;
}

export interface Snapshot {
  readonly path: string;
  /** `database` is a bare file of etcd (`member/snap/db`), which has no sum of its own. */
  readonly kind: 'snapshot' | 'database';
  /** Of the whole file. */
  readonly bytes: number;
  /** Of the whole file, as hex: what `sha256sum` prints. */
  readonly sha256: string;
  /** Of the store, when it was taken. */
  readonly revision: bigint;
  /** Of the last entry of etcd's log that is in it. */
  readonly consistentIndex: bigint | undefined;
  /** `3.6.0`: the version of the stored format, or of the cluster where etcd was too old to tell; undefined before its first election. */
  readonly etcdVersion: string | undefined;
  /**
   * Each key that was there with its last value, newest first. Needs 24 to 48 bytes of memory for each key, and no more for long
   * histories or long values. Throws Fault `corrupted`.
   */
  liveEntries(signal: AbortSignal): AsyncGenerator<SnapshotEntry, void, undefined>;
  close(): void;
}

/** SHA-256 at the end, as the server's Maintenance.Snapshot sends it and `etcdctl snapshot save` writes it. */
export const sumBytes = 32;
/** Databases are made of pages; what is left over is the sum (etcdutl, snapshot/v3_snapshot.go). */
const sectorBytes = 512;

/**
 * Throws Fault `usage` for a file that cannot be read, `corrupted` for one that is no whole snapshot; `called` is its name in
 * messages. Whoever opens it closes it.
 */
export async function openSnapshot(path: string, signal: AbortSignal, called: string = path): Promise<Snapshot> {
  const file = fileAt(path);
  try {
    const what = `the snapshot ${called}`;
    const kind = kindOf(file.size, what);
    const sha256 = await checkedSum(file, kind, what, signal);
    const source: ByteSource = { ...file, what, size: kind === 'snapshot' ? file.size - sumBytes : file.size };
    const bolt = openBolt(source);
    const facts = factsOf(bolt, what);
    return {
      path,
      kind,
      bytes: file.size,
      sha256,
      ...facts,
      liveEntries: (aborted) => liveEntries(bolt, what, aborted),
      close: file.close,
    };
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

interface OpenFile extends Pick<ByteSource, 'size' | 'read'> {
  close(): void;
}

function fileAt(path: string): OpenFile {
  try {
    const file = openSync(path, 'r');
    const stat = fstatSync(file);
    if (!stat.isFile()) {
      closeSync(file);
      throw new Fault('usage', `the snapshot ${path} cannot be read: it is no file`);
    }
    let isOpen = true;
    return {
      size: stat.size,
      read: (position, length) => piece(file, path, position, length),
      close() {
        if (isOpen) closeSync(file);
        isOpen = false;
      },
    };
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault('usage', `the snapshot ${path} cannot be read: ${code === 'ENOENT' ? 'it is not there' : code}`, { cause: thrown });
  }
}

/** Waits for the disk: a walk takes a page at a time, and going through the thread pool for each costs ten times the read. */
function piece(file: number, path: string, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let read = 0;
  try {
    while (read < length) {
      const count = readSync(file, bytes, read, length - read, position + read);
      if (count === 0) break;
      read += count;
    }
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault('storage-failed', `the snapshot ${path} cannot be read: ${code ?? 'unknown error'}`, { cause: thrown });
  }
  return bytes.subarray(0, read);
}

function kindOf(size: number, what: string): Snapshot['kind'] {
  const rest = size % sectorBytes;
  if (size >= sectorBytes && rest === sumBytes) return 'snapshot';
  if (size >= sectorBytes && rest === 0) return 'database';
  throw new Fault(
    'corrupted',
    `${what} is damaged: its length fits neither a snapshot nor a database of etcd; it was cut off, or is another file`,
  );
}

async function checkedSum(file: OpenFile, kind: Snapshot['kind'], what: string, signal: AbortSignal): Promise<string> {
  const whole = runningSha256();
  const inner = runningSha256();
  const end = kind === 'snapshot' ? file.size - sumBytes : 0;
  for (let at = 0; at < file.size; ) {
    signal.throwIfAborted();
    const bytes = file.read(at, Math.min(1024 * 1024, file.size - at));
    if (bytes.length === 0) throw new Fault('corrupted', `${what} became shorter while it was read: is it still being written?`);
    whole.add(bytes);
    if (at < end) inner.add(bytes.subarray(0, end - at));
    at += bytes.length;
    await nextTurn();
  }
  if (kind === 'snapshot' && !inner.digest().equals(file.read(end, sumBytes)))
    throw new Fault('corrupted', `${what} is damaged: its sum does not fit; use another copy, or take a new snapshot`);
  return whole.digest().toString('hex');
}

function factsOf(bolt: BoltFile, what: string): Pick<Snapshot, 'revision' | 'consistentIndex' | 'etcdVersion'> {
  const newest = keyBucket(bolt, what).pairs('descending').next().value;
  const meta = smallBucket(bolt, 'meta');
  const index = meta.get('consistent_index');
  // After a compaction the last write may be gone from the file, and its number with it.
  const compacted = meta.get('finishedCompactRev');
  const last = newest === undefined ? 1n : revisionOf(newest.key, what).main;
  const lastCompacted = compacted === undefined || compacted.length < 8 ? 0n : compacted.readBigUInt64BE(0);
  const version = meta.get('storageVersion') ?? smallBucket(bolt, 'cluster').get('clusterVersion');
  return {
    revision: last > lastCompacted ? last : lastCompacted,
    consistentIndex: index?.length === 8 ? index.readBigUInt64BE(0) : undefined,
    etcdVersion: version === undefined || !/^[\w.+-]{1,64}$/.test(version.toString()) ? undefined : version.toString(),
  };
}

/** etcd keeps a dozen entries in each of these; a file that has more of them is none of etcd's. */
function smallBucket(bolt: BoltFile, name: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const { key, value } of bolt.bucket(name)?.pairs('ascending') ?? []) {
    found.set(key.toString(), value);
    if (found.size === 1000) break;
  }
  return found;
}

function keyBucket(bolt: BoltFile, what: string) {
  const bucket = bolt.bucket('key');
  if (bucket === undefined) throw new Fault('corrupted', `${what} is no database of etcd: it has no bucket of keys`);
  return bucket;
}

/**
 * Revisions are kept in the order of their numbers. From the newest down, the first one of a key is its last state, and all that
 * has to be remembered is which keys came already; the other way round it would be the values.
 */
async function* liveEntries(bolt: BoltFile, what: string, signal: AbortSignal): AsyncGenerator<SnapshotEntry, void, undefined> {
  const seen = createSeenKeys();
  let sinceTurn = 0;
  for (const { key, value } of keyBucket(bolt, what).pairs('descending')) {
    if (++sinceTurn === 1000) {
      sinceTurn = 0;
      await nextTurn();
      signal.throwIfAborted();
    }
    const { main, isTombstone } = revisionOf(key, what);
    const entry = keyValueOf(value, what);
    if (seen.add(entry.key) && !isTombstone) yield { ...entry, revision: main };
  }
}

/** `main` (8 bytes, the greatest first), `_`, `sub` (8 bytes), and `t` when the key was deleted (etcd, server/storage/mvcc/revision.go). */
function revisionOf(key: Buffer, what: string): { readonly main: bigint; readonly isTombstone: boolean } {
  const isTombstone = key.length === 18 && key[17] === 0x74;
  if ((key.length !== 17 && !isTombstone) || key[8] !== 0x5f)
    throw new Fault('corrupted', `${what} is damaged: a key in it is no revision; use another copy, or take a new snapshot`);
  return { main: key.readBigUInt64BE(0), isTombstone };
}

const nothing = Buffer.alloc(0);

/** mvccpb.KeyValue (etcd, api/mvccpb/kv.proto): key = 1, value = 5. */
function keyValueOf(bytes: Buffer, what: string): { readonly key: Buffer; readonly value: Buffer } {
  let key: Buffer = nothing;
  let value: Buffer = nothing;
  try {
    readFields(bytes, {
      bytes(number, inside) {
        if (number === 1) key = inside;
        else if (number === 5) value = inside;
      },
    });
  } catch (thrown) {
    throw new Fault('corrupted', `${what} is damaged: an entry in it is no value of etcd; use another copy, or take a new snapshot`, {
      cause: thrown,
    });
  }
  return { key, value };
}
