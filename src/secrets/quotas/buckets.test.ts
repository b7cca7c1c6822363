// Counting per client: so many per interval, blocked for as long as the rule says, in bounded memory.

import { describe, expect, it } from 'vitest';
import { createBuckets } from './buckets.ts';

const terms = { rate: 2, interval: 10, blockInterval: 0 };

describe('a client', () => {
  it('may send as many requests per interval as the rate says, from its first one on', () => {
    const buckets = createBuckets(terms, 10);
    const taken = [0, 4_000, 9_000].map((now) => buckets.take('a', now));
    expect(taken).toEqual([
      { allowed: true, remaining: 1, reset: 10, retryAfter: 0 },
      { allowed: true, remaining: 0, reset: 6, retryAfter: 0 },
      { allowed: false, remaining: 0, reset: 1, retryAfter: 1 },
    ]);
    expect(buckets.take('a', 10_000)).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('is counted apart from the others', () => {
    const buckets = createBuckets(terms, 10);
    for (let count = 0; count < 5; count++) buckets.take('a', 0);
    expect(buckets.take('b', 0).allowed).toBe(true);
  });

  it('is refused for the whole block once it went past the rate, whatever it sends meanwhile', () => {
    const buckets = createBuckets({ ...terms, blockInterval: 60 }, 10);
    for (let count = 0; count < 2; count++) expect(buckets.take('a', 0).allowed).toBe(true);
    expect(buckets.take('a', 1_000)).toMatchObject({ allowed: false, retryAfter: 60 });
    expect(buckets.take('a', 31_000)).toMatchObject({ allowed: false, retryAfter: 30 });
    expect(buckets.take('a', 60_999).allowed).toBe(false);
    expect(buckets.take('a', 61_000).allowed).toBe(true);
  });

  it('gets at least one request of a rate below one', () => {
    const buckets = createBuckets({ ...terms, rate: 0.2 }, 10);
    expect([0, 1, 2].map((now) => buckets.take('a', now).allowed)).toEqual([true, false, false]);
  });
});

describe('many clients', () => {
  it('do not take more memory than was allowed', () => {
    const buckets = createBuckets(terms, 100);
    for (let client = 0; client < 10_000; client++) buckets.take(`client ${client}`, 0);
    expect(buckets.size).toBe(100);
  });

  it('are forgotten when their interval is over', () => {
    const buckets = createBuckets(terms, 100);
    for (let client = 0; client < 50; client++) buckets.take(`client ${client}`, client);
    buckets.take('late', 60_000);
    expect(buckets.size).toBe(1);
  });

  it('do not free one who is blocked, as long as there is room', () => {
    const buckets = createBuckets({ ...terms, blockInterval: 3600 }, 100);
    for (let count = 0; count < 3; count++) buckets.take('blocked', 0);
    for (let client = 0; client < 60; client++) buckets.take(`client ${client}`, 20_000);
    expect(buckets.take('blocked', 20_000).allowed).toBe(false);
  });
});
