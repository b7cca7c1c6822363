// Secret sharing: shares of OpenBao, a plain second implementation, every subset, and what fewer shares tell: nothing.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { Fault } from '../base/fault.ts';
import { systemRandom } from './random.ts';
import { combine, split } from './shamir.ts';

interface ShamirCases {
  readonly cases: readonly { readonly secret: string; readonly threshold: number; readonly shares: readonly string[] }[];
}

const { cases } = readVectors<ShamirCases>('openbao-shamir');

/** GF(2^8) by tables over the generator 3: easy to check, and slow to nobody's harm here. */
const exponents: number[] = [];
const logarithms: number[] = [];
for (let power = 0, value = 1; power < 255; power++) {
  exponents[power] = value;
  logarithms[value] = power;
  const doubled = value << 1;
  value ^= doubled > 255 ? doubled ^ 0x11b : doubled;
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : (exponents[((logarithms[a] as number) + (logarithms[b] as number)) % 255] as number);
}

function over(a: number, b: number): number {
  return a === 0 ? 0 : (exponents[((logarithms[a] as number) - (logarithms[b] as number) + 255) % 255] as number);
}

/** The value at x of the polynomial of lowest degree through the points (Lagrange). */
function interpolate(points: readonly (readonly [number, number])[], x: number): number {
  return points.reduce((sum, [xi, yi]) => {
    const term = points.reduce((product, [xj]) => (xj === xi ? product : times(product, over(x ^ xj, xi ^ xj))), yi);
    return sum ^ term;
  }, 0);
}

const x = (share: Uint8Array) => share[share.length - 1] as number;

function combinedPlainly(shares: readonly Uint8Array[]): Uint8Array {
  const length = (shares[0] as Uint8Array).length - 1;
  return Uint8Array.from({ length }, (_, at) =>
    interpolate(
      shares.map((share) => [x(share), share[at] as number] as const),
      0,
    ),
  );
}

function subsets<T>(all: readonly T[]): T[][] {
  return Array.from({ length: 2 ** all.length }, (_, mask) => all.filter((_item, index) => mask & (1 << index)));
}

const bytes = (length: number) => Uint8Array.from(systemRandom(length));

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).code).toBe('invalid-request');
    return (thrown as Fault).message;
  }
  throw new Error('nothing was refused');
}

describe("OpenBao's shares", () => {
  it.each(cases)('give the secret back: $threshold of them', ({ secret, threshold, shares }) => {
    const all = shares.map(fromHex);
    expect(toHex(combine(all.slice(0, threshold)))).toBe(secret);
    expect(toHex(combine(all.slice(-threshold).reverse()))).toBe(secret);
    expect(toHex(combine(all))).toBe(secret);
    expect(toHex(combinedPlainly(all.slice(-threshold)))).toBe(secret);
  });

  it('are eight sets', () => expect(cases).toHaveLength(8));
});

