// Group commit: the writes that wait are checked together, written in one LMDB transaction, and answered after its fsync.

import { setImmediate as turn } from 'node:timers/promises';
import { Fault } from '../../../base/fault.ts';
import type { Outcome, Proposal } from '../../transaction.ts';
import { type Environment, headKey } from './environment.ts';
import { ringSlot, type Snapshots } from './snapshots.ts';

export interface GroupCommit {
  /** The key or prefix that changed since it was read. */
  check(proposal: Proposal): string | undefined;
  /** As `check`; writes when nothing changed, and resolves when the writes are durable and visible. */
  commit(proposal: Proposal): Promise<Outcome>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly proposal: Proposal;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

interface Loser {
  readonly lost: string;
  readonly resolve: Waiting['resolve'];
}

type Changed = Map<string, Uint8Array | undefined>;

const groupEntries = 4_096;
const groupBytes = 16 * 2 ** 20;
const empty = Buffer.alloc(0);

/**
 * The proposals are checked here, against a snapshot that ends with commit N, and handed to LMDB's write thread on the condition
 * that N is still the newest. So the write lock is never held while it waits for this thread, and the event loop never waits for the disk.
 * When another process was faster, all are checked again: somebody has always come further.
 */
export function createGroupCommit(environment: Environment, snapshots: Snapshots): GroupCommit {
  let waiting: Waiting[] = [];
  let working: Promise<void> | undefined;
  let broken: Fault | undefined;

  const check = (proposal: Proposal, changed?: Changed): string | undefined => {
    for (const [key, version] of proposal.reads) if (changed?.has(key) === true || snapshots.version(key) !== version) return key;
    for (const list of proposal.lists) {
      if (changed !== undefined && anyBelow(list.prefix, changed.keys())) return list.prefix;
      if (list.head === snapshots.head() || !changedSince(list.prefix, list.head)) continue;
      if (!sameNames(snapshots.listNow(list.prefix, list.options), list.names)) return list.prefix;
    }
    return undefined;
  };
  const changedSince = (prefix: string, head: number): boolean => {
    const changes = snapshots.since(head);
    return changes === 'overrun' || anyBelow(prefix, changes.keys.keys());
  };

  /** Tells those who lost from the others, and gives what the others write together. */
  const settle = (group: readonly Waiting[]): { winners: Waiting[]; losers: Loser[]; changed: Changed } => {
    const winners: Waiting[] = [];
    const losers: Loser[] = [];
    const changed: Changed = new Map();
    for (const member of group) {
      const lost = check(member.proposal, changed);
      if (lost !== undefined) {
        losers.push({ lost, resolve: member.resolve });
        continue;
      }
      winners.push(member);
      for (const [key, value] of member.proposal.writes) changed.set(key, value);
    }
    return { winners, losers, changed };
  };
  const commitGroup = async (group: readonly Waiting[]): Promise<void> => {
    let left = group;
    const beaten: Loser[] = [];
    const leave = await environment.pass();
    try {
      if (broken !== undefined) throw broken;
      while (left.length > 0) {
        snapshots.renew();
        const { winners, losers, changed } = settle(left);
        left = winners;
        beaten.push(...losers);
        const version = snapshots.head() + 1;
        if (changed.size > 0 && !(await writeNext(environment, version, changed))) continue;
        snapshots.renew();
        const outcome = { lost: undefined, version };
        for (const { resolve } of winners) resolve(outcome);
        return;
      }
    } catch (thrown) {
      const fault = await refusal(thrown, environment);
      for (const { reject } of left) reject(fault);
      if (!environment.takesWrites()) broken = lostDisk(fault);
    } finally {
      leave();
      // Whoever lost must read again what has just been written, or would lose to it once more.
      for (const { lost, resolve } of beaten) resolve({ lost });
    }
  };
  const work = async (): Promise<void> => {
    // Whoever is answered in the same turn of the event loop gets into the same group.
    await turn();
    while (waiting.length > 0) {
      const group = nextGroup(waiting);
      waiting = waiting.slice(group.length);
      await commitGroup(group);
    }
    working = undefined;
  };

  return {
    check(proposal) {
      snapshots.renew();
      return check(proposal);
    },
    commit(proposal) {
      return new Promise((resolve, reject) => {
        const member = { proposal, resolve, reject };
        if (proposal.urgent) waiting.unshift(member);
        else waiting.push(member);
        working ??= work();
      });
    },
    async idle() {
      while (working !== undefined) await working;
    },
  };
}

/** Writes commit `number`. Resolves to false, with nothing written, when the newest commit is no longer the one before. */
function writeNext({ entries, feed, ringCapacity }: Environment, number: number, changed: Changed): Promise<boolean> {
  return feed.ifVersion(headKey, number - 1, () => {
    for (const [key, value] of changed) {
      if (value === undefined) void entries.remove(key);
      else void entries.put(key, value as Buffer, number);
    }
    void feed.put(ringSlot(number, ringCapacity), Buffer.from([...changed.keys()].join('\0')), number);
    void feed.put(headKey, empty, number);
  });
}

function nextGroup(waiting: readonly Waiting[]): Waiting[] {
  let entries = 0;
  let bytes = 0;
  const end = waiting.findIndex(({ proposal }) => {
    if (entries > groupEntries || bytes > groupBytes) return true;
    entries += proposal.writes.size;
    for (const value of proposal.writes.values()) bytes += value?.length ?? 0;
    return false;
  });
  return waiting.slice(0, end < 0 ? waiting.length : end);
}

function anyBelow(prefix: string, keys: Iterable<string>): boolean {
  for (const key of keys) if (key.startsWith(prefix)) return true;
  return false;
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

/** ENOSPC, EDQUOT, and LMDB's MDB_MAP_FULL (lmdb.h). */
const noRoom: ReadonlySet<unknown> = new Set([28, 122, -30792]);
/** EIO, which LMDB also says when only a part of its pages found room. */
const failed = 5;

async function refusal(thrown: unknown, { isFull }: Environment): Promise<Fault> {
  if (thrown instanceof Fault) return thrown;
  const cause = await reasonOf(thrown);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const message =
    noRoom.has(code) || (code === failed && isFull())
      ? 'the store could not write because its disk is full; nothing was written; make room and try again'
      : 'the store could not write and nothing was written; see the log for the reason';
  return new Fault('storage-failed', message, { cause });
}

/** The next write would never be answered. */
function lostDisk(cause: Fault): Fault {
  return new Fault('storage-failed', 'the store can no longer write to its disk; mend the disk and restart Casemate', { cause });
}

/** The binding's error carries the reason as a promise, which would count as unhandled if nobody took it. */
async function reasonOf(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !('commitError' in thrown)) return thrown;
  try {
    await thrown.commitError;
    return thrown;
  } catch (reason) {
    return reason;
  }
}
