// The server while its barrier is open: everything that needs decrypted entries, wired together, and ended as one.

import type { Clock } from '../base/clock.ts';
import type { LockoutConfigs } from '../base/config/config.ts';
import type { Log } from '../base/log.ts';
import type { RandomBytes } from '../base/random.ts';
import { createRoster, type Roster } from '../base/roster.ts';
import { keyFromBytes } from '../crypto/keys.ts';
import { within } from '../storage/within.ts';
import { type AuditDevices, createDevices } from './audit/devices.ts';
import type { Barrier } from './barrier/barrier.ts';
import { createRotation, type Rotation } from './barrier/rotation.ts';
import { createCache, type EntryCache } from './core/cache.ts';
import type { EngineKind, EngineRequest, Host } from './core/engine.ts';
import { type Foundation, readFoundation } from './core/foundation.ts';
import type { Life } from './core/life.ts';
import { createLogin, type Login } from './core/login.ts';
import type { Metrics } from './core/metrics.ts';
import { createSerialiser } from './core/serialise.ts';
import { forgetCubbyhole } from './engines/cubbyhole/kind.ts';
import { createBatchTokens } from './identity/batch-tokens.ts';
import { createRevocations } from './identity/revocations.ts';
import type { TokenEntry } from './identity/token-entry.ts';
import { createTokenRoles, type TokenRoles } from './identity/token-roles.ts';
import { readToken } from './identity/token-store.ts';
import { createTokens, type TokenParts, type Tokens } from './identity/tokens.ts';
import { createWrapping, type Wrapping } from './identity/wrapping.ts';
import { identityPrefix } from './identity-store/records.ts';
import { createIdentityStore, type IdentityStore } from './identity-store/store.ts';
import { createCensus } from './leases/census.ts';
import { createExpiry } from './leases/expiry.ts';
import { createLeases, type LeasedTokens, type Leases } from './leases/leases.ts';
import { createLockout, type Lockout } from './lockout/lockout.ts';
import { createMounts, type Mounts } from './mounts/mounts.ts';
import { type MountRecord, requestPath } from './mounts/record.ts';
import { createRetirement, mountPrefix, type Retirement, retiredMount } from './mounts/retirement.ts';
import { createRouter, type Router } from './mounts/router.ts';
import type { Acl } from './policies/acl.ts';
import { createPolicies, type PolicyStore } from './policies/store.ts';
import { createQuotas, type Quotas } from './quotas/quotas.ts';
import { type CorsStore, createCors } from './system/cors.ts';
import { createVersionHistory, type VersionHistory } from './system/version-history.ts';
import { runUpkeep } from './upkeep.ts';

/** Seconds. */
export interface SystemTtl {
  readonly default: number;
  readonly max: number;
}

export interface UnsealedParts {
  /** Of the server, noted in the store. */
  readonly version: string;
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ttl: SystemTtl;
  readonly lockouts: LockoutConfigs;
  /** Bytes of entries whose decrypted form is kept; 0 keeps no secret. */
  readonly cacheBytes: number;
  /** Below it audit files may be enabled through the API. */
  readonly auditDirectory: string | undefined;
  /** Engines and auth methods by type; those that need the unsealed server are made from it. */
  readonly kinds: (unsealed: Unsealed) => readonly EngineKind[];
}

export interface Unsealed {
  readonly barrier: Barrier;
  readonly foundation: Foundation;
  readonly cache: EntryCache;
  readonly mounts: Mounts;
  readonly router: Router;
  /** By type. */
  readonly kinds: ReadonlyMap<string, EngineKind>;
  readonly quotas: Quotas;
  readonly rotation: Rotation;
  readonly versions: VersionHistory;
  /** Requests that are not answered yet. */
  readonly underWay: Roster<Life>;
  readonly policies: PolicyStore;
  readonly tokens: Tokens;
  readonly tokenRoles: TokenRoles;
  readonly identity: IdentityStore;
  readonly login: Login;
  readonly lockout: Lockout;
  readonly leases: Leases;
  readonly wrapping: Wrapping;
  readonly audit: AuditDevices;
  readonly cors: CorsStore;
  readonly retirement: Retirement;
  /** Revocations that an earlier process left are finished. */
  readonly resumeRevocations: () => Promise<void>;
  /** undefined for a request without a valid token. */
  readonly aclOf: (request: EngineRequest) => Promise<Acl | undefined>;
  /** What a token may do, its entity's policies included; undefined where its entity is gone or disabled. */
  readonly aclOfToken: (entry: Pick<TokenEntry, 'policies' | 'entityId'>) => Promise<Acl | undefined>;
  /** What the mount keeps is below it. */
  readonly storageOf: (mount: MountRecord) => Host['storage'];
  /** Expires leases and clears up, until the end. */
  start(): void;
  /** Resolves when nothing of it runs any more. */
  end(): Promise<void>;
}

