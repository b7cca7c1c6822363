// Storage in memory: for tests, and for development servers that need not survive.

import { Fault } from '../../base/fault.ts';
import { childName, compareKeys, keyBytes } from '../keys.ts';
import { createRing } from '../ring.ts';
import type { Backend, ListOptions } from '../storage.ts';
import { createTurns, type Proposal, runTransaction, sameNames, type Versioned, window } from '../transaction.ts';

export function openMemory(options: { readonly ringCapacity?: number } = {}): Backend {
  const entries = new Map<string, { readonly version: number; readonly value: Uint8Array }>();
  const ring = createRing(options.ringCapacity ?? 4_096);
  const inTurn = createTurns();
  /** Sorted keys, made anew after a key came or went. */
  let sorted: string[] | undefined;
  let closed = false;

  const read = (key: string): Versioned => {
    if (closed) throw new Fault('storage-failed', 'the store is closed');
    keyBytes(key);
    const entry = entries.get(key);
    return { version: entry?.version ?? 0, value: entry === undefined ? undefined : new Uint8Array(entry.value) };
  };
  const list = (prefix: string, wanted: ListOptions): string[] => {
    sorted ??= [...entries.keys()].sort(compareKeys);
    const names = new Set<string>();
    for (let index = lowerBound(sorted, prefix); index < sorted.length; index++) {
      const key = sorted[index] as string;
      if (!key.startsWith(prefix)) break;
      if (key.length > prefix.length) names.add(childName(key, prefix));
    }
    return window([...names].sort(compareKeys), wanted);
  };
  const apply = (writes: Proposal['writes']): void => {
    if (closed) throw new Fault('storage-failed', 'the store is closed');
    if (writes.size === 0) return;
    const version = ring.head + 1;
    for (const [key, value] of writes) {
      if (entries.has(key) !== (value !== undefined)) sorted = undefined;
      if (value === undefined) entries.delete(key);
      else entries.set(key, { version, value: new Uint8Array(value) });
    }
    ring.push([...writes.keys()]);
  };
  const committer = {
    read: async (key: string) => read(key),
    list: async (prefix: string, wanted: ListOptions) => list(prefix, wanted),
    commit: async ({ reads, lists, writes }: Proposal) => {
      for (const [key, version] of reads) if (read(key).version !== version) return false;
      for (const { prefix, options: wanted, seen } of lists) if (!sameNames(list(prefix, wanted), seen)) return false;
      apply(writes);
      return true;
    },
  };

  return {
    get: async (key) => read(key).value,
    list: async (prefix, wanted = {}) => list(prefix, wanted),
    async put(key, value) {
      keyBytes(key);
      apply(new Map([[key, value]]));
    },
    async delete(key) {
      keyBytes(key);
      apply(new Map([[key, undefined]]));
    },
    transact: (work) => runTransaction(committer, inTurn, work),
    feed: { head: () => ring.head, since: async (position) => ring.since(position) },
    async close() {
      closed = true;
    },
  };
}

function lowerBound(sorted: readonly string[], prefix: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(sorted[middle] as string, prefix) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
