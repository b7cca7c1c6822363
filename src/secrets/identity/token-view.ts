// A token as it is shown: the `auth` block of a grant, and the answer of a lookup.

import { rfc3339 } from '../../base/times.ts';
import type { AuthBlock } from '../core/engine.ts';
import { sanitizePolicies } from './policy-names.ts';
import type { TokenEntry } from './token-entry.ts';

/** `token` is empty where the client does not know it; `identity` are the policies of its entity. */
export function authBlock(token: string, entry: TokenEntry, identity: readonly string[] = []): AuthBlock {
  return {
    client_token: token,
    accessor: entry.accessor,
    policies: identity.length === 0 ? entry.policies : sanitizePolicies([...entry.policies, ...identity], false),
    token_policies: entry.policies,
    ...(identity.length === 0 ? {} : { identity_policies: sanitizePolicies(identity, false) }),
    metadata: entry.meta,
    lease_duration: entry.leaseTtl,
    renewable: entry.renewable,
    entity_id: entry.entityId,
    token_type: entry.type,
    orphan: entry.orphan,
    mfa_requirement: null,
    num_uses: entry.numUses,
  };
}

interface Times {
  readonly issued: string;
  readonly expires: string | null;
}

/** Tokens are looked up far more often than they change. */
const known = new WeakMap<TokenEntry, Times>();

function timesOf(entry: TokenEntry): Times {
  const told = known.get(entry);
  if (told !== undefined) return told;
  const times = { issued: rfc3339(entry.created), expires: entry.expires === null ? null : rfc3339(entry.expires) };
  known.set(entry, times);
  return times;
}

/** Sorted by name, as on the wire. `id` is empty for a lookup by accessor. */
export function describeToken(id: string, entry: TokenEntry, now: number, identity: readonly string[] = []): Record<string, unknown> {
  const { expires, lastRenewal } = entry;
  const times = timesOf(entry);
  return {
    accessor: entry.accessor,
    ...(entry.boundCidrs === undefined ? {} : { bound_cidrs: entry.boundCidrs }),
    creation_time: Math.floor(entry.created / 1000),
    creation_ttl: entry.ttl,
    display_name: entry.displayName,
    entity_id: entry.entityId,
    expire_time: times.expires,
    explicit_max_ttl: entry.explicitMaxTtl,
    ...(identity.length === 0 ? {} : { external_namespace_policies: {} }),
    id,
    ...(identity.length === 0 ? {} : { identity_policies: identity }),
    ...(expires === null ? {} : { issue_time: times.issued }),
    ...(lastRenewal === undefined ? {} : { last_renewal: rfc3339(lastRenewal), last_renewal_time: Math.floor(lastRenewal / 1000) }),
    meta: entry.meta,
    num_uses: entry.numUses,
    orphan: entry.orphan,
    path: entry.path,
    ...(entry.period === 0 ? {} : { period: entry.period }),
    policies: entry.policies,
    ...(expires === null ? {} : { renewable: entry.renewable }),
    ...(entry.role === undefined ? {} : { role: entry.role }),
    ttl: expires === null ? 0 : Math.max(0, Math.round((expires - now) / 1000)),
    type: entry.type,
  };
}
