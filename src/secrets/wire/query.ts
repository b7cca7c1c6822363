// Query strings and form bodies as request data: one value is a string, several are an array.

import { Fault } from '../../base/fault.ts';

export type FormData = Record<string, string | string[]>;

/** Throws Fault `invalid-request` for broken percent-encoding. */
export function parseForm(text: string): FormData {
  const data: FormData = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const before = Object.hasOwn(data, name) ? data[name] : undefined;
    set(data, name, before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]);
  }
  return data;
}

function set(data: FormData, name: string, value: string | string[]): void {
  Object.defineProperty(data, name, { value, enumerable: true, configurable: true, writable: true });
}

const trues = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falses = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False', '']);

/** Go's strconv.ParseBool; the answer to anything else has no text. */
export function parseGoBool(value: string): boolean {
  if (trues.has(value)) return true;
  if (falses.has(value)) return false;
  throw new Fault('invalid-request', '');
}