/** Throws Fault `corrupted` for a store that lacks what initialisation wrote. */
export async function openUnsealed(parts: UnsealedParts): Promise<Unsealed> {
  const { barrier, clock, random, log } = parts;
  const foundation = await readFoundation(barrier);
  const ending = new AbortController();
  const { signal } = ending;
  const registers = await openRegisters(parts, foundation);
  const { cache, cached, kinds, mounts, policies, identity, router, rotation, versions, lockout } = registers;
  const { leases, leasedTokens, revocations, tokens } = await openTokens(parts, { foundation, registers, signal });
  const common = { storage: barrier, clock, random, log, signal };
  const retirement = createRetirement({ ...common, leases });
  const audit = createDevices({
    ...common,
    log: log.with({ logger: 'audit' }),
    cached,
    metrics: parts.metrics,
    directory: parts.auditDirectory,
  });
  const expiry = createExpiry({
    ...common,
    log: log.with({ logger: 'expiration' }),
    leases,
    tokens: leasedTokens,
    async resume() {
      leases.resumeRevocations();
      await revocations.resume();
    },
    onDuty: async () => true,
  });

  const paths = async () => (await mounts.table()).mounts.map(requestPath);
  const count = createCensus({ storage: barrier, mounts: paths }, parts.metrics);
  let running: Promise<unknown> = Promise.resolve();
  const unsealed: Unsealed = {
    ...registers,
    barrier,
    foundation,
    underWay: createRoster(),
    tokens,
    login: createLogin({ entityFor: (alias) => identity.entityFor(alias), subjects: identity.subjects, tokens }),
    leases,
    wrapping: createWrapping({ storage: barrier, tokens, clock }),
    audit,
    retirement,
    async resumeRevocations() {
      leases.resumeRevocations();
      await revocations.resume();
    },
    aclOf: async ({ caller }) =>
      caller === undefined
        ? undefined
        : policies.aclFor(caller.policies, caller.entityId === '' ? undefined : (await identity.subjects.of(caller.entityId))?.templating),
    aclOfToken: (entry) => aclOfToken(policies, identity, entry),
    start() {
      running = Promise.all([
        expiry.run(signal),
        runUpkeep({ rotation, versions, mounts, router, lockout, count, log }, signal),
        retirement.resume().catch((error: unknown) => log.error('disabled mounts could not be read', { error })),
      ]);
    },
    async end() {
      ending.abort();
      await running;
      await router.close();
      await audit.stop();
      cache.clear();
    },
  };
  for (const kind of parts.kinds(unsealed)) kinds.set(kind.type, kind);
  return unsealed;
}

/** What the server keeps about itself, readable once the barrier is open; nothing here runs by itself. */
async function openRegisters(parts: UnsealedParts, foundation: Foundation) {
  const { barrier, clock, random, log } = parts;
  const cache = cacheOver(barrier, parts.cacheBytes);
  const cached: Host['cached'] = (key, decode) => cache.get(key, decode);
  const serialise = createSerialiser();
  const kinds = new Map<string, EngineKind>();
  const mounts = createMounts({ storage: barrier, cached, random, uuid: parts.uuid, kinds, systemTtl: () => parts.ttl });
  const policies = createPolicies({ storage: barrier, cached, clock });
  const tokenRoles = createTokenRoles({ storage: barrier, cached });
  const identity = createIdentityStore({ storage: barrier, cached, clock, random, uuid: parts.uuid, refresh: () => cache.refresh() });
  const storageOf = (mount: MountRecord) => within(barrier, mountPrefix(mount.uuid));
  const router = createRouter({ kinds, hostFor: (current) => hostFor(current) });
  const quotas = createQuotas({
    storage: barrier,
    cached,
    clock,
    refused: (name) => parts.metrics.increment('vault_quota_rate_limit_violation', { name }),
    mounts: async () => new Set((await mounts.table()).mounts.map(({ uuid }) => uuid)),
  });
  await quotas.prepare();
  const lockout = createLockout({ storage: barrier, cached, clock, log, configs: parts.lockouts, salt: () => foundation.salt });
  const rotation = createRotation({ barrier, clock, log: log.with({ logger: 'barrier' }) });
  const versions = createVersionHistory({ storage: barrier, clock, version: parts.version, founded: foundation.created });

  const hostFor = hostMaker(parts, { cache, cached, serialise, storageOf });
  return {
    cache,
    cached,
    serialise,
    kinds,
    mounts,
    policies,
    tokenRoles,
    identity,
    storageOf,
    router,
    quotas,
    lockout,
    rotation,
    versions,
    cors: createCors({ storage: barrier, cached }),
  };
}

interface TokenGround {
  readonly foundation: Foundation;
  readonly registers: Awaited<ReturnType<typeof openRegisters>>;
  readonly signal: AbortSignal;
}

