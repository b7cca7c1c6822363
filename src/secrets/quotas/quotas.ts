// Rate limits: the rules that all servers over a store share, and the counters that each process keeps for itself.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { type Buckets, createBuckets, type Taken } from './buckets.ts';
import {
  decodeQuotas,
  encodeQuotas,
  firstTable,
  indexQuotas,
  type QuotaIndex,
  type QuotaRule,
  type QuotaTable,
  withRule,
} from './rules.ts';

export interface LimitedRequest {
  /** Whole, as it was sent. */
  readonly path: string;
  /** UUID of its mount; undefined where nothing is mounted. */
  readonly mount: string | undefined;
  /** Path below the mount. */
  readonly below: string;
  readonly client: string;
  /** The role of a login; asked for only where a rule wants to know. */
  readonly role: () => Promise<string | undefined>;
}

export interface Admission {
  readonly allowed: boolean;
  /** For the answer, whatever becomes of it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the audit devices are to hear of a refusal. */
  readonly audited: boolean;
}

export interface Quotas {
  /** What holds now: at once where it is remembered. */
  index(): QuotaIndex | undefined | Promise<QuotaIndex | undefined>;
  /** Counts the request; undefined where no rule counts. */
  admit(index: QuotaIndex, request: LimitedRequest): Admission | undefined | Promise<Admission | undefined>;
  table(): Promise<QuotaTable>;
  /** Throws Fault `invalid-request` when another rule stands for the same requests. */
  write(rule: QuotaRule): Promise<void>;
  delete(name: string): Promise<void>;
  configure(settings: QuotaTable['settings']): Promise<void>;
  /** Makes the entry that every request looks at, where an older version has not written it. */
  prepare(): Promise<void>;
}

export interface QuotaParts {
  readonly storage: Storage;
  readonly cached: Cached;
  readonly clock: Clock;
  /** Called for each request that a rule refused. */
  readonly refused: (rule: string) => void;
  /** Mounts that are still there; rules of others are cleared away with the next change. */
  readonly mounts: () => Promise<ReadonlySet<string>>;
}

const key = 'core/quotas';
/** Clients that each rule remembers at most: about 10 MB. */
const mostClients = 65_536;

export function createQuotas(parts: QuotaParts): Quotas {
  const { storage, cached, clock } = parts;
  /** By the whole rule: a changed one starts over, the others go on counting. */
  let counting = new Map<string, Buckets>();
  let counted: QuotaIndex | undefined;
  let byRule = new WeakMap<QuotaRule, Buckets>();

  const change = async (edit: (table: QuotaTable) => QuotaTable): Promise<void> => {
    const mounts = await parts.mounts();
    await storage.transact(async (transaction) => {
      const stored = await transaction.get(key);
      const table = edit(stored === undefined ? firstTable : decodeQuotas(stored));
      const rules = table.rules.filter(({ mount }) => mount === '' || mounts.has(mount));
      transaction.put(key, encodeQuotas({ ...table, rules }));
    });
  };
  /** The counters of an index that is new keep those of the rules that did not change. */
  const bucketsOf = (index: QuotaIndex, rule: QuotaRule): Buckets => {
    if (counted !== index) {
      const before = counting;
      counting = new Map();
      byRule = new WeakMap();
      for (const each of index.table.rules) {
        const name = JSON.stringify(each);
        const buckets = before.get(name) ?? createBuckets(each, mostClients);
        counting.set(name, buckets);
        byRule.set(each, buckets);
      }
      counted = index;
    }
    return byRule.get(rule) as Buckets;
  };
  const count = (index: QuotaIndex, request: LimitedRequest, role: string | undefined): Admission | undefined => {
    const rule = index.ruleFor({ mount: request.mount ?? '', path: request.below }, role);
    if (rule === undefined) return undefined;
    const taken = bucketsOf(index, rule).take(request.client, clock.monotonic());
    if (!taken.allowed) parts.refused(rule.name);
    const { responseHeaders, auditLogging } = index.table.settings;
    return { allowed: taken.allowed, headers: headersOf(rule, taken, responseHeaders), audited: auditLogging };
  };

  return {
    index: () => cached(key, indexQuotas),
    admit(index, request) {
      if (index.isExempt(request.path)) return undefined;
      if (request.mount === undefined || !index.asksForRole(request.mount)) return count(index, request, undefined);
      return request.role().then((role) => count(index, request, role));
    },
    async table() {
      const mounts = await parts.mounts();
      const table = (await cached(key, indexQuotas))?.table ?? firstTable;
      return { ...table, rules: table.rules.filter(({ mount }) => mount === '' || mounts.has(mount)) };
    },
    write: (rule) => change((table) => withRule(table, rule)),
    delete: (name) => change((table) => ({ ...table, rules: table.rules.filter((rule) => rule.name !== name) })),
    configure: (settings) => change((table) => ({ ...table, settings })),
    async prepare() {
      if ((await storage.get(key)) !== undefined) return;
      await storage.transact(async (transaction) => {
        if ((await transaction.get(key)) === undefined) transaction.put(key, encodeQuotas(firstTable));
      });
    },
  };
}

function headersOf(rule: QuotaRule, taken: Taken, all: boolean): Readonly<Record<string, string>> {
  const retry = taken.allowed ? {} : { 'retry-after': String(taken.retryAfter) };
  if (!all) return retry;
  return {
    'x-ratelimit-limit': String(Math.max(1, Math.round(rule.rate))),
    'x-ratelimit-remaining': String(taken.remaining),
    'x-ratelimit-reset': String(taken.reset),
    ...retry,
  };
}

/** The answer to a request past the rate. */
export function overTheRate(path: string): Fault {
  return new Fault('rate-limited', `request path ${JSON.stringify(path)}: rate limit quota exceeded`);
}
