// The text of a ciphertext, `vault:v<version>:<base64>`, taken apart.

import { Fault } from '../../../base/fault.ts';
import { base64Bytes } from './base64.ts';

const prefix = 'vault:v';

export interface Parsed {
  readonly version: number;
  /** Where the base64 starts. */
  readonly at: number;
}

/** Throws Fault `invalid-request`; `what` is what its text calls it. */
export function parseFrame(text: string, what: string): Parsed {
  if (!text.startsWith(prefix)) throw new Fault('invalid-request', `invalid ${what}: no prefix`);
  const colon = text.indexOf(':', prefix.length);
  if (colon < 0) throw new Fault('invalid-request', `invalid ${what}: wrong number of fields`);
  const digits = text.slice(prefix.length, colon);
  const version = /^[+-]?\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(version)) throw new Fault('invalid-request', `invalid ${what}: version number could not be decoded`);
  return { version, at: colon + 1 };
}

/** The bytes behind the frame. Throws Fault `invalid-request`. */
export function sealedBytes(text: string, { at }: Parsed): Buffer {
  const bytes = base64Bytes(text.slice(at));
  if (bytes === undefined) throw new Fault('invalid-request', 'invalid ciphertext: could not decode base64');
  return bytes;
}
