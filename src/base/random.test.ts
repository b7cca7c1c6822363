// Random names: every character is as likely as every other.

import { describe, expect, it } from 'vitest';
import { randomBase62 } from './random.ts';

describe('a base 62 name', () => {
  it.each([0, 1, 24, 95])('has the length that was asked for: %d', (length) => {
    const bytes = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    for (let round = 0; round < 50; round++) expect(randomBase62(bytes, length)).toMatch(new RegExp(`^[0-9A-Za-z]{${length}}$`));
  });

  it('takes four byte values for each character and throws the other eight away', () => {
    // The bytes that are thrown away come in the middle.
    let next = 100;
    const everyByte = (count: number) => Uint8Array.from({ length: count }, () => next++ % 256);
    const name = randomBase62(everyByte, 248);
    const counts = new Map<string, number>();
    for (const character of name) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(62);
    expect([...counts.values()].every((count) => count === 4)).toBe(true);
  });

  it('draws again as long as bytes have to be thrown away', () => {
    let draws = 0;
    const late = (count: number) => new Uint8Array(count).fill(++draws < 3 ? 255 : 61);
    expect(randomBase62(late, 5)).toBe('zzzzz');
    expect(draws).toBe(3);
  });

  it('is not the same twice', () => {
    const bytes = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    expect(new Set(Array.from({ length: 1000 }, () => randomBase62(bytes, 24))).size).toBe(1000);
  });
});
