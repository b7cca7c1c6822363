// The common fields of roles and users as they are stored: changed by what was sent, shown, and turned into the terms of a login.

import type { oldTokenFields, tokenFields } from '../../api/login-fields.ts';
import { Fault } from '../../base/fault.ts';
import type { Values } from '../../schema/fields.ts';
import { checkCidrs, hostOf } from '../identity/cidrs.ts';
import type { LoginLimits } from './engine.ts';

/** Seconds; 0 says nothing. */
export interface StoredLimits {
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly ttl: number;
  readonly maxTtl: number;
  readonly explicitMaxTtl: number;
  readonly period: number;
  readonly numUses: number;
  readonly boundCidrs: readonly string[];
  readonly strictlyBindIp: boolean;
  readonly type: 'service' | 'batch' | 'default';
  /** Fields that were written under their old name: they are shown under both. */
  readonly oldNames: readonly OldName[];
}

export type OldName = keyof typeof oldTokenFields;
export type LimitsInput = Values<typeof tokenFields> & Values<typeof oldTokenFields>;

export const freshLimits: StoredLimits = {
  policies: [],
  noDefaultPolicy: false,
  ttl: 0,
  maxTtl: 0,
  explicitMaxTtl: 0,
  period: 0,
  numUses: 0,
  boundCidrs: [],
  strictlyBindIp: false,
  type: 'default',
  oldNames: [],
};

const newNames = {
  policies: 'token_policies',
  ttl: 'token_ttl',
  max_ttl: 'token_max_ttl',
  period: 'token_period',
  bound_cidrs: 'token_bound_cidrs',
} as const satisfies Record<OldName, keyof typeof tokenFields>;

/** What was not sent stays. Throws Fault `invalid-request` for what does not fit together. */
export function changeLimits(before: StoredLimits, input: LimitsInput): StoredLimits {
  const after: StoredLimits = {
    policies: input.token_policies ?? (input.policies === undefined ? before.policies : cleanPolicies(input.policies)),
    noDefaultPolicy: input.token_no_default_policy ?? before.noDefaultPolicy,
    ttl: input.token_ttl ?? input.ttl ?? before.ttl,
    maxTtl: input.token_max_ttl ?? input.max_ttl ?? before.maxTtl,
    explicitMaxTtl: input.token_explicit_max_ttl ?? before.explicitMaxTtl,
    period: input.token_period ?? input.period ?? before.period,
    numUses: input.token_num_uses ?? before.numUses,
    boundCidrs: (input.token_bound_cidrs ?? input.bound_cidrs)?.map(withoutFullMask) ?? before.boundCidrs,
    strictlyBindIp: input.token_strictly_bind_ip ?? before.strictlyBindIp,
    type: input.token_type === undefined ? before.type : typeOf(input.token_type),
    oldNames: oldNamesAfter(before.oldNames, input),
  };
  check(after);
  return after;
}

/** As policies are compared: trimmed, lower case, each once, sorted. */
export function cleanPolicies(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))].sort();
}

/** Sorted by name, as on the wire. */
export function describeLimits(limits: StoredLimits): Record<string, unknown> {
  const shown = {
    token_bound_cidrs: limits.boundCidrs,
    token_explicit_max_ttl: limits.explicitMaxTtl,
    token_max_ttl: limits.maxTtl,
    token_no_default_policy: limits.noDefaultPolicy,
    token_num_uses: limits.numUses,
    token_period: limits.period,
    token_policies: limits.policies,
    token_strictly_bind_ip: limits.strictlyBindIp,
    token_ttl: limits.ttl,
    token_type: limits.type,
  };
  const old = limits.oldNames.map((name) => [name, shown[newNames[name]]] as const).filter(([, value]) => isSet(value));
  return { ...Object.fromEntries(old), ...shown };
}

/** `remoteAddress` is that of the login. */
export function loginLimits(limits: StoredLimits, remoteAddress: string): LoginLimits {
  const { policies, noDefaultPolicy, ttl, maxTtl, explicitMaxTtl, period, numUses, type } = limits;
  const boundCidrs = limits.strictlyBindIp ? [hostOf(remoteAddress)] : limits.boundCidrs;
  return { policies, noDefaultPolicy, ttl, maxTtl, explicitMaxTtl, period, numUses, boundCidrs, type };
}

function isSet(value: unknown): boolean {
  return value !== 0 && !(Array.isArray(value) && value.length === 0);
}

function oldNamesAfter(before: readonly OldName[], input: LimitsInput): OldName[] {
  return (Object.keys(newNames) as OldName[]).filter((name) => {
    if (input[name] !== undefined) return true;
    return input[newNames[name]] === undefined && before.includes(name);
  });
}

/** One address is shown as such. */
function withoutFullMask(cidr: string): string {
  return cidr.includes(':') ? cidr.replace(/\/128$/, '') : cidr.replace(/\/32$/, '');
}

function typeOf(word: string): StoredLimits['type'] {
  if (word === '' || word === 'default') return 'default';
  if (word === 'service' || word === 'batch') return word;
  throw refused(`invalid 'token_type' value ${JSON.stringify(word)}`);
}

function check(limits: StoredLimits): void {
  checkCidrs(limits.boundCidrs);
  if (limits.numUses < 0) throw refused("'token_num_uses' cannot be negative");
  if (limits.type === 'batch' && limits.period !== 0)
    throw refused("'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens");
  if (limits.type === 'batch' && limits.numUses !== 0)
    throw refused("'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count");
  if (limits.ttl > 0 && limits.maxTtl > 0 && limits.ttl > limits.maxTtl)
    throw refused("'token_ttl' cannot be greater than 'token_max_ttl'");
  if (limits.strictlyBindIp && limits.boundCidrs.length > 0)
    throw refused("'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one");
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
