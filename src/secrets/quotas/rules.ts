// Rate-limit rules as they are stored, all in one entry, and the index that finds the one that counts for a request.

import { Fault } from '../../base/fault.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';

export interface QuotaRule {
  readonly name: string;
  /** UUID of the mount, so that the rule moves with it; empty for a rule over everything. */
  readonly mount: string;
  /** Below the mount, without a slash at its end; `*` at its end covers all that begins so. Empty for the whole mount. */
  readonly suffix: string;
  /** Counts for logins under this role only; empty for all requests. */
  readonly role: string;
  /** Requests per interval and client address; more than 0. */
  readonly rate: number;
  /** Seconds. */
  readonly interval: number;
  /** Seconds for which a client that went past the rate is refused; 0 refuses it until the interval is over. */
  readonly blockInterval: number;
  readonly inheritable: boolean;
}

export interface QuotaSettings {
  /** Beginnings of paths that no rule counts for; `!` in front takes one back. */
  readonly exemptPaths: readonly string[];
  readonly auditLogging: boolean;
  readonly responseHeaders: boolean;
}

export interface QuotaTable {
  readonly format: 1;
  readonly settings: QuotaSettings;
  readonly rules: readonly QuotaRule[];
}

/** Where a request goes, as far as rules ask. */
export interface QuotaPlace {
  readonly mount: string;
  /** Below the mount, as it was sent. */
  readonly path: string;
}

export interface QuotaIndex {
  readonly table: QuotaTable;
  /** Nothing is counted: the request may pass at once. */
  readonly idle: boolean;
  isExempt(path: string): boolean;
  /** Whether a rule of this mount asks for the role of a login. */
  asksForRole(mount: string): boolean;
  /** The most specific rule: role, path, longest beginning of a path, mount, everything. */
  ruleFor(place: QuotaPlace, role: string | undefined): QuotaRule | undefined;
}

export const firstTable: QuotaTable = {
  format: 1,
  settings: {
    exemptPaths: [
      'sys/generate-recovery-token/attempt',
      'sys/generate-recovery-token/update',
      'sys/generate-root/attempt',
      'sys/generate-root/update',
      'sys/health',
      'sys/seal-status',
      'sys/unseal',
    ],
    auditLogging: false,
    responseHeaders: false,
  },
  rules: [],
};

export function encodeQuotas(table: QuotaTable): Uint8Array {
  return encodeEntry(table);
}

/** Throws Fault `corrupted` for a table that this version cannot read. */
export function decodeQuotas(bytes: Uint8Array): QuotaTable {
  return decodeEntry<QuotaTable>(bytes, 'the table of quotas');
}

interface MountRules {
  readonly roles: Map<string, QuotaRule>;
  readonly paths: Map<string, QuotaRule>;
  /** Longest first. */
  readonly beginnings: (readonly [string, QuotaRule])[];
  whole?: QuotaRule;
}

export function indexQuotas(bytes: Uint8Array): QuotaIndex {
  const table = decodeQuotas(bytes);
  const mounts = new Map<string, MountRules>();
  let overall: QuotaRule | undefined;
  for (const rule of table.rules) {
    if (rule.mount === '') overall = rule;
    else place(rule, mounts);
  }
  for (const { beginnings } of mounts.values()) beginnings.sort(([a], [b]) => b.length - a.length);
  return {
    table,
    idle: table.rules.length === 0,
    isExempt: exemptions(table.settings.exemptPaths),
    asksForRole: (mount) => (mounts.get(mount)?.roles.size ?? 0) > 0,
    ruleFor({ mount, path }, role) {
      const rules = mounts.get(mount);
      if (rules === undefined) return overall;
      const forRole = role === undefined ? undefined : rules.roles.get(role);
      if (forRole !== undefined) return forRole;
      const suffix = path.endsWith('/') ? path.slice(0, -1) : path;
      return rules.paths.get(suffix) ?? rules.beginnings.find(([start]) => suffix.startsWith(start))?.[1] ?? rules.whole ?? overall;
    },
  };
}

function place(rule: QuotaRule, mounts: Map<string, MountRules>): void {
  const rules = mounts.get(rule.mount) ?? { roles: new Map<string, QuotaRule>(), paths: new Map<string, QuotaRule>(), beginnings: [] };
  mounts.set(rule.mount, rules);
  if (rule.role !== '') rules.roles.set(rule.role, rule);
  else if (rule.suffix.endsWith('*')) rules.beginnings.push([rule.suffix.slice(0, -1), rule]);
  else if (rule.suffix !== '') rules.paths.set(rule.suffix, rule);
  else rules.whole = rule;
}

/** The longest beginning that fits decides. */
function exemptions(paths: readonly string[]): (path: string) => boolean {
  const starts = paths
    .map((path) => ({ start: path.replace(/^!?\/?/, '').replace(/\*$/, ''), exempt: !path.startsWith('!') }))
    .filter(({ start }) => start !== '')
    .sort((a, b) => b.start.length - a.start.length);
  return (path) => starts.find(({ start }) => path.startsWith(start))?.exempt === true;
}

/** The table with this rule in it. Throws Fault `invalid-request` when another rule stands for the same requests. */
export function withRule(table: QuotaTable, rule: QuotaRule): QuotaTable {
  const others = table.rules.filter(({ name }) => name !== rule.name);
  const twin = others.find(({ mount, suffix, role }) => mount === rule.mount && suffix === rule.suffix && role === rule.role);
  if (twin !== undefined)
    throw new Fault('invalid-request', `quota rule with similar properties exists under the name ${JSON.stringify(twin.name)}`);
  return { ...table, rules: [...others, rule] };
}
