// Rules that every key and prefix obeys, in all backends.

import { Fault } from '../base/fault.ts';
import { maxKeyBytes } from './storage.ts';

/** Bytes of UTF-8. Throws Fault `invalid-request` for a key that no backend takes. */
export function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (key === '' || bytes.length > maxKeyBytes) throw new Fault('invalid-request', `the path is empty or longer than ${maxKeyBytes} bytes in storage`);
  if (key.includes('\0')) throw new Fault('invalid-request', 'the path holds a NUL byte');
  return bytes;
}

/** The name directly below `prefix` that `key` belongs to: `name` or `name/`. */
export function childName(key: string, prefix: string): string {
  const slash = key.indexOf('/', prefix.length);
  return slash < 0 ? key.slice(prefix.length) : key.slice(prefix.length, slash + 1);
}

/** Byte order of UTF-8, which is not the order of JavaScript's strings above U+FFFF. */
export function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
