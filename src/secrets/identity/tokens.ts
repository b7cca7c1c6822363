// Tokens: found by a salted digest, made and revoked in one commit each, with the tree of who made whom.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { calculateTtl, type TtlBounds, type TtlGrant } from '../leases/ttl.ts';
import { createDoom } from './doom.ts';
import type { Revocations } from './revocations.ts';
import {
  accessorKey,
  decodeAccessor,
  decodeToken,
  type FoundToken,
  idKey,
  lastUse,
  revocationKey,
  type TokenEntry,
  tokenKey,
  tokenLayout,
} from './token-entry.ts';
import { addToken, changeToken, readToken, removeToken } from './token-store.ts';

export type { FoundToken, TokenEntry } from './token-entry.ts';

export interface TokenParts {
  readonly storage: Storage;
  /** As Host's: `storage.get` and `decode`, remembered until the entry changes. */
  readonly cached: Cached;
  readonly serialise: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Of the store; made when it was initialised. */
  readonly salt: () => string;
  /** Effective TTLs of the auth mount that `path` (as `TokenEntry.path`) lies in. */
  readonly bounds: (path: string) => TtlBounds | Promise<TtlBounds>;
  /** What the token role holds its tokens to now; undefined when it is gone. */
  readonly role: (name: string) => Promise<RoleLimits | undefined>;
  /**
   * What the auth method of a login holds its token to now; undefined where the method does not say. Throws Fault
   * `invalid-request` for a token that it no longer renews.
   */
  readonly renewLogin?: ((login: NonNullable<TokenEntry['login']>) => Promise<LoginBounds | undefined>) | undefined;
  readonly revocations: Revocations;
  /** Whether everything below a prefix that this lease lies in is being revoked, and it was there already. */
  readonly isRevoked?: (leaseId: string, issued: number) => boolean | Promise<boolean>;
  /** Tokens that no store holds; without it they are not known. */
  readonly batch?: BatchTokens;
}

/** Seconds; 0 where the role says nothing. */
export interface RoleLimits {
  readonly period: number;
  readonly explicitMaxTtl: number;
}

/** Seconds; 0 where the method says nothing. */
export interface LoginBounds {
  readonly ttl: number;
  readonly maxTtl: number;
  readonly period: number;
}

export interface BatchTokens {
  /** The token text for an entry. */
  issue(entry: TokenEntry): string;
  /** `undefined` for what this store did not issue. */
  open(token: string): TokenEntry | undefined;
  readonly prefix: string;
}

/** TTLs in seconds; absent and 0 say nothing. */
export interface TokenTerms {
  /** Of the request that makes it. */
  readonly path: string;
  readonly policies: readonly string[];
  readonly displayName: string;
  readonly meta?: Readonly<Record<string, string>> | null | undefined;
  readonly entityId?: string | undefined;
  readonly ttl?: number | undefined;
  readonly maxTtl?: number | undefined;
  readonly explicitMaxTtl?: number | undefined;
  readonly period?: number | undefined;
  readonly renewable?: boolean | undefined;
  readonly numUses?: number | undefined;
  /** Key of the parent; without one the token is an orphan. */
  readonly parent?: string | undefined;
  /** A token role: its limits count beside the token's own. */
  readonly role?: string | undefined;
  readonly boundCidrs?: readonly string[] | undefined;
  /** The token's text, where the creator chose it. */
  readonly id?: string | undefined;
  readonly type?: 'service' | 'batch' | undefined;
  readonly wrapping?: true | undefined;
  readonly login?: TokenEntry['login'] | undefined;
  /** Written in the same commit. May run again. */
  readonly also?: ((transaction: Transaction, key: string) => void | Promise<void>) | undefined;
}

export interface MadeToken extends FoundToken {
  readonly token: string;
  readonly warnings: readonly string[];
}

export interface RevokeOptions {
  /** Its children live on. */
  readonly orphanChildren?: boolean;
  /** Default true. */
  readonly sync?: boolean;
}

