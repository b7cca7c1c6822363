// The server while its barrier is open: everything that needs decrypted entries, wired together, and ended as one.

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { RandomBytes } from '../base/random.ts';
import { keyFromBytes } from '../crypto/keys.ts';
import { within } from '../storage/within.ts';
import { type AuditDevices, createDevices } from './audit/devices.ts';
import type { Barrier } from './barrier/barrier.ts';
import { createCache, type EntryCache } from './core/cache.ts';
import type { EngineKind, EngineRequest, Host } from './core/engine.ts';
import { type Foundation, readFoundation } from './core/foundation.ts';
import type { Metrics } from './core/metrics.ts';
import { createSerialiser } from './core/serialise.ts';
import { forgetCubbyhole } from './engines/cubbyhole/kind.ts';
import { createBatchTokens } from './identity/batch-tokens.ts';
import { createRevocations } from './identity/revocations.ts';
import { createTokenRoles, type TokenRoles } from './identity/token-roles.ts';
import { readToken } from './identity/token-store.ts';
import { createTokens, type Tokens } from './identity/tokens.ts';
import { createWrapping, type Wrapping } from './identity/wrapping.ts';
import { createExpiry } from './leases/expiry.ts';
import { createLeases, type LeasedTokens, type Leases } from './leases/leases.ts';
import { createMounts, type Mounts } from './mounts/mounts.ts';
import { type MountRecord, requestPath } from './mounts/record.ts';
import { createRetirement, mountPrefix, type Retirement, retiredMount } from './mounts/retirement.ts';
import { createRouter, type Router } from './mounts/router.ts';
import type { Acl } from './policies/acl.ts';
import { createPolicies, type PolicyStore } from './policies/store.ts';

/** Seconds. */
export interface SystemTtl {
  readonly default: number;
  readonly max: number;
}

export interface UnsealedParts {
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ttl: SystemTtl;
  /** Bytes of entries whose decrypted form is kept; 0 keeps no secret. */
  readonly cacheBytes: number;
  /** Below it audit files may be enabled through the API. */
  readonly auditDirectory: string | undefined;
  /** Engines and auth methods by type; those that need the unsealed server are made from it. */
  readonly kinds: (unsealed: Unsealed) => readonly EngineKind[];
}

export interface Unsealed {
  readonly foundation: Foundation;
  readonly cache: EntryCache;
  readonly mounts: Mounts;
  readonly router: Router;
  readonly policies: PolicyStore;
  readonly tokens: Tokens;
  readonly tokenRoles: TokenRoles;
  readonly leases: Leases;
  readonly wrapping: Wrapping;
  readonly audit: AuditDevices;
  readonly retirement: Retirement;
  /** Revocations that an earlier process left are finished. */
  readonly resumeRevocations: () => Promise<void>;
  /** undefined for a request without a valid token. */
  readonly aclOf: (request: EngineRequest) => Promise<Acl | undefined>;
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
  const batchKey = keyFromBytes(Buffer.from(foundation.batchKey, 'base64'));
  const ending = new AbortController();
  const { signal } = ending;
  const cache = cacheOver(barrier, parts.cacheBytes);
  const cached: Host['cached'] = (key, decode) => cache.get(key, decode);
  const serialise = createSerialiser();
  const kinds = new Map<string, EngineKind>();

  const mounts = createMounts({ storage: barrier, cached, random, uuid: parts.uuid, kinds, systemTtl: () => parts.ttl });
  const policies = createPolicies({ storage: barrier, cached, clock });
  const tokenRoles = createTokenRoles({ storage: barrier, cached });
  const storageOf = (mount: MountRecord) => within(barrier, mountPrefix(mount.uuid));
  const router = createRouter({ kinds, hostFor: (current) => hostFor(current) });

  const hostFor = (current: () => MountRecord): Host => {
    const record = current();
    const prefix = mountPrefix(record.uuid);
    return {
      mount: () => ({ ...current(), path: requestPath(current()), options: current().options ?? {} }),
      storage: storageOf(record),
      cached: (key, decode) => cache.get(prefix + key, decode),
      serialise: (key, work) => serialise(prefix + key, work),
      ttl: () => effectiveTtl(current(), parts.ttl),
      clock,
      random,
      log: log.with({ mount_type: record.type, mount_accessor: record.accessor }),
    };
  };
  const leasedTokens = leasedTokensOf(() => tokens);
  const common = { storage: barrier, clock, random, log, signal };
  const leases = createLeases({
    ...common,
    tokens: leasedTokens,
    async revokeSecret(uuid, internal, until) {
      const record = (await mounts.table()).mounts.find((mount) => mount.uuid === uuid) ?? (await retiredMount(barrier, uuid));
      if (record !== undefined) await (await router.open(record)).engine.revoke?.(internal, until);
    },
  });
  const forgetCubbyholeOf = async (key: string): Promise<void> => {
    const cubbyhole = (await mounts.table()).mounts.find(({ type }) => type === 'cubbyhole');
    if (cubbyhole !== undefined) await forgetCubbyhole(storageOf(cubbyhole), key);
  };
  const revocations = createRevocations({
    ...common,
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
    revocations,
    batch: createBatchTokens({ key: () => batchKey, random }),
  });
  const retirement = createRetirement({ ...common, leases });
  const audit = createDevices({ ...common, directory: parts.auditDirectory });
  const expiry = createExpiry({
    ...common,
    leases,
    tokens: leasedTokens,
    resume: () => revocations.resume(),
    onDuty: async () => true,
  });

  let running: Promise<unknown> = Promise.resolve();
  const unsealed: Unsealed = {
    foundation,
    cache,
    mounts,
    router,
    policies,
    tokens,
    tokenRoles,
    leases,
    wrapping: createWrapping({ storage: barrier, tokens, clock }),
    audit,
    retirement,
    resumeRevocations: () => revocations.resume(),
    aclOf: async ({ caller }) => (caller === undefined ? undefined : policies.aclFor(caller.policies)),
    storageOf,
    start() {
      running = Promise.all([
        expiry.run(signal),
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

const settingsBytes = 8 * 2 ** 20;

/** The mount table and the policies: what they say is no secret, and every request asks for them. */
function isNoSecret(key: string): boolean {
  return key.startsWith('core/') || key.startsWith('sys/policy/');
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

function ttlOf(mount: MountRecord | undefined, system: SystemTtl): SystemTtl {
  return mount === undefined ? system : effectiveTtl(mount, system);
}

/** What the mount says, and the system where it says nothing. */
function effectiveTtl({ config }: MountRecord, system: SystemTtl): SystemTtl {
  return { default: config.default_lease_ttl || system.default, max: config.max_lease_ttl || system.max };
}