/** Tokens and leases, which end one another. */
async function openTokens(parts: UnsealedParts, { foundation, registers, signal }: TokenGround) {
  const { barrier, clock, random, log } = parts;
  const { cached, serialise, mounts, router, storageOf, tokenRoles } = registers;
  const batchKey = keyFromBytes(Buffer.from(foundation.batchKey, 'base64'));
  const leasedTokens = leasedTokensOf(() => tokens);
  const common = { storage: barrier, clock, random, log, signal };
  const leases = createLeases({
    ...common,
    log: log.with({ logger: 'expiration' }),
    cached,
    uuid: parts.uuid,
    tokens: leasedTokens,
    async revokeSecret(uuid, internal, until) {
      const record = (await mounts.table()).mounts.find((mount) => mount.uuid === uuid) ?? (await retiredMount(barrier, uuid));
      if (record !== undefined) await (await router.open(record)).engine.revoke?.(internal, until);
    },
  });
  await leases.prepare();
  const forgetCubbyholeOf = async (key: string): Promise<void> => {
    const cubbyhole = (await mounts.table()).mounts.find(({ type }) => type === 'cubbyhole');
    if (cubbyhole !== undefined) await forgetCubbyhole(storageOf(cubbyhole), key);
  };
  const revocations = createRevocations({
    ...common,
    log: log.with({ logger: 'token' }),
    revokeLeases: (key) => leases.revokeByToken(key),
    forget: [(key) => forgetCubbyholeOf(key)],
  });
  const tokens: Tokens = createTokens({
    storage: barrier,
    cached,
    serialise,
    clock,
    random,
    salt: () => foundation.salt,
    bounds: async (path) => ttlOf(router.locate(await mounts.table(), path), parts.ttl),
    role: (name) => tokenRoles.read(name),
    renewLogin: loginRenewal(mounts, router),
    revocations,
    isRevoked: (leaseId, issued) => leases.isRevoked(leaseId, issued),
    batch: createBatchTokens({ key: () => batchKey, random }),
  });
  return { leases, leasedTokens, revocations, tokens };
}

const settingsBytes = 8 * 2 ** 20;

function hostMaker(
  { clock, random, log, ttl }: UnsealedParts,
  { cache, cached, serialise, storageOf }: Pick<Host, 'cached' | 'serialise'> & Pick<Unsealed, 'cache' | 'storageOf'>,
): (current: () => MountRecord) => Host {
  return (current) => {
    const record = current();
    const prefix = mountPrefix(record.uuid);
    return {
      mount: () => ({ ...current(), path: requestPath(current()), options: current().options ?? {} }),
      storage: storageOf(record),
      cached: (key, decode) => cached(prefix + key, decode),
      cachedWithin: (transaction, key, decode) => cache.getWithin(transaction, { prefix, key }, decode),
      putCached: (transaction, key, value, encode) => cache.putWithin(transaction, { prefix, key }, value, encode),
      serialise: (key, work) => serialise(prefix + key, work),
      ttl: () => effectiveTtl(current(), ttl),
      clock,
      random,
      log: log.with({ logger: loggerOf(record), mount_type: record.type, mount_accessor: record.accessor }),
    };
  };
}

/** The method that the token came from says what it is held to now; a method without a say leaves it at what it was made with. */
function loginRenewal(mounts: Mounts, router: Router): NonNullable<TokenParts['renewLogin']> {
  return async ({ mount, internal }) => {
    const record = (await mounts.table()).mounts.find(({ uuid }) => uuid === mount);
    return record === undefined ? undefined : (await router.open(record)).engine.renewLogin?.(internal);
  };
}

async function aclOfToken(
  policies: PolicyStore,
  { subjects }: IdentityStore,
  { policies: own, entityId }: Pick<TokenEntry, 'policies' | 'entityId'>,
): Promise<Acl | undefined> {
  if (entityId === '') return policies.aclFor(own);
  const subject = await subjects.of(entityId);
  return subject === undefined || subject.entity.disabled ? undefined : policies.aclFor(subject.together(own), subject.templating);
}

/** The mount table, the policies and who has them: what they say is no secret, and every request asks for them. */
function isNoSecret(key: string): boolean {
  return key.startsWith('core/') || key.startsWith('sys/policy/') || key.startsWith(identityPrefix);
}

function cacheOver(storage: Barrier, bytes: number): EntryCache {
  return createCache(bytes > 0 ? { storage, limit: bytes } : { storage, limit: settingsBytes, keeps: isNoSecret });
}

/** What the leases ask of the tokens, which are made after them. */
function leasedTokensOf(tokens: () => Tokens): LeasedTokens {
  return {
    isKnown: async (transaction, key) => (await readToken(transaction, key)) !== undefined,
    async times(key) {
      const entry = await tokens().look(key);
      if (entry === undefined || entry.expires === null) return undefined;
      const { created, expires, lastRenewal, renewable } = entry;
      return { issued: created, expires, lastRenewal, renewable };
    },
    revoke: (key, options) => tokens().revoke(key, options),
    expire: (key) => tokens().expire(key),
  };
}

/** As `sys/loggers` names it. */
function loggerOf({ table, type, accessor }: MountRecord): string {
  return `${table === 'auth' ? 'auth' : 'secrets'}.${type}.${accessor}`;
}

function ttlOf(mount: MountRecord | undefined, system: SystemTtl): SystemTtl {
  return mount === undefined ? system : effectiveTtl(mount, system);
}

/** What the mount says, and the system where it says nothing. */
function effectiveTtl({ config }: MountRecord, system: SystemTtl): SystemTtl {
  return { default: config.default_lease_ttl || system.default, max: config.max_lease_ttl || system.max };
}