export interface Tokens {
  keyOf(token: string): string;
  /** For every request: expired and revoked tokens are not found. */
  find(token: string): Promise<FoundToken | undefined>;
  /** As it is now, uses included. */
  look(key: string): Promise<TokenEntry | undefined>;
  /** Takes one use off; undefined when there was none left. After the last one the caller revokes the token. */
  use(found: Pick<FoundToken, 'key'>): Promise<{ readonly last: boolean } | undefined>;
  /** Throws Fault `invalid-request` for terms that leave no time, `permission-denied` when the parent is gone. */
  create(terms: TokenTerms): Promise<MadeToken>;
  /** Seconds asked for, 0 for what it had. Throws Fault `invalid-request` for what cannot be renewed. */
  renew(key: string, increment: number): Promise<{ readonly entry: TokenEntry; readonly warnings: readonly string[] }>;
  /**
   * The token is useless after the first commit; resolves when all that hung on it is taken back, or at once without
   * `sync`. False: there was none.
   */
  revoke(key: string, options?: RevokeOptions): Promise<boolean>;
  /** Revokes it if its time is over. */
  expire(key: string): Promise<void>;
  byAccessor(accessor: string): Promise<FoundToken | undefined>;
  accessors(): Promise<string[]>;
}

const prefix = 'hvs.';
const randomLength = 24;

export function createTokens(parts: TokenParts): Tokens {
  const { storage, cached, clock } = parts;
  const isDoomed = createDoom(parts);
  const keyOf = (token: string): string => tokenKey(parts.salt(), token);
  const alive = (entry: TokenEntry | undefined): entry is TokenEntry =>
    entry !== undefined && (entry.expires === null || entry.expires > clock.now());

  const look = async (key: string): Promise<TokenEntry | undefined> => {
    const known = await cached(idKey(key), decodeToken);
    // Uses change within a request, after the caches were compared.
    const entry = known === undefined || known.numUses === 0 ? known : await readToken(storage, key);
    return alive(entry) ? entry : undefined;
  };

  const remove = async (key: string, wanted: (entry: TokenEntry) => boolean, options: RevokeOptions = {}): Promise<boolean> => {
    const removed = await storage.transact(async (transaction) => {
      const entry = await readToken(transaction, key);
      if (entry === undefined || !wanted(entry)) return undefined;
      removeToken(transaction, key, entry, options.orphanChildren === true ? 'orphan' : 'revoke');
      return entry;
    });
    // Also for a token that somebody else is just revoking: what hangs on it may not be taken back yet.
    if (removed?.wrapping !== true) {
      if (options.sync === false) parts.revocations.begin(key);
      else await parts.revocations.finish(key);
    }
    return removed !== undefined;
  };

  return {
    keyOf,
    look,
    async find(token) {
      if (parts.batch !== undefined && token.startsWith(parts.batch.prefix)) return findBatch(parts, parts.batch, token);
      const key = keyOf(token);
      const entry = await cached(idKey(key), decodeToken);
      return alive(entry) && !(await isDoomed(key, entry)) ? { key, entry } : undefined;
    },
    use: ({ key }) => parts.serialise(`token ${key}`, () => storage.transact((transaction) => takeUse(transaction, key, alive))),
    create: (terms) => createToken(parts, terms),
    renew: (key, increment) => parts.serialise(`token ${key}`, () => renewToken(parts, key, increment)),
    revoke: (key, options) => remove(key, () => true, options),
    async expire(key) {
      await remove(key, (entry) => !alive(entry));
    },
    async byAccessor(accessor) {
      const stored = await storage.get(accessorKey(accessor));
      if (stored === undefined) return undefined;
      const { key } = decodeAccessor(stored);
      const entry = await readToken(storage, key);
      return alive(entry) ? { key, entry } : undefined;
    },
    accessors: () => storage.list(tokenLayout.accessors),
  };
}

async function takeUse(
  transaction: Transaction,
  key: string,
  alive: (entry: TokenEntry | undefined) => entry is TokenEntry,
): Promise<{ readonly last: boolean } | undefined> {
  const entry = await readToken(transaction, key);
  if (!alive(entry) || entry.numUses === lastUse) return undefined;
  if (entry.numUses === 0) return { last: false };
  const last = entry.numUses === 1;
  changeToken(transaction, key, entry, { ...entry, numUses: last ? lastUse : entry.numUses - 1 });
  return { last };
}

