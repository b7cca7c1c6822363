// Durations of many requests in a fixed piece of memory: buckets a hundredth apart, from a microsecond to minutes.

export interface Latencies {
  /** Milliseconds. */
  add(milliseconds: number): void;
  readonly count: number;
  /** Milliseconds, exact to a hundredth of the value; 0 when nothing was added. `share` is 0.5 for the median. */
  quantile(share: number): number;
}

const shortest = 0.001;
const growth = 1.01;
const buckets = 2_000;
const perBucket = 1 / Math.log(growth);

export function createLatencies(): Latencies {
  const counts = new Float64Array(buckets);
  let count = 0;
  return {
    add(milliseconds) {
      const bucket = milliseconds <= shortest ? 0 : Math.floor(Math.log(milliseconds / shortest) * perBucket);
      counts[bucket < buckets ? bucket : buckets - 1]! += 1;
      count += 1;
    },
    get count() {
      return count;
    },
    quantile(share) {
      if (count === 0) return 0;
      const rank = Math.min(count, Math.max(1, Math.ceil(share * count)));
      let seen = 0;
      const bucket = counts.findIndex((inBucket) => {
        seen += inBucket;
        return seen >= rank;
      });
      return shortest * growth ** (bucket + 0.5);
    },
  };
}
