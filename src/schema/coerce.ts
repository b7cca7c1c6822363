// Tables of accepted inputs for each field word: what Vault's framework takes for a string, a number, a duration, a list.

import { parseDurationSeconds } from '../base/durations.ts';
import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';
import type { Field, FieldKind } from './fields.ts';

type Coercion = (value: unknown) => unknown;

/** Throws Fault `invalid-request`: `error converting input for field "x": …`. */
export function coerce(name: string, field: Field, value: unknown): unknown {
  try {
    return coercions[field.kind](value);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault('invalid-request', `error converting input for field ${JSON.stringify(name)}: ${thrown.message}`);
  }
}

const coercions: Readonly<Record<FieldKind, Coercion>> = {
  text,
  name: (value) => text(value).toLowerCase(),
  integer,
  bool,
  duration,
  time: text,
  texts: (value) => (value === '' ? [] : list(value, trimmed)),
  commas,
  integers: (value) => (typeof value === 'string' ? commas(value).map(integer) : list(value, integer)),
  map,
  pairs,
  any: (value) => value,
};

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  const digits = numberText(value);
  if (digits !== undefined) return digits;
  throw unconvertible('string', value);
}

/** Items of lists lose the blanks around them, as they do in Vault: ` default` is no policy of its own. */
function trimmed(value: unknown): string {
  return text(value).trim();
}

function integer(value: unknown): number {
  if (value === null || value === '') return 0;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const digits = typeof value === 'string' ? value : numberText(value);
  if (digits === undefined) throw unconvertible('int', value);
  const parsed = /^[+-]?\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isNaN(parsed)) throw new Fault('invalid-request', "'' cannot parse value as 'int': strconv.ParseInt: invalid syntax");
  if (!Number.isSafeInteger(parsed))
    throw new Fault('invalid-request', "'' cannot parse value as 'int': strconv.ParseInt: value out of range");
  return parsed;
}

const boolTexts = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False', ''].map((word) => [word, false] as const),
]);

function bool(value: unknown): boolean {
  if (value === null) return false;
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'string' ? value : numberText(value);
  if (word === undefined) throw unconvertible('bool', value);
  const parsed = boolTexts.get(word);
  if (parsed === undefined) throw new Fault('invalid-request', "'' cannot parse value as 'bool': strconv.ParseBool: invalid syntax");
  return parsed;
}

function duration(value: unknown): number {
  if (value === null) return 0;
  const input = typeof value === 'string' ? value : numberText(value);
  if (input === undefined) throw new Fault('invalid-request', 'could not parse duration from input');
  const seconds = parseDurationSeconds(input);
  if (seconds < 0) throw new Fault('invalid-request', `cannot provide negative value '${seconds}'`);
  return seconds;
}

function commas(value: unknown): string[] {
  if (typeof value !== 'string') return list(value, trimmed);
  if (value.startsWith('[')) {
    const parsed = jsonArray(value);
    if (parsed !== undefined) return list(parsed, trimmed);
  }
  return value === '' ? [] : value.split(',').map((part) => part.trim());
}

function map(value: unknown): Record<string, unknown> {
  // Languages with one kind of table for both write an empty object as a list.
  if (value === null || (Array.isArray(value) && value.length === 0)) return {};
  if (isObject(value)) return value;
  throw unconvertible('map[string]interface {}', value);
}

function pairs(value: unknown): Record<string, string> {
  if (value === null || value === '') return {};
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, text(part)]));
  const parts = typeof value === 'string' ? [value] : list(value, text);
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=');
      // What stands there may be a value whose key was forgotten: it is not shown.
      if (at < 1) throw new Fault('invalid-request', 'invalid key pair: a key, = and a value are expected');
      return [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

function list<T>(value: unknown, item: (value: unknown) => T): T[] {
  if (value === null) return [];
  return Array.isArray(value) ? value.map(item) : [item(value)];
}

function numberText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return JSON.isRawJSON(value) ? value.rawJSON : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

function jsonArray(value: string): unknown[] | undefined {
  try {
    const parsed = parseJson(value);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function unconvertible(wanted: string, value: unknown): Fault {
  return new Fault('invalid-request', `'' expected type '${wanted}', got unconvertible type '${goType(value)}'`);
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (numberText(value) !== undefined) return 'json.Number';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}
