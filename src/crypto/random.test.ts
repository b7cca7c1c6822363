// Random bytes and UUIDs of the system.

import { expect, it } from 'vitest';
import { systemRandom, systemUuid } from './random.ts';

it.each([0, 1, 12, 32, 1000])('gives %d bytes', (count) => {
  expect(systemRandom(count)).toHaveLength(count);
});

it('gives other bytes each time, and buffers that belong to the caller', () => {
  const [one, two] = [systemRandom(32), systemRandom(32)];
  expect(Buffer.compare(one, two)).not.toBe(0);
  const kept = Buffer.from(two);
  one.fill(0);
  expect(Buffer.compare(two, kept)).toBe(0);
});

it('gives UUIDs of version 4, no two alike', () => {
  const made = Array.from({ length: 1000 }, systemUuid);
  expect(new Set(made).size).toBe(1000);
  for (const uuid of made) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
