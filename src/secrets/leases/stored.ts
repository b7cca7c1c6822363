// The stored form of leases and tokens: JSON that starts with the version of its format.

import { Fault } from '../../base/fault.ts';

interface Versioned {
  readonly format: 1;
}

export function encodeEntry<T extends Versioned>(entry: T): Uint8Array {
  return Buffer.from(JSON.stringify(entry));
}

/** Throws Fault `corrupted` for bytes that are no entry, or one of a later version. */
export function decodeEntry<T extends Versioned>(bytes: Uint8Array, what: string): T {
  let entry: Partial<T> | null;
  try {
    entry = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as Partial<T> | null;
  } catch {
    throw new Fault('corrupted', `${what} in the store is damaged; restore it from a backup`);
  }
  if (entry?.format !== 1) throw new Fault('corrupted', `${what} was written by a newer version; start that version again`);
  return entry as T;
}
