// Leases: what is lent is written down before it leaves, found again by path, token and time, and taken back with retries.

import type { Clock } from '../../base/clock.ts';
import { asFault, Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Cached, LeaseTerms } from '../core/engine.ts';
import { decodeDue, type LeaseRecord, leaseLayout, type SecretLease } from './lease-record.ts';
import { addLease, changeLease, leasesBelow, pagesBelow, readLease, removeLease } from './lease-store.ts';
import { createPrefixRevocations, type PrefixProgress, type PrefixRevocations } from './prefix-revocations.ts';
import { calculateTtl } from './ttl.ts';

export interface LeaseParts {
  readonly storage: Storage;
  /** As Host's. */
  readonly cached: Cached;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly log: Log;
  /** Ends with the server's unsealed life. */
  readonly signal: AbortSignal;
  /** The engine's `revoke`. Resolves for what is already gone, and for a mount that can no longer take anything back. */
  readonly revokeSecret: (mountUuid: string, internal: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<void>;
  /** Leases of tokens are theirs to end. */
  readonly tokens: LeasedTokens;
}

export interface LeasedTokens {
  /** Read in the commit that issues, so that no lease slips in beside the token's revocation. */
  isKnown(transaction: Pick<Transaction, 'get'>, tokenKey: string): Promise<boolean>;
  times(tokenKey: string): Promise<LeaseTimes | undefined>;
  /** Useless in one commit; with `sync` it resolves when all that hung on the token is taken back. */
  revoke(tokenKey: string, options: { readonly sync: boolean }): Promise<unknown>;
  /** Revokes it if its time is over. */
  expire(tokenKey: string): Promise<void>;
}

/** Milliseconds since the epoch. */
export interface LeaseTimes {
  readonly issued: number;
  readonly expires: number;
  readonly lastRenewal?: number | undefined;
  readonly renewable: boolean;
}

export interface LeaseOrigin {
  /** Of the request that is answered with the secret. */
  readonly path: string;
  readonly mountUuid: string;
  readonly tokenKey: string;
  /** A batch token is in no store: its leases end with it, and with the token that made it. */
  readonly batch?: { readonly expires: number; readonly parent?: string };
}

export interface LeaseView extends LeaseTimes {
  readonly leaseId: string;
  /** Of the request that was answered with the secret, or that made the token. */
  readonly path: string;
  readonly revokeError?: string | undefined;
}

export interface RenewedLease {
  readonly leaseId: string;
  /** Seconds. */
  readonly ttl: number;
  readonly renewable: boolean;
  readonly warnings: readonly string[];
}

export interface Irrevocable {
  readonly leaseId: string;
  readonly mountUuid: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  readonly error: string;
}

export interface Leases {
  /** Before anything else. */
  prepare(): Promise<void>;
  /** The lease is durable when this resolves. When it fails, the secret is taken back at once. */
  issue(terms: LeaseTerms, origin: LeaseOrigin): Promise<{ readonly leaseId: string }>;
  lookup(leaseId: string): Promise<LeaseView | undefined>;
  /** Immediate children of a prefix (`""` or ending in `/`). */
  list(prefix: string): Promise<string[]>;
  /** Seconds asked for, 0 for what it had. Throws Fault `invalid-request`. */
  renew(leaseId: string, increment: number): Promise<RenewedLease>;
  /** Throws when the engine could not take the secret back; it is tried again all the same. Without `sync` it only promises. */
  revoke(leaseId: string, options: { readonly sync: boolean }): Promise<void>;
  /**
   * A prefix without a slash at its end also names the one lease. All below is useless after the first commit; with `sync` it
   * resolves when all of it was tried, and throws for the first that failed. `force` forgets what could not be taken back.
   */
  revokePrefix(prefix: string, options: { readonly sync: boolean; readonly force?: boolean }): Promise<void>;
  /** Whether a revocation of a prefix, not finished yet, covers what was issued then. */
  isRevoked(leaseId: string, issued: number): boolean | Promise<boolean>;
  /** Revocations of prefixes that are not finished. */
  revocations(): Promise<PrefixProgress[]>;
  /** Goes on with those that an earlier process left; returns at once. */
  resumeRevocations(): void;
  /** What fails is tried again later and does not fail this. */
  revokeByToken(tokenKey: string): Promise<void>;
  /** One attempt at a lease that the expiry index named, if it is due. */
  expire(leaseId: string): Promise<void>;
  /** Oldest end first. */
  irrevocable(): Promise<Irrevocable[]>;
}

const retryBase = 10_000;
const maxAttempts = 6;
const engineDeadline = 60_000;
/** Leases of one page that are revoked side by side. */
const width = 16;

export function createLeases(parts: LeaseParts): Leases {
  const { storage, clock, tokens } = parts;

  /** Resolves to what went wrong; then the lease is put off, or given up. */
  const attempt = async (lease: SecretLease): Promise<Fault | undefined> => {
    try {
      await parts.revokeSecret(lease.mountUuid, lease.internal, AbortSignal.any([parts.signal, AbortSignal.timeout(engineDeadline)]));
    } catch (thrown) {
      parts.signal.throwIfAborted();
      await putOff(parts, lease.leaseId, asFault(thrown));
      return asFault(thrown);
    }
    await changeStored(storage, lease.leaseId, removeLease);
    return undefined;
  };

  const revokeNow = async (leaseId: string): Promise<Fault | undefined> => {
    const record = await readLease(storage, leaseId);
    if (record === undefined) return undefined;
    if (record.kind === 'secret') return attempt(record);
    await tokens.revoke(record.tokenKey, { sync: true });
    return undefined;
  };

  /** Written down when it resolves. */
  const revokeSoon = async (leaseId: string): Promise<undefined> => {
    const record = await readLease(storage, leaseId);
    if (record?.kind === 'token') {
      await tokens.revoke(record.tokenKey, { sync: false });
      return;
    }
    await changeStored(storage, leaseId, (transaction, lease) => changeLease(transaction, lease, { ...lease, retryAt: clock.now() }));
    revokeNow(leaseId).catch((thrown: unknown) =>
      parts.log.warn('a lease could not be revoked in the background', { error: asFault(thrown) }),
    );
  };

  const takeBackIssuedBefore = async (
    leaseId: string,
    { before, force }: { readonly before: number; readonly force: boolean },
  ): Promise<Fault | undefined> => {
    const record = await readLease(storage, leaseId);
    if (record === undefined || (await issuedAt(parts, record)) > before) return undefined;
    const fault = await revokeNow(leaseId);
    if (fault === undefined || !force) return fault;
    await changeStored(storage, leaseId, removeLease);
    return undefined;
  };
  const prefixes = createPrefixRevocations({
    ...parts,
    takeBack: takeBackIssuedBefore,
    pages: (prefix) => namedAndBelow(storage, prefix),
  });

  return {
    prepare: () => prefixes.prepare(),
    issue: (terms, origin) => issueLease(parts, terms, origin),
    list: (prefix) => storage.list(leaseLayout.records + prefix),
    renew: (leaseId, increment) => renewLease(parts, prefixes, { leaseId, increment }),
    async lookup(leaseId) {
      const record = await readLease(storage, leaseId);
      const view = record === undefined ? undefined : await viewOf(parts, record);
      if (view === undefined) return undefined;
      const ended = await prefixes.covering(leaseId, view.issued);
      return ended === undefined ? view : { ...view, expires: Math.min(view.expires, ended), renewable: false };
    },
    async revoke(leaseId, { sync }) {
      const fault = sync ? await revokeNow(leaseId) : await revokeSoon(leaseId);
      if (fault !== undefined) throw failed(fault);
    },
    async revokePrefix(prefix, { sync, force = false }) {
      const { finished } = await prefixes.begin(prefix, { force });
      if (!sync) return;
      const fault = await finished;
      parts.signal.throwIfAborted();
      if (fault !== undefined) throw failed(fault);
    },
    isRevoked(leaseId, issued) {
      const ended = prefixes.covering(leaseId, issued);
      return ended instanceof Promise ? ended.then((at) => at !== undefined) : ended !== undefined;
    },
    revocations: () => prefixes.list(),
    resumeRevocations: () => void prefixes.resume(),
    async revokeByToken(tokenKey) {
      const prefix = `${leaseLayout.byToken}${tokenKey}/`;
      for await (const page of pagesBelow(storage, prefix))
        await sideBySide(page, async (name) => {
          parts.signal.throwIfAborted();
          const stored = await storage.get(prefix + name);
          const due = stored === undefined ? undefined : decodeDue(stored);
          if (due !== undefined && 'lease' in due) await revokeNow(due.lease);
        });
    },
    async expire(leaseId) {
      const record = await readLease(storage, leaseId);
      if (record?.kind === 'secret' && record.irrevocable !== true && (record.retryAt ?? record.expires) <= clock.now())
        await attempt(record);
    },
    async irrevocable() {
      const found: Irrevocable[] = [];
      for await (const page of pagesBelow(storage, leaseLayout.irrevocable))
        for (const name of page) {
          const stored = await storage.get(leaseLayout.irrevocable + name);
          const due = stored === undefined ? undefined : decodeDue(stored);
          const record = due !== undefined && 'lease' in due ? await readLease(storage, due.lease) : undefined;
          if (record?.kind === 'secret')
            found.push({ leaseId: record.leaseId, mountUuid: record.mountUuid, expires: record.expires, error: record.revokeError ?? '' });
        }
      return found.sort((a, b) => a.expires - b.expires || (a.leaseId < b.leaseId ? -1 : 1));
    },
  };
}

async function issueLease(parts: LeaseParts, terms: LeaseTerms, origin: LeaseOrigin): Promise<{ readonly leaseId: string }> {
  const now = parts.clock.now();
  const { batch } = origin;
  const expires = Math.min(now + terms.ttl * 1000, batch?.expires ?? Number.POSITIVE_INFINITY);
  const lease: SecretLease = {
    format: 1,
    kind: 'secret',
    leaseId: `${origin.path}/${randomBase62(parts.random, 24)}`,
    path: origin.path,
    mountUuid: origin.mountUuid,
    tokenKey: batch === undefined ? origin.tokenKey : (batch.parent ?? ''),
    internal: terms.internal,
    issued: now,
    expires,
    ttl: terms.ttl,
    // To the millisecond: nothing leased to a batch token may outlive it.
    maxTtl: batch === undefined ? terms.maxTtl : Math.min(terms.maxTtl || Number.POSITIVE_INFINITY, (batch.expires - now) / 1000),
    renewable: terms.renewable,
  };
  try {
    await parts.storage.transact(async (transaction) => {
      if (lease.tokenKey !== '' && !(await parts.tokens.isKnown(transaction, lease.tokenKey)))
        throw new Fault('permission-denied', 'permission denied');
      addLease(transaction, lease);
    });
  } catch (thrown) {
    await takeBack(parts, lease);
    throw thrown;
  }
  return { leaseId: lease.leaseId };
}

/** Nobody will ever know of this secret, so it is tried once, and the log says if it is left behind. */
async function takeBack(parts: LeaseParts, lease: SecretLease): Promise<void> {
  try {
    await parts.revokeSecret(lease.mountUuid, lease.internal, AbortSignal.any([parts.signal, AbortSignal.timeout(engineDeadline)]));
  } catch (thrown) {
    parts.log.error('a secret without a lease could not be taken back', { path: lease.path, mount: lease.mountUuid, error: thrown });
  }
}

async function renewLease(
  { storage, clock, tokens }: LeaseParts,
  prefixes: PrefixRevocations,
  { leaseId, increment }: { readonly leaseId: string; readonly increment: number },
): Promise<RenewedLease> {
  return storage.transact(async (transaction) => {
    const record = await readLease(transaction, leaseId);
    const now = clock.now();
    if (record === undefined) throw new Fault('invalid-request', 'lease not found');
    if (record.kind === 'token') throw new Fault('invalid-request', 'tokens cannot be renewed through this endpoint');
    if (record.irrevocable === true) throw new Fault('invalid-request', 'lease is expired and has failed previous revocation attempts');
    // It may also wait in a queue to be taken back, with its token or with all of its prefix.
    const ended = record.retryAt !== undefined || record.expires <= now || (await prefixes.covering(leaseId, record.issued)) !== undefined;
    const orphaned = record.tokenKey !== '' && !(await tokens.isKnown(transaction, record.tokenKey));
    if (ended || orphaned) throw new Fault('invalid-request', 'lease expired');
    if (!record.renewable) throw new Fault('invalid-request', 'lease is not renewable');
    const { ttl, expires, warnings } = calculateTtl({
      bounds: { default: record.ttl, max: record.maxTtl },
      increment,
      ttl: record.ttl,
      created: record.issued,
      now,
    });
    changeLease(transaction, record, { ...record, ttl, expires, lastRenewal: now });
    return { leaseId, ttl, renewable: record.renewable, warnings };
  });
}

/** Nothing that was leased before the epoch, or whose token is gone, is spared. */
async function issuedAt({ tokens }: LeaseParts, record: LeaseRecord): Promise<number> {
  return record.kind === 'secret' ? record.issued : ((await tokens.times(record.tokenKey))?.issued ?? 0);
}

async function* namedAndBelow(storage: Storage, prefix: string): AsyncGenerator<readonly string[]> {
  const isLevel = prefix === '' || prefix.endsWith('/');
  if (!isLevel && (await readLease(storage, prefix)) !== undefined) yield [prefix];
  yield* leasesBelow(storage, isLevel ? prefix : `${prefix}/`);
}

async function viewOf({ tokens }: LeaseParts, record: LeaseRecord): Promise<LeaseView | undefined> {
  if (record.kind === 'secret') return { ...record };
  const { leaseId } = record;
  const times = await tokens.times(record.tokenKey);
  return times === undefined ? undefined : { leaseId, path: leaseId.slice(0, leaseId.lastIndexOf('/')), ...times };
}

/** Ten seconds, doubled with each failure; after the sixth only an operator can end it. */
async function putOff({ storage, clock, log }: LeaseParts, leaseId: string, fault: Fault): Promise<void> {
  let attempts = 0;
  await changeStored(storage, leaseId, (transaction, lease) => {
    attempts = (lease.attempts ?? 0) + 1;
    const given = attempts >= maxAttempts ? { irrevocable: true as const } : {};
    const retryAt = clock.now() + retryBase * 2 ** (attempts - 1);
    changeLease(transaction, lease, { ...lease, attempts, retryAt, revokeError: fault.message, ...given });
  });
  const message =
    attempts >= maxAttempts
      ? 'a lease could not be revoked and is given up; revoke it by hand'
      : 'a lease could not be revoked and is tried again later';
  log.warn(message, { lease_id: leaseId, attempts, error: fault });
}

async function changeStored(
  storage: Storage,
  leaseId: string,
  change: (transaction: Transaction, lease: SecretLease) => void,
): Promise<void> {
  await storage.transact(async (transaction) => {
    const record = await readLease(transaction, leaseId);
    if (record?.kind === 'secret') change(transaction, record);
  });
}

async function sideBySide(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  for (let start = 0; start < names.length; start += width) await Promise.all(names.slice(start, start + width).map(work));
}

/** 400, as Vault answers: its clients try a 5xx again at once, and each try counts as a failed attempt. */
function failed(fault: Fault): Fault {
  return new Fault('invalid-request', `failed to revoke entry: ${fault.message}`, { cause: fault });
}
