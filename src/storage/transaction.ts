// Optimistic transactions, the same for every backend: reads are recorded, writes are kept back, the commit checks and applies all or nothing.

import { Fault } from '../base/fault.ts';
import { childName, compareKeys, keyBytes } from './keys.ts';
import type { ListOptions, Transaction } from './storage.ts';

/** Number of the commit that wrote an entry last; 0 where there is none. */
export type Version = number;

export interface Versioned {
  readonly version: Version;
  readonly value: Uint8Array | undefined;
}

/** What a transaction saw and wants. */
export interface Proposal {
  readonly reads: ReadonlyMap<string, Version>;
  readonly lists: readonly ListRead[];
  /** undefined deletes. */
  readonly writes: ReadonlyMap<string, Uint8Array | undefined>;
}

export interface ListRead {
  readonly prefix: string;
  readonly options: ListOptions;
  readonly seen: readonly string[];
}

export interface Committer {
  read(key: string): Promise<Versioned>;
  list(prefix: string, options: ListOptions): Promise<string[]>;
  /** Resolves to false, with nothing written, when something that was read has changed. */
  commit(proposal: Proposal): Promise<boolean>;
}

const attempts = 64;

/** Losers of several rounds go one at a time (`inTurn`), so that none starves. */
export async function runTransaction<T>(
  committer: Committer,
  inTurn: <R>(work: () => Promise<R>) => Promise<R>,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  for (let round = 0; round < 3; round++) {
    const done = await attempt(committer, work);
    if (done !== undefined) return done.result;
  }
  return inTurn(async () => {
    for (let round = 0; round < attempts; round++) {
      const done = await attempt(committer, work);
      if (done !== undefined) return done.result;
    }
    throw new Fault('conflict', 'the entry kept changing while it was being written; try again');
  });
}

async function attempt<T>(committer: Committer, work: (transaction: Transaction) => Promise<T>): Promise<{ readonly result: T } | undefined> {
  const reads = new Map<string, Version>();
  const lists: ListRead[] = [];
  const writes = new Map<string, Uint8Array | undefined>();
  const result = await work({
    async get(key) {
      if (writes.has(key)) return copyOf(writes.get(key));
      const { version, value } = await committer.read(key);
      // A second read that differs from the first can only lead to a commit that fails.
      if (!reads.has(key)) reads.set(key, version);
      return value;
    },
    async list(prefix, options = {}) {
      const stored = await committer.list(prefix, {});
      lists.push({ prefix, options: {}, seen: stored });
      return window(await overlaid(prefix, stored, writes, committer, lists), options);
    },
    put(key, value) {
      keyBytes(key);
      writes.set(key, Uint8Array.from(value));
    },
    delete(key) {
      keyBytes(key);
      writes.set(key, undefined);
    },
  });
  if (writes.size === 0 && reads.size < 2 && lists.length === 0) return { result };
  return (await committer.commit({ reads, lists, writes })) ? { result } : undefined;
}

function copyOf(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : Uint8Array.from(value);
}

/** The stored names with the transaction's own writes over them. */
async function overlaid(
  prefix: string,
  stored: readonly string[],
  writes: ReadonlyMap<string, Uint8Array | undefined>,
  committer: Committer,
  lists: ListRead[],
): Promise<string[]> {
  const names = new Set(stored);
  const doubtful = new Set<string>();
  for (const [key, value] of writes) {
    if (!key.startsWith(prefix) || key.length === prefix.length) continue;
    const name = childName(key, prefix);
    if (value !== undefined) names.add(name);
    else if (!name.endsWith('/')) names.delete(name);
    else doubtful.add(name);
  }
  // A level stays in the list while anything below it is left.
  for (const name of doubtful) {
    const below = `${prefix}${name}`;
    const inside = await committer.list(below, {});
    lists.push({ prefix: below, options: {}, seen: inside });
    const left = await overlaid(below, inside, writes, committer, lists);
    if (left.length === 0) names.delete(name);
    else names.add(name);
  }
  return [...names].sort(compareKeys);
}

/** Cuts a complete list down to what `after` and `limit` ask for. */
export function window(names: readonly string[], { after, limit }: ListOptions): string[] {
  const later = after === undefined ? names : names.filter((name) => compareKeys(name, after) > 0);
  return later.slice(0, limit ?? later.length);
}

export function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

/** Runs works one after the other. */
export function createTurns(): <R>(work: () => Promise<R>) => Promise<R> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = tail.then(work, work);
    tail = mine.catch(() => {});
    return mine;
  };
}
