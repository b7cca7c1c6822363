// Tokens and leases over one store, wired as the server wires them, with a clock that moves by hand: what their tests stand on.

import { randomUUID } from 'node:crypto';
import { manualClock } from '../../src/base/clock.ts';
import { type Log, silentLog } from '../../src/base/log.ts';
import { keyFromBytes } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createSerialiser } from '../../src/secrets/core/serialise.ts';
import { createBatchTokens } from '../../src/secrets/identity/batch-tokens.ts';
import { createRevocations, type Revocations } from '../../src/secrets/identity/revocations.ts';
import { createTokenRoles, type TokenRoles } from '../../src/secrets/identity/token-roles.ts';
import { readToken } from '../../src/secrets/identity/token-store.ts';
import { createTokens, type Tokens, type TokenTerms } from '../../src/secrets/identity/tokens.ts';
import { createExpiry, type Expiry } from '../../src/secrets/leases/expiry.ts';
import { createLeases, type LeasedTokens, type Leases } from '../../src/secrets/leases/leases.ts';
import type { TtlBounds } from '../../src/secrets/leases/ttl.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';

export type ManualClock = ReturnType<typeof manualClock>;

export interface Bank {
  readonly storage: Storage;
  readonly clock: ManualClock;
  readonly tokens: Tokens;
  readonly roles: TokenRoles;
  readonly leases: Leases;
  readonly revocations: Revocations;
  readonly expiry: Expiry;
  /** Names (`internal.name`) of the secrets that the engine was asked to take back, in order. */
  readonly takenBack: string[];
  /** Keys of the tokens whose cubbyhole was forgotten. */
  readonly forgotten: string[];
  /** What the engine does when it is asked to take a secret back. */
  engine: (name: string) => Promise<void>;
  /** Of every mount. */
  bounds: TtlBounds;
  /** Ends all work between two commits, as sealing does. */
  seal(): void;
}

export interface BankOptions {
  readonly storage?: Storage;
  readonly clock?: ManualClock;
  readonly log?: Log;
}

const hours = 3_600;

export function openBank({ storage = openMemory(), clock = manualClock(), log = silentLog }: BankOptions = {}): Bank {
  const ending = new AbortController();
  const { signal } = ending;
  const cached = async <T extends object>(key: string, decode: (bytes: Uint8Array) => T): Promise<T | undefined> => {
    const stored = await storage.get(key);
    return stored === undefined ? undefined : decode(stored);
  };
  const roles = createTokenRoles({ storage, cached });
  const leasedTokens: LeasedTokens = {
    isKnown: async (transaction, key) => (await readToken(transaction, key)) !== undefined,
    async times(key) {
      const entry = await tokens.look(key);
      if (entry === undefined || entry.expires === null) return undefined;
      const { created, expires, lastRenewal, renewable } = entry;
      return { issued: created, expires, lastRenewal, renewable };
    },
    revoke: (key, options) => tokens.revoke(key, options),
    expire: (key) => tokens.expire(key),
  };
  const leases = createLeases({
    storage,
    cached,
    clock,
    random: systemRandom,
    uuid: randomUUID,
    log,
    signal,
    tokens: leasedTokens,
    async revokeSecret(_mount, internal) {
      const name = String(internal['name']);
      bank.takenBack.push(name);
      await bank.engine(name);
    },
  });
  const revocations = createRevocations({
    storage,
    log,
    signal,
    revokeLeases: (key) => leases.revokeByToken(key),
    forget: [async (key) => void bank.forgotten.push(key)],
  });
  const batchKey = keyFromBytes(new Uint8Array(32).fill(7));
  const tokens = createTokens({
    storage,
    cached,
    serialise: createSerialiser(),
    clock,
    random: systemRandom,
    salt: () => 'salt',
    bounds: () => bank.bounds,
    role: (name) => roles.read(name),
    revocations,
    isRevoked: (leaseId, issued) => leases.isRevoked(leaseId, issued),
    batch: createBatchTokens({ key: () => batchKey, random: systemRandom }),
  });
  const bank: Bank = {
    storage,
    clock,
    tokens,
    roles,
    leases,
    revocations,
    expiry: createExpiry({
      storage,
      clock,
      log,
      leases,
      tokens: leasedTokens,
      resume: () => revocations.resume(),
      onDuty: async () => true,
    }),
    takenBack: [],
    forgotten: [],
    engine: async () => {},
    bounds: { default: 768 * hours, max: 768 * hours },
    seal: () => ending.abort(),
  };
  return bank;
}

/** Terms of a token that is of no special kind. */
export function termsFor(more: Partial<TokenTerms> = {}): TokenTerms {
  return { path: 'auth/token/create', policies: ['default'], displayName: 'token', ttl: hours, ...more };
}

/** Everything that is stored below the prefixes, sorted: what a revocation may not leave behind. */
export async function keysBelow(storage: Storage, ...prefixes: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const levels = [...prefixes];
  for (let level = levels.pop(); level !== undefined; level = levels.pop())
    for (const name of await storage.list(level)) (name.endsWith('/') ? levels : found).push(level + name);
  return found.sort();
}

/** Where tokens, leases and revocations keep what they know. */
export const tokenPrefixes = ['sys/token/', 'sys/lease/', 'sys/revocation/', 'sys/wrapping/'] as const;
