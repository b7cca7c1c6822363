// Storage in memory: for tests, and for development servers that need not survive.

import { Fault } from '../../base/fault.ts';
import { childrenOf } from '../children.ts';
import { checkKey, checkPrefix, compareKeys } from '../keys.ts';
import { createRing } from '../ring.ts';
import type { Backend, ListOptions } from '../storage.ts';
import { type Committer, type Proposal, runTransaction } from '../transaction.ts';
import { createTurns } from '../turns.ts';

export interface MemoryOptions {
  /** Commits that the change feed looks back. */
  readonly ringCapacity?: number;
}

export function openMemory({ ringCapacity = 4_096 }: MemoryOptions = {}): Backend {
  const entries = new Map<string, { readonly version: number; readonly value: Uint8Array }>();
  const keys = createSortedKeys();
  const ring = createRing(ringCapacity);
  const turns = createTurns();
  let closed = false;

  const mustBeOpen = (): void => {
    if (closed) throw new Fault('unavailable', 'the store is closed');
  };
  const read: Committer['read'] = (key) => {
    mustBeOpen();
    checkKey(key);
    const entry = entries.get(key);
    return entry === undefined ? { version: 0, value: undefined } : { version: entry.version, value: Buffer.from(entry.value) };
  };
  const list = (prefix: string, options: ListOptions) => {
    mustBeOpen();
    checkPrefix(prefix);
    return { names: childrenOf(keys.from, prefix, options), head: ring.head };
  };
  const apply = (writes: Proposal['writes']): number => {
    mustBeOpen();
    if (writes.size === 0) return ring.head;
    const version = ring.head + 1;
    for (const [key, value] of writes) {
      if (value !== undefined && !entries.has(key)) keys.add(key);
      if (value === undefined && entries.has(key)) keys.remove(key);
      if (value === undefined) entries.delete(key);
      else entries.set(key, { version, value });
    }
    ring.push([...writes.keys()]);
    return version;
  };
  const check = ({ reads, lists }: Proposal): string | undefined => {
    mustBeOpen();
    for (const [key, version] of reads) if ((entries.get(key)?.version ?? 0) !== version) return key;
    for (const { prefix, options, names, head } of lists)
      if (head !== ring.head && !sameNames(childrenOf(keys.from, prefix, options), names)) return prefix;
    return undefined;
  };
  const committer: Committer = {
    read,
    version(key) {
      mustBeOpen();
      checkKey(key);
      return entries.get(key)?.version ?? 0;
    },
    list,
    check,
    async commit(proposal) {
      const lost = check(proposal);
      return lost === undefined ? { lost, version: apply(proposal.writes) } : { lost };
    },
  };

  return {
    get: async (key) => (await read(key)).value,
    async read(key) {
      const { version, value } = await read(key);
      return value === undefined ? undefined : { version, value };
    },
    list: async (prefix, options = {}) => list(prefix, options).names,
    async put(key, value) {
      checkKey(key);
      apply(new Map([[key, Buffer.from(value)]]));
    },
    async delete(key) {
      checkKey(key);
      apply(new Map([[key, undefined]]));
    },
    async transact(work) {
      mustBeOpen();
      return runTransaction(committer, turns, work);
    },
    feed: { head: () => ring.head, since: async (position) => ring.since(position) },
    async close() {
      closed = true;
    },
  };
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

interface SortedKeys {
  add(key: string): void;
  remove(key: string): void;
  from(start: string): Iterator<string>;
}

function createSortedKeys(): SortedKeys {
  const keys: string[] = [];
  const place = (key: string): number => {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(keys[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    add: (key) => void keys.splice(place(key), 0, key),
    remove: (key) => void keys.splice(place(key), 1),
    *from(start) {
      for (let index = place(start); index < keys.length; index++) yield keys[index] as string;
    },
  };
}
