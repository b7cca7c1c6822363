// Many items in one request: checked before the first is worked on, worked on in order, the event loop let go in between.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault } from '../../../base/fault.ts';
import type { Answer } from '../../core/engine.ts';
import type { Circumstances } from './cipher.ts';

/** Where a field is absent, null or empty, it is the same to most operations. */
export interface Item extends Circumstances {
  readonly plaintext?: string;
  readonly ciphertext?: string | null;
  readonly input?: string | null;
  readonly hmac?: string | null;
  readonly signature?: string | null;
  readonly reference?: string | null;
}

const textFields = new Set(['plaintext', 'ciphertext', 'input', 'hmac', 'signature', 'context', 'associated_data', 'reference']);
/** A request of 32 MiB holds no more items of a sensible size. */
const mostItems = 50_000;

/** Throws Fault `invalid-request` for what is no list of items, naming the item and never showing what stands in it. */
export function parseItems(given: unknown, required?: 'plaintext' | 'ciphertext'): readonly Item[] {
  if (!Array.isArray(given)) throw malformed(`source data must be an array or slice, got ${kindOf(given)}`);
  if (given.length === 0) throw new Fault('invalid-request', 'missing batch input to process');
  if (given.length > mostItems) throw new Fault('invalid-request', `batch_input may hold ${mostItems} items, not ${given.length}`);
  for (let index = 0; index < given.length; index++) checkItem(given[index], index, required);
  return given as readonly Item[];
}

function checkItem(item: unknown, index: number, required: 'plaintext' | 'ciphertext' | undefined): void {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw malformed(`[${index}] expected a map, got '${kindOf(item)}'`);
  const fields = item as Readonly<Record<string, unknown>>;
  if (required !== undefined && fields[required] === undefined)
    throw malformed(`'[${index}].${required}' missing ${required} to ${required === 'plaintext' ? 'encrypt' : 'decrypt'}`);
  // Few fields are there, and looking for each that could be costs as much as a tenth of the encryption.
  for (const field in fields) {
    const value = fields[field];
    if (typeof value === 'string' || !textFields.has(field) || (value === null && field !== 'plaintext')) continue;
    throw malformed(`'[${index}].${field}' expected type 'string', got unconvertible type '${kindOf(value)}'`);
  }
  const version = fields['key_version'];
  if (version == null || Number.isSafeInteger(version)) return;
  throw malformed(`'[${index}].key_version' expected type 'int', got unconvertible type '${kindOf(version)}'`);
}

function malformed(why: string): Fault {
  return new Fault('invalid-request', `failed to parse batch input: ${why}`);
}

function kindOf(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' || JSON.isRawJSON(value) ? 'json.Number' : 'map[string]interface {}';
}

/** Whether the items have a context. Throws Fault `invalid-request` when some have and some have not. */
export function haveContext(items: readonly Item[]): boolean {
  const first = isSet(items[0]?.context);
  if (items.some(({ context }) => isSet(context) !== first))
    throw new Fault('invalid-request', 'context should be set either in all the request blocks or in none');
  return first;
}

function isSet(text: string | null | undefined): boolean {
  return text != null && text !== '';
}

/** What an item counts, in characters of its text: about as long as that many take to encrypt. */
const itemCost = 1024;
/** Between two looks at the event loop: one or two milliseconds of work. */
const turnCost = 256 * itemCost;

export interface Worked<R> {
  readonly results: readonly (R & { readonly reference: string })[];
  readonly succeeded: number;
}

/** `work` throws Fault `invalid-request` for an item that is wrong; its result is then what `failed` makes of the text. */
export async function workThrough<R extends object>(
  items: readonly Item[],
  work: (item: Item) => R,
  failed: (error: string) => R,
): Promise<Worked<R>> {
  const results: (R & { readonly reference: string })[] = [];
  let succeeded = 0;
  let spent = 0;
  for (const item of items) {
    spent += itemCost + (item.plaintext ?? item.ciphertext ?? item.input ?? '').length;
    if (spent > turnCost) {
      spent = 0;
      await nextTurn();
    }
    let result: R;
    try {
      result = work(item);
      succeeded += 1;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== 'invalid-request') throw thrown;
      result = failed(thrown.message);
    }
    results.push({ ...result, reference: item.reference ?? '' });
  }
  return { results, succeeded };
}

/** 400 when an item failed, or what the client asked for in that case where others did not fail. */
export function batchAnswer({ results, succeeded }: Worked<object>, partialFailure: number | undefined): Answer {
  const data = { batch_results: results };
  if (succeeded === results.length) return { data };
  if (partialFailure === undefined || succeeded === 0) return { status: 400, data };
  if (canCarryResults(partialFailure)) return { status: partialFailure, data };
  const warning = 'invalid HTTP response code override from partial_failure_response_code, reverting to 400';
  return { status: 400, data, warnings: [warning] };
}

/** Final, and with a body. */
function canCarryResults(status: number): boolean {
  return status >= 200 && status <= 599 && status !== 204 && status !== 205 && status !== 304;
}
