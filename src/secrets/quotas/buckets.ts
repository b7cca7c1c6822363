// How much each client has used of one rule: so many requests per interval from its first one on, in bounded memory.

export interface Taken {
  readonly allowed: boolean;
  /** Whole requests left in this interval. */
  readonly remaining: number;
  /** Seconds until the interval is over. */
  readonly reset: number;
  /** Seconds until the client may try again; 0 where it was allowed. */
  readonly retryAfter: number;
}

export interface BucketTerms {
  readonly rate: number;
  /** Seconds. */
  readonly interval: number;
  readonly blockInterval: number;
}

interface Bucket {
  /** Monotonic milliseconds; when the interval that is counted is over. */
  until: number;
  left: number;
  /** Refused until then; 0 when it is not. */
  blocked: number;
}

export interface Buckets {
  take(client: string, now: number): Taken;
  readonly size: number;
}

/**
 * Past `most` clients the one whose interval began first is forgotten, which gives it its requests back: whoever sends from
 * so many addresses costs no memory.
 */
export function createBuckets({ rate, interval, blockInterval }: BucketTerms, most: number): Buckets {
  const whole = Math.max(1, Math.round(rate));
  const length = interval * 1000;
  /** In order of the intervals' beginnings. */
  const buckets = new Map<string, Bucket>();

  const begin = (client: string, now: number): Bucket => {
    buckets.delete(client);
    const bucket: Bucket = { until: now + length, left: whole, blocked: 0 };
    buckets.set(client, bucket);
    for (const [oldest, { until, blocked }] of buckets) {
      const over = until <= now && blocked <= now;
      if (!over && buckets.size <= most) break;
      buckets.delete(oldest);
    }
    return bucket;
  };
  const current = (client: string, now: number): Bucket => {
    const known = buckets.get(client);
    if (known === undefined) return begin(client, now);
    if (known.blocked > now || known.until > now) return known;
    return begin(client, now);
  };

  return {
    take(client, now) {
      const bucket = current(client, now);
      const reset = Math.max(0, Math.ceil((bucket.until - now) / 1000));
      if (bucket.blocked > now) return { allowed: false, remaining: 0, reset, retryAfter: Math.ceil((bucket.blocked - now) / 1000) };
      if (bucket.left > 0) {
        bucket.left -= 1;
        return { allowed: true, remaining: bucket.left, reset, retryAfter: 0 };
      }
      if (blockInterval > 0) bucket.blocked = now + blockInterval * 1000;
      return { allowed: false, remaining: 0, reset, retryAfter: blockInterval > 0 ? blockInterval : Math.max(1, reset) };
    },
    get size() {
      return buckets.size;
    },
  };
}