async function findBatch({ clock, storage, salt }: TokenParts, batch: BatchTokens, token: string): Promise<FoundToken | undefined> {
  const entry = batch.open(token);
  if (entry === undefined || entry.expires === null || entry.expires <= clock.now()) return undefined;
  // A batch token lives no longer than the token that made it.
  if (entry.parent !== undefined) {
    const parent = await readToken(storage, entry.parent);
    if (parent === undefined || (parent.expires !== null && parent.expires <= clock.now())) return undefined;
  }
  return { key: tokenKey(salt(), token), entry };
}

async function createToken(parts: TokenParts, terms: TokenTerms): Promise<MadeToken> {
  const { storage, random } = parts;
  const { entry, warnings } = await entryFor(parts, terms);
  if (entry.type === 'batch') {
    if (parts.batch === undefined) throw new Fault('invalid-request', 'batch tokens are not supported by this server');
    const token = parts.batch.issue(entry);
    return { token, key: tokenKey(parts.salt(), token), entry, warnings };
  }
  const token = terms.id ?? prefix + randomBase62(random, randomLength);
  const key = tokenKey(parts.salt(), token);
  await storage.transact(async (transaction) => {
    if (terms.id !== undefined && (await isTaken(transaction, key)))
      throw new Fault('invalid-request', 'cannot create a token with a duplicate ID');
    // Read in this commit, so that no child slips in beside the parent's revocation.
    if (entry.parent !== undefined && (await readToken(transaction, entry.parent)) === undefined)
      throw new Fault('permission-denied', 'permission denied');
    addToken(transaction, key, entry);
    await terms.also?.(transaction, key);
  });
  return { token, key, entry, warnings };
}

/** An id is free again when all that hung on its last bearer is gone. */
async function isTaken(transaction: Transaction, key: string): Promise<boolean> {
  return (await transaction.get(idKey(key))) !== undefined || (await transaction.get(revocationKey(key))) !== undefined;
}

async function entryFor(
  parts: TokenParts,
  terms: TokenTerms,
): Promise<{ readonly entry: TokenEntry; readonly warnings: readonly string[] }> {
  const now = parts.clock.now();
  const { parent, role, boundCidrs } = terms;
  const { type = 'service' } = terms;
  const { grant, warnings, explicitMaxTtl } = await firstGrant(parts, terms, now);
  const entry: TokenEntry = {
    format: 1,
    accessor: type === 'batch' ? '' : randomBase62(parts.random, randomLength),
    policies: terms.policies,
    path: terms.path,
    meta: terms.meta ?? null,
    displayName: terms.displayName,
    numUses: terms.numUses ?? 0,
    orphan: parent === undefined,
    ...(parent === undefined ? {} : { parent }),
    created: now,
    ttl: grant?.ttl ?? 0,
    leaseTtl: grant?.ttl ?? 0,
    maxTtl: terms.maxTtl ?? 0,
    explicitMaxTtl,
    period: terms.period ?? 0,
    expires: grant?.expires ?? null,
    renewable: renewable(terms, grant),
    type,
    ...(role === undefined ? {} : { role }),
    entityId: terms.entityId ?? '',
    ...(boundCidrs === undefined || boundCidrs.length === 0 ? {} : { boundCidrs }),
    ...(terms.wrapping === true ? { wrapping: true } : {}),
    ...loginOf(terms),
  };
  return { entry, warnings };
}

/** A batch token is never renewed, so nobody would ask. */
function loginOf({ login, type }: TokenTerms): Pick<TokenEntry, 'login'> {
  return login === undefined || type === 'batch' ? {} : { login };
}

function renewable(terms: TokenTerms, grant: TtlGrant | undefined): boolean {
  return grant !== undefined && terms.type !== 'batch' && terms.renewable !== false;
}

