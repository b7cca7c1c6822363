// Optimistic transactions, the same for every backend: reads are recorded, writes are kept back, the commit checks and applies all or nothing.

import { Fault } from '../base/fault.ts';
import { checkKey, checkPrefix } from './keys.ts';
import { listOver, type Written } from './overlay.ts';
import type { ListOptions, Transaction, Version } from './storage.ts';
import type { Turns } from './turns.ts';

export interface Versioned {
  readonly version: Version;
  readonly value: Uint8Array | undefined;
}

export interface Listed {
  readonly names: string[];
  /** Number of the newest commit that the list was drawn from. */
  readonly head: number;
}

export interface ListRead extends Listed {
  readonly prefix: string;
  readonly options: ListOptions;
}

/** What a transaction saw and wants. */
export interface Proposal {
  readonly reads: ReadonlyMap<string, Version>;
  readonly lists: readonly ListRead[];
  readonly writes: Written;
  /** Goes in front of the others: it has lost before. */
  readonly urgent: boolean;
}

/** What became of a proposal: the key or prefix that has changed since it was read, or the version of what was written. */
export type Outcome = { readonly lost: string } | { readonly lost: undefined; readonly version: Version };

/** What a backend gives so that transactions can run on it. */
export interface Committer {
  read(key: string): Versioned | Promise<Versioned>;
  version(key: string): Version | Promise<Version>;
  list(prefix: string, options: ListOptions): Listed | Promise<Listed>;
  /** The key or prefix that has changed since it was read, or undefined when all reads still hold together. */
  check(proposal: Proposal): string | undefined | Promise<string | undefined>;
  /** As `check`, and writes when all reads hold. Resolves when the writes are durable and visible. */
  commit(proposal: Proposal): Promise<Outcome>;
}

/** Two processes that want the same entry lose to each other again and again by chance: seven losses of eight are usual then. */
const rounds = 512;
/** Losses after which a transaction waits for its turn at the key that it lost. */
const patience = 2;

/** Runs `work` until its reads and writes stand in one commit. Throws Fault `conflict` after 512 losses. */
export async function runTransaction<T>(committer: Committer, turns: Turns, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  let endTurn: (() => void) | undefined;
  try {
    for (let round = 1; round <= rounds; round++) {
      const outcome = await attempt(committer, work, endTurn !== undefined);
      if (outcome.lost === undefined) return outcome.result;
      if (round > patience) endTurn ??= await turns.take(outcome.lost);
    }
  } finally {
    endTurn?.();
  }
  throw new Fault('conflict', 'the entry kept changing while it was being written; try again');
}

type Attempt<T> = { readonly lost: undefined; readonly result: T } | { readonly lost: string };

async function attempt<T>(committer: Committer, work: (transaction: Transaction) => Promise<T>, urgent: boolean): Promise<Attempt<T>> {
  const record = createRecord(committer, urgent);
  let result: T;
  try {
    result = await work(record.transaction);
  } catch (thrown) {
    // What looks wrong may only have been read half before and half after somebody's commit.
    const lost = record.torn() ?? (await committer.check(record.proposal));
    if (lost !== undefined) return { lost };
    throw thrown;
  } finally {
    record.end();
  }
  const torn = record.torn();
  if (torn !== undefined) return { lost: torn };
  if (record.proposal.writes.size === 0) {
    const lost = await committer.check(record.proposal);
    return lost === undefined ? { lost, result } : { lost };
  }
  const outcome = await committer.commit(record.proposal);
  if (outcome.lost !== undefined) return outcome;
  record.tell(outcome.version);
  return { lost: undefined, result };
}

interface Record {
  readonly transaction: Transaction;
  readonly proposal: Proposal;
  /** The key that gave two different versions within this attempt. */
  torn(): string | undefined;
  end(): void;
  /** Tells everyone who waits for the commit. */
  tell(version: Version): void;
}

function createRecord(committer: Committer, urgent: boolean): Record {
  const reads = new Map<string, Version>();
  const lists: ListRead[] = [];
  const writes = new Map<string, Uint8Array | undefined>();
  const listeners: ((version: Version) => void)[] = [];
  let torn: string | undefined;
  let ended = false;
  const write = (key: string, value: Uint8Array | undefined): void => {
    if (ended) throw new Fault('internal', 'a transaction was used after its end');
    checkKey(key);
    writes.set(key, value);
  };
  const saw = (key: string, version: Version): void => {
    if ((reads.get(key) ?? version) !== version) torn = key;
    reads.set(key, version);
  };
  const source = async (prefix: string, options: ListOptions): Promise<string[]> => {
    const listed = await committer.list(prefix, options);
    lists.push({ ...listed, prefix, options });
    return [...listed.names];
  };
  return {
    proposal: { reads, lists, writes, urgent },
    torn: () => torn,
    end: () => {
      ended = true;
    },
    tell(version) {
      for (const listener of listeners) listener(version);
    },
    transaction: {
      async get(key) {
        if (writes.has(key)) return copied(writes.get(key));
        const { version, value } = await committer.read(key);
        saw(key, version);
        return value;
      },
      async unchanged(key, version) {
        if (writes.has(key)) return false;
        const now = await committer.version(key);
        saw(key, now);
        return now === version;
      },
      async list(prefix, options = {}) {
        checkPrefix(prefix);
        return listOver(source, writes, prefix, options);
      },
      put: (key, value) => write(key, copied(value)),
      delete: (key) => write(key, undefined),
      committed: (then) => void listeners.push(then),
    },
  };
}

function copied(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : Buffer.from(value);
}
