// Storage: ordered slash-separated keys, bytes in and out, all-or-nothing transactions, and a feed of what changed.

export interface ListOptions {
  /** Return only names that sort after this one (as `list` returned it). */
  readonly after?: string;
  readonly limit?: number;
}

export interface Reader {
  /** `undefined` when there is no such entry. The bytes belong to the caller. */
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * The immediate children of a prefix (`""` or ending in `/`), in byte order: `name` for an entry, `name/` for a level
   * that holds entries; both may stand side by side.
   */
  list(prefix: string, options?: ListOptions): Promise<string[]>;
}

/** Number of the commit that wrote an entry last; 0 where there is none. */
export type Version = number;

export interface Entry {
  readonly version: Version;
  /** The bytes belong to the caller. */
  readonly value: Uint8Array;
}

/** What `transact` hands to its work: reads see the transaction's own writes, writes happen at commit. */
export interface Transaction extends Reader {
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /**
   * Whether the entry still is the one that `read` or a commit gave this version; false for a key that the transaction wrote
   * itself. It counts as a read of the entry, without its bytes.
   */
  unchanged(key: string, version: Version): Promise<boolean>;
  /**
   * `then` hears the version of all that the transaction wrote, once it is durable and visible, before `transact` resolves.
   * It hears nothing of a run that lost, or that wrote nothing. It must not throw.
   */
  committed(then: (version: Version) => void): void;
}

/**
 * Every promise of a write resolves when the write is durable and visible, never before.
 * Throws Fault `storage-failed` when the store refuses (a full disk) and then nothing was written;
 * Fault `invalid-request` for a key that is empty, longer than `maxKeyBytes`, or holds NUL.
 */
export interface Storage extends Reader {
  /** As `get`, with the version that `unchanged` takes. */
  read(key: string): Promise<Entry | undefined>;
  put(key: string, value: Uint8Array): Promise<void>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /**
   * Optimistic: reads and lists are recorded, the commit checks that none of them changed and writes all or nothing.
   * `work` may therefore run again; it must not have effects of its own. Throws what `work` throws, with nothing
   * written; Fault `conflict` when it kept losing.
   */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** What other processes and this one changed, in order of commit. */
  readonly feed: ChangeFeed;
}

/** A store that owns a file, a socket or memory. */
export interface Backend extends Storage {
  close(): Promise<void>;
}

export interface ChangeFeed {
  /**
   * Number of the newest commit that a read started now is sure to see. Synchronous where the store can (LMDB, memory),
   * since it stands in front of every cached read.
   */
  head(): number | Promise<number>;
  /** What the commits after `position` wrote or deleted; `overrun` when the ring no longer holds them. */
  since(position: number): Promise<Changes | 'overrun'>;
}

export interface Changes {
  readonly head: number;
  /** Each key with the newest commit that wrote or deleted it. */
  readonly keys: ReadonlyMap<string, Version>;
}

/** Bytes of UTF-8: LMDB's 1,978, less what the barrier and the mounts put in front. */
export const maxKeyBytes = 1_978;
