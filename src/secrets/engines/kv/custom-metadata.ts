// Custom metadata: up to 64 strings by name, with bounded lengths.

import { Fault } from '../../../base/fault.ts';

const most = 64;
const longestName = 128;
const longestValue = 512;

export type CustomMetadata = Readonly<Record<string, string>>;

/** With `null` values kept as deletions where `patching`. Throws Fault `invalid-request`: `custom_metadata validation failed: …`. */
export function parseCustom(value: unknown, patching: boolean): Readonly<Record<string, string | null>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid("'' expected a map of strings");
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => {
      if (part === null && patching) return [name, null];
      return [name, textOf(part)];
    }),
  );
}

export function checkCustom(custom: CustomMetadata): CustomMetadata {
  const names = Object.keys(custom);
  if (names.length > most) throw invalid(`payload must contain at most ${most} keys, provided ${names.length}`);
  for (const name of names) {
    const value = custom[name] as string;
    if (name.length === 0) throw invalid('length of key "" is 0 but it must be at least 1');
    if (Buffer.byteLength(name) > longestName)
      throw invalid(`length of a key is ${Buffer.byteLength(name)} but max length is ${longestName}`);
    if (value.length === 0) throw invalid(`length of value for key ${JSON.stringify(name)} is 0 but it must be at least 1`);
    if (Buffer.byteLength(value) > longestValue)
      throw invalid(`length of value for key ${JSON.stringify(name)} is ${Buffer.byteLength(value)} but max length is ${longestValue}`);
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(name + value)) throw invalid(`key ${JSON.stringify(name)} or its value holds unprintable characters`);
  }
  return custom;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (JSON.isRawJSON(value)) return value.rawJSON;
  if (value === null) return '';
  throw invalid(
    `'' expected type 'string', got unconvertible type '${Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'}'`,
  );
}

function invalid(why: string): Fault {
  return new Fault('invalid-request', `custom_metadata validation failed: ${why}`);
}
