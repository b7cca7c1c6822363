// A part of a store as a store of its own: everything below one prefix, and nothing else.

import type { ChangeFeed, Reader, Storage } from './storage.ts';

/** `prefix` ends in `/`. */
export function within(storage: Storage, prefix: string): Storage {
  const feed: ChangeFeed = {
    head: () => storage.feed.head(),
    async since(position) {
      const changes = await storage.feed.since(position);
      if (changes === 'overrun') return changes;
      return { head: changes.head, keys: changes.keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)) };
    },
  };
  return {
    ...readWithin(storage, prefix),
    put: (key, value) => storage.put(prefix + key, value),
    delete: (key) => storage.delete(prefix + key),
    transact: (work) =>
      storage.transact((transaction) =>
        work({
          ...readWithin(transaction, prefix),
          put: (key, value) => transaction.put(prefix + key, value),
          delete: (key) => transaction.delete(prefix + key),
        }),
      ),
    feed,
  };
}

function readWithin(reader: Reader, prefix: string): Reader {
  return { get: (key) => reader.get(prefix + key), list: (below, options) => reader.list(prefix + below, options) };
}
