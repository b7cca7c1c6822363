// A part of a store as a store of its own: everything below one prefix, and nothing else.

import { Fault } from '../base/fault.ts';
import type { ChangeFeed, Reader, Storage, Transaction } from './storage.ts';

/** `prefix` ends in `/`. The feed's numbers are those of the whole store; its keys are those below the prefix. */
export function within(storage: Storage, prefix: string): Storage {
  const place = (key: string): string => {
    if (key === '') throw new Fault('invalid-request', 'the path is empty in storage');
    return prefix + key;
  };
  const reader = (whole: Reader): Reader => ({
    get: async (key) => whole.get(place(key)),
    list: (below, options) => whole.list(prefix + below, options),
  });
  const transaction = (whole: Transaction): Transaction => ({
    ...reader(whole),
    put: (key, value) => whole.put(place(key), value),
    delete: (key) => whole.delete(place(key)),
    unchanged: async (key, version) => whole.unchanged(place(key), version),
    committed: (then) => whole.committed(then),
  });
  const feed: ChangeFeed = {
    head: () => storage.feed.head(),
    async since(position) {
      const changes = await storage.feed.since(position);
      if (changes === 'overrun') return changes;
      const below = [...changes.keys].filter(([key]) => key.startsWith(prefix));
      return { head: changes.head, keys: new Map(below.map(([key, version]) => [key.slice(prefix.length), version])) };
    },
  };
  return {
    ...reader(storage),
    read: async (key) => storage.read(place(key)),
    put: async (key, value) => storage.put(place(key), value),
    delete: async (key) => storage.delete(place(key)),
    transact: (work) => storage.transact((whole) => work(transaction(whole))),
    feed,
  };
}
