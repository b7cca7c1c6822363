// From what a client sent to auth/token/create to the terms of the new token: who may ask for what.

import type { tokenContract } from '../../api/token.ts';
import { parseDurationSeconds } from '../../base/durations.ts';
import { Fault } from '../../base/fault.ts';
import type { InputOf } from '../../schema/contract.ts';
import { choosePolicies, matchesAny } from './policy-names.ts';
import type { TokenRole } from './token-roles.ts';
import type { FoundToken, TokenTerms } from './tokens.ts';

export type CreationInput = InputOf<(typeof tokenContract)['routes']['create'], 'write'>;

export interface CreationContext {
  /** Of the request: `auth/token/create`. */
  readonly path: string;
  readonly parent: FoundToken;
  readonly orphan: boolean;
  /** The caller is root, or has sudo on the path. */
  readonly sudo: boolean;
  readonly role?: { readonly name: string; readonly terms: TokenRole } | undefined;
}

/** Throws Fault `invalid-request` with the texts that clients know. */
export function termsOf(input: CreationInput, context: CreationContext): TokenTerms {
  const { parent, sudo, role } = context;
  const type = tokenType(input.type ?? '', role?.terms.type);
  const times = timesOf(input);
  checkRequest(input, context, type, times);
  const policies = choosePolicies({
    wanted: input.policies ?? [],
    noDefault: input.no_default_policy === true,
    parent: parent.entry.policies,
    sudo,
    role: role?.terms.policies,
  });
  checkRoot(policies, type, times, context);
  const orphan = context.orphan || input.no_parent === true || role?.terms.orphan === true;
  return {
    path: suffixed(context.path, role?.terms.pathSuffix),
    policies,
    displayName: displayName(input.display_name ?? ''),
    meta: metaOf(input.meta),
    entityId: orphan ? '' : parent.entry.entityId,
    ...times,
    renewable: input.renewable !== false && role?.terms.renewable !== false,
    numUses: usesOf(input, type, role?.terms),
    parent: orphan ? undefined : parent.key,
    role: role?.name,
    boundCidrs: cidrsOf(context, orphan),
    id: input.id || undefined,
    type,
  };
}

function metaOf(meta: CreationInput['meta']): Readonly<Record<string, string>> | null {
  return meta === undefined || Object.keys(meta).length === 0 ? null : meta;
}

/** Nobody could count those of a batch token. */
function usesOf(input: CreationInput, type: 'service' | 'batch', role: TokenRole | undefined): number {
  return type === 'batch' ? 0 : fewest(input.num_uses ?? 0, role?.numUses ?? 0);
}

/** A role may free its tokens from what binds the parent; without one a child is bound like its parent. */
function cidrsOf({ parent, role }: CreationContext, orphan: boolean): readonly string[] | undefined {
  return role === undefined && !orphan ? parent.entry.boundCidrs : role?.terms.boundCidrs;
}

function suffixed(path: string, suffix: string | undefined): string {
  return suffix === undefined || suffix === '' ? path : `${path}/${suffix}`;
}

function checkAlias(alias: string, role: TokenRole | undefined): void {
  if (alias === '') return;
  if (role === undefined) throw refused("'entity_alias' is only allowed in combination with token role");
  if (!matchesAny(role.entityAliases, alias.toLowerCase())) throw refused("invalid 'entity_alias' value");
}

function checkRoot(policies: readonly string[], type: 'service' | 'batch', times: Times, { parent, role }: CreationContext): void {
  if (!policies.includes('root')) return;
  // Nobody could revoke it.
  if (type === 'batch') throw refused('batch tokens cannot be root tokens');
  const ends = [times.ttl, times.period, times.explicitMaxTtl, role?.terms.period ?? 0, role?.terms.explicitMaxTtl ?? 0];
  if (ends.every((end) => end === 0) && parent.entry.expires !== null)
    throw refused('expiring root tokens cannot create non-expiring root tokens');
}

/** What is refused whatever the policies are. */
function checkRequest(input: CreationInput, { parent, sudo, role }: CreationContext, type: 'service' | 'batch', times: Times): void {
  if (parent.entry.numUses !== 0) throw refused('restricted use token cannot generate child tokens');
  checkBatch(type, input, times);
  if ((input.num_uses ?? 0) < 0) throw refused('number of uses cannot be negative');
  checkPrivileges(input, times.period, sudo);
  checkAlias(input.entity_alias ?? '', role?.terms);
}

interface Times {
  readonly ttl: number;
  readonly explicitMaxTtl: number;
  readonly period: number;
}

function timesOf(input: CreationInput): Times {
  const ttl = positive('ttl', input.ttl);
  return {
    ttl: ttl === 0 ? positive('lease', input.lease) : ttl,
    explicitMaxTtl: positive('explicit_max_ttl', input.explicit_max_ttl),
    period: positive('period', input.period),
  };
}

/** Seconds; 0 where nothing was sent. */
function positive(field: string, value: string | undefined): number {
  if (value === undefined || value === '') return 0;
  const seconds = parseDurationSeconds(value);
  if (seconds < 0) throw refused(`${field} must be positive`);
  return seconds;
}

function tokenType(wanted: string, ofRole: string | undefined): 'service' | 'batch' {
  if (ofRole === 'service' || ofRole === 'batch') return ofRole;
  if (wanted === '') return ofRole === 'default-batch' ? 'batch' : 'service';
  if (wanted !== 'service' && wanted !== 'batch') throw refused("invalid 'token_type' value");
  return wanted;
}

function checkBatch(type: 'service' | 'batch', input: CreationInput, times: Times): void {
  if (type !== 'batch') return;
  const set = [
    ['explicit_max_ttl', times.explicitMaxTtl],
    ['num_uses', input.num_uses ?? 0],
    ['period', times.period],
    ['id', input.id ?? ''],
  ] as const;
  for (const [field, value] of set) if (value !== 0 && value !== '') throw refused(`batch tokens cannot have "${field}" set`);
}

function checkPrivileges(input: CreationInput, period: number, sudo: boolean): void {
  const id = input.id ?? '';
  if (id !== '' && !sudo) throw refused('root or sudo privileges required to specify token id');
  for (const prefix of ['hvs.', 's.']) if (id.startsWith(prefix)) throw refused(`custom token ID cannot have the '${prefix}' prefix`);
  if (id.includes('.')) throw refused("custom token ID cannot have a '.' in the value");
  if (input.no_parent === true && !sudo) throw refused('root or sudo privileges required to create orphan token');
  if (period > 0 && !sudo) throw refused('root or sudo privileges required to create periodic token');
}

/** `token`, or `token-` and the name with everything but letters and digits made a dash. */
function displayName(wanted: string): string {
  return wanted === '' ? 'token' : `token-${wanted}`.replace(/[^a-zA-Z0-9-]/g, '-').replace(/-$/, '');
}

function fewest(one: number, other: number): number {
  if (one === 0 || other === 0) return one + other;
  return Math.min(one, other);
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
