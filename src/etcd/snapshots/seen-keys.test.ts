// The set of keys that were seen already, over several of its own enlargements.

import { expect, test } from 'vitest';
import { createSeenKeys } from './seen-keys.ts';

test('each key is new once, however many there are', () => {
  const seen = createSeenKeys();
  const keys = Array.from({ length: 10_000 }, (_, at) => Buffer.from(`/registry/secrets/app/s${at}`));
  expect(keys.every((key) => seen.add(key))).toBe(true);
  expect(keys.some((key) => seen.add(key))).toBe(false);
  expect(seen.count).toBe(10_000);
  expect(seen.add(Buffer.from('/registry/secrets/app/other'))).toBe(true);
});
