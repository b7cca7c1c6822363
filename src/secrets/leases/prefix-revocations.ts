// Revocations of whole prefixes: one commit makes every lease below useless, a queue in the store takes them back, a crash resumes it.

import type { Clock } from '../../base/clock.ts';
import { asFault, type Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { decodeEntry, encodeEntry } from './stored.ts';

export interface PrefixRevocation {
  readonly id: string;
  /** Without a slash at its end it also names the one lease. */
  readonly prefix: string;
  /** Milliseconds since the epoch: what was issued later is none of its business. */
  readonly before: number;
  /** What cannot be taken back is forgotten. */
  readonly force: boolean;
}

export interface PrefixProgress extends PrefixRevocation {
  /** Counted by the process that works on it; undefined where another one does. */
  readonly done: number | undefined;
  readonly failed: number | undefined;
}

export interface PrefixRevocations {
  /** Once, before anything else: a store that knows no revocations yet must not be asked for them with each request. */
  prepare(): Promise<void>;
  /** When the revocation was asked for, if one that is not finished covers this lease. */
  covering(leaseId: string, issued: number): number | undefined | Promise<number | undefined>;
  /**
   * Everything below is useless when this resolves. `finished` resolves, when all was tried, to the first failure; it never
   * rejects, and resolves early when the server is sealed.
   */
  begin(prefix: string, options: { readonly force: boolean }): Promise<{ readonly finished: Promise<Fault | undefined> }>;
  /** Goes on with what an earlier process left. */
  resume(): Promise<void>;
  list(): Promise<PrefixProgress[]>;
}

export interface PrefixRevocationParts {
  readonly storage: Storage;
  readonly cached: Cached;
  readonly clock: Clock;
  readonly log: Log;
  readonly uuid: () => string;
  readonly signal: AbortSignal;
  /** The ids below, in pages; the one that a prefix without a slash names is among them. */
  readonly pages: (prefix: string) => AsyncIterable<readonly string[]>;
  /** Resolves to what went wrong; nothing is done for a lease that was issued after `before`. */
  readonly takeBack: (leaseId: string, options: { readonly force: boolean; readonly before: number }) => Promise<Fault | undefined>;
}

interface Stored {
  readonly format: 1;
  readonly revocations: readonly PrefixRevocation[];
}

const queueKey = 'core/lease-revocations';
const nothing: Stored = { format: 1, revocations: [] };
const decode = (bytes: Uint8Array): Stored => decodeEntry<Stored>(bytes, 'the queue of revocations');
/** Leases that are taken back side by side: their commits share a flush. */
const width = 16;
/** Milliseconds between two lines of the log. */
const tellEvery = 5_000;

interface Running {
  done: number;
  failed: number;
  readonly finished: Promise<Fault | undefined>;
}

export function createPrefixRevocations(parts: PrefixRevocationParts): PrefixRevocations {
  const { storage, clock, log, signal } = parts;
  const running = new Map<string, Running>();

  const change = (edit: (revocations: readonly PrefixRevocation[]) => readonly PrefixRevocation[]): Promise<void> =>
    storage.transact(async (transaction) => {
      const stored = await transaction.get(queueKey);
      const { revocations } = stored === undefined ? nothing : decode(stored);
      transaction.put(queueKey, encodeEntry({ format: 1, revocations: edit(revocations) } satisfies Stored));
    });
  const waiting = async (): Promise<readonly PrefixRevocation[]> => ((await parts.cached(queueKey, decode)) ?? nothing).revocations;

  const work = async (revocation: PrefixRevocation, progress: Running): Promise<Fault | undefined> => {
    const { id, prefix, before, force } = revocation;
    let first: Fault | undefined;
    let told = clock.monotonic();
    const takeBack = async (leaseId: string): Promise<void> => {
      const fault = await parts.takeBack(leaseId, { before, force });
      first ??= fault;
      if (fault === undefined) progress.done++;
      else progress.failed++;
    };
    try {
      for await (const page of parts.pages(prefix))
        for (let start = 0; start < page.length; start += width) {
          signal.throwIfAborted();
          await Promise.all(page.slice(start, start + width).map(takeBack));
          if (clock.monotonic() - told < tellEvery) continue;
          told = clock.monotonic();
          log.info('leases are being taken back', { prefix, done: progress.done, failed: progress.failed });
        }
      await change((revocations) => revocations.filter((other) => other.id !== id));
      log.info('the leases below a prefix were taken back', { prefix, done: progress.done, failed: progress.failed });
      return first;
    } catch (thrown) {
      if (!signal.aborted) log.error('a revocation of a prefix was interrupted and is resumed later', { prefix, error: asFault(thrown) });
      return asFault(thrown);
    } finally {
      running.delete(id);
    }
  };
  const start = (revocation: PrefixRevocation): Running => {
    const known = running.get(revocation.id);
    if (known !== undefined) return known;
    const progress: { done: number; failed: number; finished: Promise<Fault | undefined> } = {
      done: 0,
      failed: 0,
      finished: Promise.resolve(undefined),
    };
    running.set(revocation.id, progress);
    progress.finished = work(revocation, progress);
    return progress;
  };

  return {
    async prepare() {
      if ((await storage.get(queueKey)) === undefined) await change((revocations) => revocations);
    },
    covering(leaseId, issued) {
      const known = parts.cached(queueKey, decode);
      return known instanceof Promise ? known.then((found) => coveredBy(found, leaseId, issued)) : coveredBy(known, leaseId, issued);
    },
    async begin(prefix, { force }) {
      const revocation: PrefixRevocation = { id: parts.uuid(), prefix, before: clock.now(), force };
      await change((revocations) => [...revocations, revocation]);
      return { finished: start(revocation).finished };
    },
    async resume() {
      for (const revocation of await waiting()) {
        if (signal.aborted) return;
        await start(revocation).finished;
      }
    },
    async list() {
      return (await waiting()).map((revocation) => {
        const progress = running.get(revocation.id);
        return { ...revocation, done: progress?.done, failed: progress?.failed };
      });
    },
  };
}

function coveredBy(stored: Stored | undefined, leaseId: string, issued: number): number | undefined {
  // Nothing is revoked most of the time, and every request asks.
  if (stored === undefined || stored.revocations.length === 0) return undefined;
  return stored.revocations.find(({ prefix, before }) => issued <= before && isBelow(prefix, leaseId))?.before;
}

function isBelow(prefix: string, leaseId: string): boolean {
  if (prefix === '' || prefix.endsWith('/')) return leaseId.startsWith(prefix);
  return leaseId === prefix || leaseId.startsWith(`${prefix}/`);
}
