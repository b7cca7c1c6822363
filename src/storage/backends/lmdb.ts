// Storage in LMDB: one file, many processes; waiting commits share one transaction and one fsync, and nothing is visible before it is durable.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { Fault } from '../../base/fault.ts';
import { childName, keyBytes } from '../keys.ts';
import type { Backend, Changes, ListOptions } from '../storage.ts';
import { createTurns, type Proposal, runTransaction, sameNames, type Versioned } from '../transaction.ts';

export interface LmdbOptions {
  /** Folder of the store; made when it is not there. */
  readonly path: string;
  /** Commits that the change feed looks back. */
  readonly ringCapacity?: number;
}

type Bytes = Database<Buffer, Buffer>;

interface Waiting {
  readonly proposal: Proposal;
  readonly resolve: (committed: boolean) => void;
  readonly reject: (reason: unknown) => void;
}

/** Bytes in front of each value: the number of the commit that wrote it. */
const versionBytes = 6;
const formatFile = 'format';
const format = '1';

/** Throws Fault `usage`, in one sentence, for a folder that cannot be used or that a newer version wrote. */
export async function openLmdb({ path, ringCapacity = 4_096 }: LmdbOptions): Promise<Backend> {
  prepareFolder(path);
  const root = openRoot(path);
  const entries = root.openDB<Buffer, Buffer>({ name: 'entries', encoding: 'binary', keyEncoding: 'binary' });
  const ring = root.openDB<Buffer, Buffer>({ name: 'ring', encoding: 'binary', keyEncoding: 'binary' });
  protectFiles(path);
  return createBackend(root, entries, ring, ringCapacity);
}

function createBackend(root: RootDatabase, entries: Bytes, ring: Bytes, capacity: number): Backend {
  const inTurn = createTurns();
  let waiting: Waiting[] = [];
  let pumping: Promise<void> | undefined;
  let closed = false;

  const head = (): number => {
    const bytes = ring.getBinaryFast(headKey);
    return bytes === undefined ? 0 : bytes.readUIntBE(0, versionBytes);
  };
  const read = (key: string): Versioned => {
    if (closed) throw new Fault('storage-failed', 'the store is closed');
    const stored = entries.getBinaryFast(keyBytes(key));
    if (stored === undefined) return { version: 0, value: undefined };
    // A view on a shared buffer that the next read overwrites: its `length` is the entry's, the buffer behind it is longer.
    return { version: stored.readUIntBE(0, versionBytes), value: Uint8Array.prototype.slice.call(stored, versionBytes, stored.length) };
  };
  const versionOf = (key: string): number => entries.getBinaryFast(Buffer.from(key))?.readUIntBE(0, versionBytes) ?? 0;

  const holds = ({ reads, lists }: Proposal): boolean => {
    for (const [key, version] of reads) if (versionOf(key) !== version) return false;
    for (const { prefix, options, seen } of lists) if (!sameNames(children(entries, prefix, options), seen)) return false;
    return true;
  };
  /** Within the write transaction: those whose reads still hold are written, one after the other, under one number. */
  const applyBatch = (batch: readonly Waiting[]): boolean[] => {
    const number = head() + 1;
    const changed = new Set<string>();
    const verdicts = batch.map(({ proposal }) => {
      if (!holds(proposal)) return false;
      for (const [key, value] of proposal.writes) {
        write(entries, key, value, number);
        changed.add(key);
      }
      return true;
    });
    if (changed.size > 0) appendToRing(ring, number, [...changed], capacity);
    return verdicts;
  };
  const pump = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        const verdicts = await root.transaction(() => applyBatch(batch));
        for (const [index, { resolve }] of batch.entries()) resolve(verdicts[index] as boolean);
      } catch (thrown) {
        const fault = new Fault('storage-failed', 'the store did not take the write; is its disk full?', { cause: thrown });
        for (const { reject } of batch) reject(fault);
      }
      // Lets those who just got their answer ask for the next write, so that they share the next fsync.
      await new Promise((resolve) => setImmediate(resolve));
    }
    pumping = undefined;
  };
  const commit = (proposal: Proposal): Promise<boolean> => {
    if (closed) return Promise.reject(new Fault('storage-failed', 'the store is closed'));
    return new Promise((resolve, reject) => {
      waiting.push({ proposal, resolve, reject });
      pumping ??= new Promise((started) => setImmediate(started)).then(pump);
    });
  };
  const change = async (key: string, value: Uint8Array | undefined): Promise<void> => {
    keyBytes(key);
    await commit({ reads: new Map(), lists: [], writes: new Map([[key, value]]) });
  };
  const committer = {
    read: async (key: string) => read(key),
    list: async (prefix: string, options: ListOptions) => children(entries, prefix, options),
    commit,
  };

  return {
    get: async (key) => read(key).value,
    async list(prefix, options = {}) {
      if (closed) throw new Fault('storage-failed', 'the store is closed');
      return children(entries, prefix, options);
    },
    put: (key, value) => change(key, new Uint8Array(value)),
    delete: (key) => change(key, undefined),
    transact: (work) => runTransaction(committer, inTurn, work),
    feed: { head, since: async (position) => changesSince(ring, position, head()) },
    async close() {
      closed = true;
      await pumping;
      await root.close();
    },
  };
}

