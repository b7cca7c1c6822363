// The wrapping key of a mount: made once, whoever asks first, and without holding up anybody else.

import { expect, it } from 'vitest';
import { manualClock } from '../../../base/clock.ts';
import { publicPem } from '../../../crypto/key-wrap.ts';
import { openMemory } from '../../../storage/backends/memory.ts';
import type { Backend } from '../../../storage/storage.ts';
import { createSerialiser } from '../../core/serialise.ts';
import { createWrappingKey, type WrappingKey } from './wrapping-key.ts';

/** Another process over the same store. */
function processOver(storage: Backend): WrappingKey {
  const host = {
    storage,
    clock: manualClock(),
    serialise: createSerialiser(),
    cached: async <T>(key: string, decode: (bytes: Uint8Array) => T) => {
      const stored = await storage.get(key);
      return stored === undefined ? undefined : decode(stored);
    },
  };
  return createWrappingKey(host, 2048);
}

it('is one, however many processes make it at the same time, and stays', async () => {
  const storage = openMemory();
  const [one, other] = [processOver(storage), processOver(storage)];
  const found = await Promise.all([one(), one(), other(), other()]);
  const pems = new Set(found.map(publicPem));
  expect(pems.size).toBe(1);
  expect([publicPem(await processOver(storage)())]).toStrictEqual([...pems]);
  expect(await storage.list('')).toStrictEqual(['wrapping-key']);
});

it('is another one in another mount', async () => {
  const [one, other] = await Promise.all([processOver(openMemory())(), processOver(openMemory())()]);
  expect(publicPem(one)).not.toBe(publicPem(other));
});

it('is made while the process does other things', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await processOver(openMemory())();
  clearInterval(timer);
  expect(turns).toBeGreaterThan(1);
});
