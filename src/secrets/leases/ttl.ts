// How long a token or a lease may live: what was asked for, what its role and mount allow, and what that leaves.

import { Fault } from '../../base/fault.ts';

/** Effective TTLs of a mount. Seconds. */
export interface TtlBounds {
  readonly default: number;
  readonly max: number;
}

/** Seconds, and 0 where nothing was said; `created` and `now` in milliseconds since the epoch. */
export interface TtlTerms {
  readonly bounds: TtlBounds;
  /** What the client asked for when it renewed. */
  readonly increment?: number;
  readonly ttl?: number;
  readonly maxTtl?: number;
  readonly explicitMaxTtl?: number;
  /** A periodic token escapes every maximum but the explicit one. */
  readonly period?: number;
  readonly created: number;
  readonly now: number;
}

export interface TtlGrant {
  /** Seconds. */
  readonly ttl: number;
  /** Milliseconds since the epoch; never past the maximum, whatever the rounding of `ttl`. */
  readonly expires: number;
  readonly warnings: readonly string[];
}

/** Throws Fault `invalid-request` when no time is left. */
export function calculateTtl(terms: TtlTerms): TtlGrant {
  const { bounds, increment = 0, explicitMaxTtl = 0, period = 0, created, now } = terms;
  const max = smallest(bounds.max, terms.maxTtl ?? 0, explicitMaxTtl);
  const warnings: string[] = [];
  let ttl = increment || terms.ttl || bounds.default;
  let limit = created + max * 1000;
  if (period > 0) {
    if (period > max)
      warnings.push(
        `period of "${shortDuration(period)}" exceeded the effective max_ttl of "${shortDuration(max)}"; period value is capped accordingly`,
      );
    ttl = Math.min(period, max);
    limit = explicitMaxTtl > 0 ? created + explicitMaxTtl * 1000 : Number.POSITIVE_INFINITY;
  }
  if (limit <= now) throw new Fault('invalid-request', 'past the max TTL, cannot renew');
  const left = Math.max(1, Math.round((limit - now) / 1000));
  if (ttl > left) {
    warnings.push(
      `TTL of "${shortDuration(ttl)}" exceeded the effective max_ttl of "${shortDuration(left)}"; TTL value is capped accordingly`,
    );
    ttl = left;
  }
  return { ttl, expires: Math.min(now + ttl * 1000, limit), warnings };
}

/** `768h`, `1h30m`, `45s`: a Go duration without its zero units. */
export function shortDuration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('') || '0s';
}

/** Of those that are set. */
function smallest(...values: readonly number[]): number {
  return Math.min(...values.filter((value) => value > 0));
}
