// Decoded entries remembered per process: trusted only after the store's change feed has been compared, bounded in bytes, emptied on seal.

import type { Storage, Transaction, Version } from '../../storage/storage.ts';

export interface EntryCache {
  /** Compares the feed's head and drops what changed since. Called once per request, before anything cached is trusted. */
  refresh(): void | Promise<void>;
  /** `storage.get` and `decode`; the same object for as long as the entry does not change. Absence is not remembered. */
  get<T extends object>(key: string, decode: (bytes: Uint8Array) => T): T | undefined | Promise<T | undefined>;
  /** The same two for a transaction on a part of the store, whose keys lack `prefix`. See `Host`. */
  getWithin<T extends object>(transaction: Transaction, place: Place, decode: (bytes: Uint8Array) => T): Promise<T | undefined>;
  putWithin<T extends object>(transaction: Transaction, place: Place, value: T, encode: (value: T) => Uint8Array): void;
  clear(): void;
  readonly statistics: { readonly entries: number; readonly bytes: number };
}

/** A key of a transaction, and what stands before it in the whole store. */
export interface Place {
  readonly prefix: string;
  readonly key: string;
}

interface Remembered {
  readonly value: object;
  readonly version: Version;
  readonly size: number;
}

export interface CacheOptions {
  readonly storage: Storage;
  /** Bytes of stored entries whose decoded form is kept. */
  readonly limit: number;
  /** Whether an entry may be remembered in clear; all may by default. */
  readonly keeps?: (key: string) => boolean;
}

export function createCache({ storage, limit, keeps = () => true }: CacheOptions): EntryCache {
  /** Insertion order is age: past the limit the oldest goes first. */
  const entries = new Map<string, Remembered>();
  let bytes = 0;
  let position: number | undefined;

  const clear = () => {
    entries.clear();
    bytes = 0;
    position = undefined;
  };
  const forget = (key: string) => {
    const found = entries.get(key);
    if (found !== undefined) drop(key, found);
  };
  const drop = (key: string, found: Remembered) => {
    entries.delete(key);
    bytes -= found.size;
  };
  const replay = async (head: number) => {
    const from = position;
    if (from === undefined) {
      clear();
      position = head;
      return;
    }
    const changes = await storage.feed.since(from);
    // A refresh that ran beside this one may have come further.
    if (changes === 'overrun') clear();
    else
      for (const [key, version] of changes.keys) {
        const found = entries.get(key);
        // What this process wrote itself it knows already.
        if (found !== undefined && found.version < version) drop(key, found);
      }
    const reached = changes === 'overrun' ? head : changes.head;
    if (position === undefined || position < reached) position = reached;
  };
  const read = async <T extends object>(key: string, decode: (bytes: Uint8Array) => T): Promise<T | undefined> => {
    const before = position;
    const stored = await storage.read(key);
    if (stored === undefined) return undefined;
    const value = decode(stored.value);
    // What was read before a change was replayed must not outlive that replay.
    if (before !== undefined && position === before)
      remember(key, { value, version: stored.version, size: stored.value.length + key.length });
    return value;
  };
  const remember = (key: string, remembered: Remembered): void => {
    if (!keeps(key)) return;
    forget(key);
    entries.set(key, remembered);
    bytes += remembered.size;
    for (const oldest of entries.keys()) {
      if (bytes <= limit) break;
      forget(oldest);
    }
  };
  const refreshTo = (head: number): void | Promise<void> => (head === position ? undefined : replay(head));

  return {
    refresh() {
      const head = storage.feed.head();
      return typeof head === 'number' ? refreshTo(head) : head.then(refreshTo);
    },
    get<T extends object>(key: string, decode: (bytes: Uint8Array) => T) {
      const known = entries.get(key);
      return known === undefined ? read(key, decode) : (known.value as T);
    },
    async getWithin<T extends object>(transaction: Transaction, { prefix, key }: Place, decode: (bytes: Uint8Array) => T) {
      const known = entries.get(prefix + key);
      if (known !== undefined && (await transaction.unchanged(key, known.version))) return known.value as T;
      const stored = await transaction.get(key);
      return stored === undefined ? undefined : decode(stored);
    },
    putWithin(transaction, { prefix, key }, value, encode) {
      const encoded = encode(value);
      transaction.put(key, encoded);
      const whole = prefix + key;
      transaction.committed((version) => {
        // A refresh that has come further has already replayed what may have happened to the entry since.
        if (position !== undefined && position <= version) remember(whole, { value, version, size: encoded.length + whole.length });
        else forget(whole);
      });
    },
    clear,
    get statistics() {
      return { entries: entries.size, bytes };
    },
  };
}
