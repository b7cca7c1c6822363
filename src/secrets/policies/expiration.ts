// Rules that end by themselves: `expiration` in the path of a policy.

import type { Policy } from './policy.ts';

/** `now` in milliseconds since the epoch. */
export function withoutExpired(policy: Policy, now: number): Policy {
  const rules = policy.rules.filter(({ expires = Number.POSITIVE_INFINITY }) => expires > now);
  return rules.length === policy.rules.length ? policy : { ...policy, rules };
}

/** When the first of the rules expires; infinity when none does. */
export function nextExpiry(policies: readonly Policy[]): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { rules } of policies) for (const { expires = next } of rules) next = Math.min(next, expires);
  return next;
}
