// Reading from LMDB: which snapshot a read sees, entries, lists, and the change feed.

import { nextTick } from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { getLastVersion } from 'lmdb';
import { Fault } from '../../../base/fault.ts';
import { childrenOf, type KeysFrom } from '../../children.ts';
import { changesSince } from '../../ring.ts';
import type { Changes, ListOptions, Version } from '../../storage.ts';
import type { Listed, Versioned } from '../../transaction.ts';
import { type Environment, headKey } from './environment.ts';

export interface Snapshots {
  /** From now on reads see every commit, of whichever process, that has happened until now. */
  renew(): void;
  head(): number;
  read(key: string): Versioned;
  version(key: string): Version;
  list(prefix: string, options: ListOptions): Promise<Listed>;
  listNow(prefix: string, options: ListOptions): string[];
  since(position: number): Changes | 'overrun';
}

type ReadTransaction = ReturnType<Environment['entries']['useReadTransaction']>;

/** Names gathered before the event loop gets its turn. */
const namesPerTurn = 1_000;

/**
 * LMDB's binding keeps one snapshot until a timer fires, a millisecond or more. That is too long: somebody who was told by
 * another process that a write is done must see it here. So a snapshot lasts for one callback of the event loop (with the
 * microtasks that follow it): whatever an event tells us happened before it, and the callback's snapshot is younger than the event.
 */
export function createSnapshots({ entries, feed, ringCapacity }: Environment): Snapshots {
  let fresh = false;
  const expire = (): void => {
    fresh = false;
  };
  const renew = (): void => {
    entries.resetReadTxn();
    if (fresh) return;
    fresh = true;
    nextTick(expire);
  };
  const ready = (): void => {
    if (!fresh) renew();
  };

  const headOf = (transaction?: ReadTransaction): number => {
    const found = transaction === undefined ? feed.getBinaryFast(headKey) : feed.get(headKey, { transaction });
    if (found === undefined) throw new Fault('corrupted', 'the store is damaged (its change feed has no head): restore it from a backup');
    return getLastVersion();
  };
  const keysFrom =
    (transaction?: ReadTransaction): KeysFrom =>
    (start) =>
      // LMDB has no empty key, and none of ours begins with NUL.
      entries.getKeys({ start: start === '' ? '\0' : start, ...(transaction === undefined ? {} : { transaction }) })[Symbol.iterator]();

  return {
    renew,
    head() {
      ready();
      return headOf();
    },
    read(key) {
      ready();
      const shared = entries.getBinaryFast(key);
      if (shared === undefined) return { version: 0, value: undefined };
      // A view on memory that the next read overwrites; its `length` is the entry's, the memory behind it is longer.
      const value = Buffer.allocUnsafe(shared.length);
      shared.copy(value, 0, 0, shared.length);
      return { version: getLastVersion(), value };
    },
    version(key) {
      ready();
      return entries.getBinaryFast(key) === undefined ? 0 : getLastVersion();
    },
    async list(prefix, options) {
      ready();
      const { limit = Number.POSITIVE_INFINITY } = options;
      const transaction = entries.useReadTransaction();
      try {
        const head = headOf(transaction);
        const names: string[] = [];
        for (let after = options.after; ; after = names.at(-1)) {
          const wanted = Math.min(namesPerTurn, limit - names.length);
          const more = childrenOf(keysFrom(transaction), prefix, { limit: wanted, ...(after === undefined ? {} : { after }) });
          names.push(...more);
          if (more.length < namesPerTurn || names.length >= limit) return { names, head };
          await turn();
        }
      } finally {
        transaction.done();
      }
    },
    listNow(prefix, options) {
      ready();
      return childrenOf(keysFrom(), prefix, options);
    },
    since(position) {
      ready();
      return changesSince(position, headOf(), (number) => {
        const keys = feed.getBinaryFast(ringSlot(number, ringCapacity));
        return keys === undefined || getLastVersion() !== number ? undefined : keys.toString('utf8', 0, keys.length).split('\0');
      });
    },
  };
}

/** The entry of the feed that holds the keys of a commit, until a commit `capacity` later takes its place. */
export function ringSlot(number: number, capacity: number): string {
  return String(number % capacity);
}