/** No grant is a token that never expires: only root tokens without any TTL are. */
async function firstGrant(
  parts: TokenParts,
  terms: TokenTerms,
  now: number,
): Promise<{ readonly grant: TtlGrant | undefined; readonly warnings: readonly string[]; readonly explicitMaxTtl: number }> {
  const bounds = await parts.bounds(terms.path);
  const warnings: string[] = [];
  let explicitMaxTtl = terms.explicitMaxTtl ?? 0;
  if (explicitMaxTtl > bounds.max) {
    warnings.push(
      `Explicit max TTL of ${explicitMaxTtl} seconds is greater than system/mount allowed value; value is capped to ${bounds.max} seconds`,
    );
    explicitMaxTtl = bounds.max;
  }
  const own = { period: terms.period ?? 0, explicitMaxTtl };
  const limits = terms.role === undefined || terms.type === 'batch' ? undefined : await parts.role(terms.role);
  warnings.push(...bothSet(own, limits));
  const effective = effectiveLimits(own, limits);
  const { maxTtl = 0 } = terms;
  // Root tokens have no default TTL, but their explicit maximum binds them.
  const ttl = terms.ttl || (terms.policies.includes('root') ? effective.explicitMaxTtl : 0);
  if (terms.policies.includes('root') && ttl === 0 && effective.period === 0) return { grant: undefined, warnings, explicitMaxTtl };
  const grant = calculateTtl({ bounds, ttl, maxTtl, ...effective, created: now, now });
  return { grant, warnings: [...warnings, ...grant.warnings], explicitMaxTtl };
}

async function renewToken(
  parts: TokenParts,
  key: string,
  increment: number,
): Promise<{ readonly entry: TokenEntry; readonly warnings: readonly string[] }> {
  const login = await boundsOfLogin(parts, key);
  return parts.storage.transact(async (transaction) => {
    const entry = await readToken(transaction, key);
    const now = parts.clock.now();
    if (entry === undefined) throw new Fault('invalid-request', 'token not found');
    if (entry.expires === null) throw new Fault('invalid-request', 'invalid lease ID');
    if (entry.expires <= now) throw new Fault('invalid-request', 'lease expired');
    if (!entry.renewable) throw new Fault('invalid-request', 'lease is not renewable');
    const limits = entry.role === undefined ? undefined : await parts.role(entry.role);
    if (entry.role !== undefined && limits === undefined)
      throw new Fault('invalid-request', `original token role ${JSON.stringify(entry.role)} could not be found, not renewing`);
    const { ttl, expires, warnings } = calculateTtl({
      bounds: await parts.bounds(entry.path),
      increment,
      ttl: login?.ttl ?? entry.leaseTtl,
      maxTtl: login?.maxTtl ?? entry.maxTtl,
      ...effectiveLimits({ ...entry, ...(login === undefined ? {} : { period: login.period }) }, limits),
      created: entry.created,
      now,
    });
    const next: TokenEntry = { ...entry, leaseTtl: ttl, expires, lastRenewal: now };
    changeToken(transaction, key, entry, next);
    return { entry: next, warnings };
  });
}

/** Asked before the commit, which may run again; a token that cannot be renewed anyway is refused there. */
async function boundsOfLogin({ storage, clock, renewLogin }: TokenParts, key: string): Promise<LoginBounds | undefined> {
  const entry = await readToken(storage, key);
  if (entry?.login === undefined || !entry.renewable || entry.expires === null || entry.expires <= clock.now()) return undefined;
  return renewLogin?.(entry.login);
}

/** The smaller one, where both the token and its role say something. */
function effectiveLimits(own: RoleLimits, role: RoleLimits | undefined): RoleLimits {
  return {
    period: smaller(own.period, role?.period ?? 0),
    explicitMaxTtl: smaller(own.explicitMaxTtl, role?.explicitMaxTtl ?? 0),
  };
}

function smaller(one: number, other: number): number {
  return one === 0 || other === 0 ? one + other : Math.min(one, other);
}

function bothSet(own: RoleLimits, role: RoleLimits | undefined): string[] {
  const limits = [
    ['Explicit max TTL', own.explicitMaxTtl, role?.explicitMaxTtl ?? 0],
    ['Period', own.period, role?.period ?? 0],
  ] as const;
  return limits.flatMap(([what, one, other]) =>
    one === 0 || other === 0
      ? []
      : [`${what} specified both during creation call and in role; using the lesser value of ${Math.min(one, other)} seconds`],
  );
}
