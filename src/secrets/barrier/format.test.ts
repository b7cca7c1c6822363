// What the first version of the formats wrote still opens, byte for byte.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors } from '../../../test/vectors/vectors.ts';
import { systemClock } from '../../base/clock.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import { openBarrier } from './barrier.ts';
import { termOf } from './entry.ts';
import { openKeyring } from './keyring.ts';

interface Vectors {
  readonly rootKey: string;
  readonly keyring: string;
  /** Milliseconds since the epoch, one for each term. */
  readonly installed: readonly number[];
  readonly entries: readonly { readonly key: string; readonly value: string; readonly term: number; readonly entry: string }[];
}

describe('version 1 of the formats', () => {
  const vectors = readVectors<Vectors>('barrier-v1');
  const rootKey = keyFromBytes(fromHex(vectors.rootKey));

  it('gives its keyring, with every term', () => {
    const keyring = openKeyring(fromHex(vectors.keyring), rootKey);
    expect(keyring?.map(({ number, installed }) => [number, installed])).toEqual(
      vectors.installed.map((installed, index) => [index + 1, installed]),
    );
  });

  it('gives its entries, of every term', async () => {
    const storage = openMemory();
    await storage.put('core/keyring', fromHex(vectors.keyring));
    for (const { key, entry } of vectors.entries) await storage.put(key, fromHex(entry));
    const barrier = openBarrier({ storage, random: systemRandom, clock: systemClock });
    await barrier.unseal(rootKey);
    for (const { key, value, term, entry } of vectors.entries) {
      expect([key, Buffer.from((await barrier.get(key)) as Uint8Array).toString()]).toEqual([key, value]);
      expect(termOf(fromHex(entry))).toBe(term);
    }
    expect([vectors.entries.length, new Set(vectors.entries.map(({ term }) => term))]).toEqual([4, new Set([1, 3])]);
  });
});
