// Keyed digests against the published values, one for each algorithm.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { digest, hmacSha256 } from './hash.ts';
import { type Hmac, hmacOf } from './hmac.ts';
import { keyFromBytes } from './keys.ts';

interface HmacCases {
  readonly key: string;
  readonly data: string;
  readonly cases: readonly { readonly algorithm: string; readonly mac: string }[];
}

const { key, data, cases } = readVectors<HmacCases>('hmac');

describe('a keyed digest', () => {
  it.each(cases)('of $algorithm is the published one', ({ algorithm, mac }) => {
    expect(toHex((hmacOf(algorithm) as Hmac)(keyFromBytes(fromHex(key)), fromHex(data)))).toBe(mac);
  });

  it('exists for the eight algorithms that digests exist for', () => {
    expect(cases).toHaveLength(8);
    expect(new Set(cases.map(({ algorithm }) => algorithm)).size).toBe(8);
    for (const { algorithm } of cases) expect(digest(algorithm, new Uint8Array(0))).toBeDefined();
  });

  it.each(['', 'sha256', 'SHA2-256', 'md5', 'sha2-1', '__proto__'])('of an unknown algorithm does not exist: %j', (algorithm) => {
    expect(hmacOf(algorithm)).toBeUndefined();
  });

  it('of sha2-256 is the one that tokens and leases use', () => {
    const object = keyFromBytes(fromHex(key));
    expect(toHex((hmacOf('sha2-256') as Hmac)(object, fromHex(data)))).toBe(toHex(hmacSha256(object, fromHex(data))));
  });
});
