// Rules that every key obeys in all backends, and the order in which keys stand.

import { Fault } from '../base/fault.ts';
import { maxKeyBytes } from './storage.ts';

/**
 * Throws Fault `invalid-request` for a key that no backend takes: empty, too long, with NUL, or with half a surrogate pair
 * (which has no UTF-8 of its own: two such keys would fall together).
 */
export function checkKey(key: string): void {
  if (key === '') throw new Fault('invalid-request', 'the path is empty in storage');
  // A UTF-16 unit takes one to three bytes, so most keys need no count.
  if (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes)
    throw new Fault('invalid-request', `the path is longer than ${maxKeyBytes} bytes in storage`);
  if (key.includes('\0')) throw new Fault('invalid-request', 'the path holds a NUL byte');
  if (!key.isWellFormed()) throw new Fault('invalid-request', 'the path is not valid Unicode');
}

/** Throws Fault `invalid-request` for a prefix that is neither `""` nor ends in `/`. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '' && !prefix.endsWith('/')) throw new Fault('invalid-request', 'only a path that ends in / can be listed in storage');
}

/** The name directly below `prefix` that `key` belongs to: `name`, or `name/` for a level. */
export function childName(key: string, prefix: string): string {
  const slash = key.indexOf('/', prefix.length);
  return slash < 0 ? key.slice(prefix.length) : key.slice(prefix.length, slash + 1);
}

/** Byte order of UTF-8, which is the order of code points and not that of JavaScript's strings above U+FFFF. */
export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const left = one.charCodeAt(index);
    const right = other.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return one.length - other.length;
}

/** Surrogates stand for code points above all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