describe('split and combine', () => {
  it.each([
    [2, 2, 1],
    [2, 2, 32],
    [3, 2, 32],
    [5, 3, 16],
    [5, 3, 31],
    [5, 5, 33],
    [10, 7, 64],
    [127, 64, 8],
    [128, 128, 3],
    [254, 2, 5],
    [254, 254, 1],
    [255, 2, 32],
    [255, 254, 1],
    [255, 255, 2],
  ])('agree with the plain implementation: %d shares, %d needed, %d bytes', (parts, threshold, length) => {
    const secret = bytes(length);
    const shares = split(secret, parts, threshold, systemRandom);
    expect(shares).toHaveLength(parts);
    expect(new Set(shares.map(x)).size).toBe(parts);
    expect(shares.every((share) => share.length === length + 1 && x(share) !== 0)).toBe(true);
    const [first, last] = [shares.slice(0, threshold), shares.slice(-threshold)];
    for (const enough of [first, last, shares]) expect(toHex(combine(enough))).toBe(toHex(secret));
    expect(toHex(combinedPlainly(last))).toBe(toHex(secret));
    // All shares lie on one polynomial: those left over are where the first ones say.
    for (const share of shares.slice(threshold, threshold + 5))
      expect(
        interpolate(
          first.map((known) => [x(known), known[0] as number] as const),
          x(share),
        ),
      ).toBe(share[0]);
  });

  it('give the secret to every subset of three or more out of five, and to no other', () => {
    const secret = bytes(32);
    const shares = split(secret, 5, 3, systemRandom);
    let [enough, tooFew] = [0, 0];
    for (const subset of subsets(shares)) {
      if (subset.length < 2) continue;
      const same = toHex(combine(subset)) === toHex(secret);
      expect(same).toBe(subset.length >= 3);
      if (same) enough += 1;
      else tooFew += 1;
    }
    expect([enough, tooFew]).toStrictEqual([16, 10]);
  });

  it('tell nothing of the secret with a share too few: every secret fits', () => {
    const [one, two] = split(Uint8Array.of(0x5a), 3, 3, systemRandom) as [Uint8Array, Uint8Array];
    const third = [1, 2, 3].find((candidate) => candidate !== x(one) && candidate !== x(two)) as number;
    const secrets = Array.from({ length: 256 }, (_, y) => combine([one, two, Uint8Array.of(y, third)])[0]);
    expect(new Set(secrets).size).toBe(256);
  });

  it('draw coordinates in a random order', () => {
    const first = Array.from({ length: 200 }, () => x(split(Uint8Array.of(1), 2, 2, systemRandom)[0] as Uint8Array));
    expect(new Set(first).size).toBeGreaterThan(80);
  });

  it('hide the secret from the first share on: no share is the secret itself', () => {
    const secret = bytes(32);
    for (const share of split(secret, 5, 2, systemRandom)) expect(toHex(share)).not.toContain(toHex(secret));
  });

  it('leave the secret, the shares and the coefficients alone: the last are wiped', () => {
    const secret = bytes(8);
    const before = toHex(secret);
    const drawn: Uint8Array[] = [];
    const shares = split(secret, 3, 3, (count) => {
      const made = systemRandom(count);
      drawn.push(made);
      return made;
    });
    const kept = shares.map(toHex);
    combine(shares);
    expect(toHex(secret)).toBe(before);
    expect(shares.map(toHex)).toStrictEqual(kept);
    const coefficients = drawn.filter((buffer) => buffer.length === 3);
    expect(coefficients).toHaveLength(8);
    expect(coefficients.every((buffer) => buffer.every((byte) => byte === 0))).toBe(true);
  });
});

describe('what is refused', () => {
  it.each([
    [4, 5, 'parts cannot be less than threshold'],
    [256, 3, 'parts and threshold must lie between 2 and 255'],
    [5, 1, 'parts and threshold must lie between 2 and 255'],
    [5, 0, 'parts and threshold must lie between 2 and 255'],
    [1, 1, 'parts and threshold must lie between 2 and 255'],
    [5, -3, 'parts and threshold must lie between 2 and 255'],
    [5.5, 3, 'parts and threshold must lie between 2 and 255'],
    [5, 2.5, 'parts and threshold must lie between 2 and 255'],
    [Number.NaN, 3, 'parts and threshold must lie between 2 and 255'],
  ])('%d shares of which %d are needed', (parts, threshold, message) => {
    expect(refusal(() => split(bytes(4), parts, threshold, systemRandom))).toBe(message);
  });

  it('a secret of no bytes', () => {
    expect(refusal(() => split(new Uint8Array(0), 5, 3, systemRandom))).toBe('cannot split an empty secret');
  });

  it.each<[string, readonly string[]]>([
    ['less than two parts cannot be used to reconstruct the secret', []],
    ['less than two parts cannot be used to reconstruct the secret', ['0101']],
    ['parts must be at least two bytes', ['01', '02']],
    ['parts must be at least two bytes', ['', '']],
    ['all parts must be the same length', ['0101', '010102']],
    ['duplicate part detected', ['0101', '0201']],
    ['duplicate part detected', ['0101', '0102', '0102']],
    ['duplicate part detected', ['0100', '0102']],
  ])('%s: %j', (message, shares) => {
    expect(refusal(() => combine(shares.map(fromHex)))).toBe(message);
  });
});
