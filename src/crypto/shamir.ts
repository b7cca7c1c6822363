// Shamir's secret sharing over GF(2^8), polynomial x^8+x^4+x^3+x+1, in the format of Vault: one share is y bytes and its x.

import { Fault } from '../base/fault.ts';
import type { RandomBytes } from '../base/random.ts';

/** Branch-free and without tables, so that time and cache tell nothing of the factors. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (-((b >> bit) & 1) & a) ^ (-(product >> 7) & 0x11b) ^ (product << 1);
  return product & 0xff;
}

/** a^254, which is 1/a (and 0 for 0). */
function inverse(a: number): number {
  let power = multiply(a, a);
  let result = power;
  for (let step = 0; step < 6; step++) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

/** Horner's rule, from the highest coefficient. */
function evaluate(coefficients: Uint8Array, x: number): number {
  let y = 0;
  for (let index = coefficients.length - 1; index >= 0; index--) y = multiply(y, x) ^ (coefficients[index] as number);
  return y;
}

/** `parts` shares of `secret.length + 1` bytes, of which any `threshold` give the secret back. Both lie in 2..255. */
export function split(secret: Uint8Array, parts: number, threshold: number, random: RandomBytes): Uint8Array[] {
  if (parts < threshold) throw new Fault('invalid-request', 'parts cannot be less than threshold');
  if (!Number.isInteger(parts) || !Number.isInteger(threshold) || parts > 255 || threshold < 2)
    throw new Fault('invalid-request', 'parts and threshold must lie between 2 and 255');
  if (secret.length === 0) throw new Fault('invalid-request', 'cannot split an empty secret');
  const xs = distinctCoordinates(parts, random);
  const shares = xs.map((x) => {
    const share = new Uint8Array(secret.length + 1);
    share[secret.length] = x;
    return share;
  });
  for (const [at, byte] of secret.entries()) {
    const coefficients = random(threshold);
    coefficients[0] = byte;
    for (const share of shares) share[at] = evaluate(coefficients, share[secret.length] as number);
    coefficients.fill(0);
  }
  return shares;
}

/** Shares of a wrong set give wrong bytes, not an error: whoever uses the secret finds out. */
export function combine(shares: readonly Uint8Array[]): Uint8Array {
  const length = shares[0]?.length ?? 0;
  if (shares.length < 2) throw new Fault('invalid-request', 'less than two parts cannot be used to reconstruct the secret');
  if (length < 2) throw new Fault('invalid-request', 'parts must be at least two bytes');
  if (shares.some((share) => share.length !== length)) throw new Fault('invalid-request', 'all parts must be the same length');
  const xs = shares.map((share) => share[length - 1] as number);
  if (new Set(xs).size !== xs.length || xs.includes(0)) throw new Fault('invalid-request', 'duplicate part detected');
  const weights = xs.map((x, i) =>
    xs.reduce((weight, other, j) => (i === j ? weight : multiply(weight, multiply(other, inverse(other ^ x)))), 1),
  );
  const secret = new Uint8Array(length - 1);
  for (let at = 0; at < secret.length; at++)
    for (const [i, share] of shares.entries()) secret[at] = (secret[at] as number) ^ multiply(weights[i] as number, share[at] as number);
  return secret;
}

/** A random order of 1..255, cut to length (Fisher-Yates with rejection). */
function distinctCoordinates(count: number, random: RandomBytes): number[] {
  const all = Array.from({ length: 255 }, (_, index) => index + 1);
  for (let index = all.length - 1; index > 0; index--) {
    const chosen = below(index + 1, random);
    [all[index], all[chosen]] = [all[chosen] as number, all[index] as number];
  }
  return all.slice(0, count);
}

function below(bound: number, random: RandomBytes): number {
  const limit = 256 - (256 % bound);
  for (;;) for (const byte of random(16)) if (byte < limit) return byte % bound;
}