function write(entries: Bytes, key: string, value: Uint8Array | undefined, number: number): void {
  if (value === undefined) {
    entries.remove(Buffer.from(key));
    return;
  }
  const stored = Buffer.allocUnsafe(versionBytes + value.length);
  stored.writeUIntBE(number, 0, versionBytes);
  stored.set(value, versionBytes);
  entries.put(Buffer.from(key), stored);
}

/** Stands outside of the numbers, which are six bytes long. */
const headKey = Buffer.from('head');

function numberKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(versionBytes);
  key.writeUIntBE(number, 0, versionBytes);
  return key;
}

function appendToRing(ring: Bytes, number: number, keys: readonly string[], capacity: number): void {
  ring.put(numberKey(number), Buffer.from(keys.join('\0')));
  ring.put(headKey, numberKey(number));
  if (number > capacity) ring.remove(numberKey(number - capacity));
}

function changesSince(ring: Bytes, position: number, head: number): Changes | 'overrun' {
  const keys = new Set<string>();
  for (let number = position + 1; number <= head; number++) {
    const stored = ring.getBinary(numberKey(number));
    if (stored === undefined) return 'overrun';
    for (const key of stored.toString().split('\0')) keys.add(key);
  }
  return { head, keys: [...keys] };
}

/** Seeks over each level instead of walking through it. */
function children(entries: Bytes, prefix: string, { after, limit = Number.POSITIVE_INFINITY }: ListOptions): string[] {
  const names: string[] = [];
  let start: Buffer | undefined = Buffer.from(after === undefined ? prefix : prefix + after);
  if (after !== undefined) start = pastOf(start, after.endsWith('/'));
  while (start !== undefined && names.length < limit) {
    let next: Buffer | undefined;
    for (const stored of entries.getKeys({ start, ...(Number.isFinite(limit) ? { limit: limit - names.length + 1 } : {}) })) {
      const key = Buffer.from(stored).toString();
      if (!key.startsWith(prefix)) return names;
      const name = childName(key, prefix);
      if (name === '') {
        next = pastOf(Buffer.from(key), false);
        continue;
      }
      names.push(name);
      next = pastOf(Buffer.from(prefix + name), name.endsWith('/'));
      if (names.length >= limit || name.endsWith('/')) break;
    }
    start = next;
  }
  return names;
}

/** The first key after an entry, or after a whole level: `/` is followed by `0`. */
function pastOf(key: Buffer, level: boolean): Buffer {
  if (!level) return Buffer.concat([key, Buffer.of(0)]);
  const past = Buffer.from(key);
  past[past.length - 1] = 0x30;
  return past;
}

function prepareFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const marker = join(path, formatFile);
    if (!existsSync(marker)) {
      if (existsSync(join(path, 'data.mdb'))) return;
      writeFileSync(marker, `${format}\n`, { mode: 0o600 });
      return;
    }
    const found = readFileSync(marker, 'utf8').trim();
    if (found !== format)
      throw new Fault('usage', `the store in ${path} has format ${found}, which is newer than this version can read; start the version that wrote it`);
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unusable(path, thrown);
  }
}

function openRoot(path: string): RootDatabase {
  try {
    return open({ path, noSubdir: false, overlappingSync: false, cache: false, maxDbs: 4, maxReaders: 256, encoding: 'binary', keyEncoding: 'binary' });
  } catch (thrown) {
    throw unusable(path, thrown);
  }
}

function protectFiles(path: string): void {
  for (const file of ['data.mdb', 'lock.mdb']) if (existsSync(join(path, file))) chmodSync(join(path, file), 0o600);
}

function unusable(path: string, cause: unknown): Fault {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'it could not be opened';
  return new Fault('usage', `the data folder ${path} cannot be used (${reason}); it must be a folder that this user may write to`, { cause });
}
