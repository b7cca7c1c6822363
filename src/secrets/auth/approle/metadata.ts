// What comes with a secret id as metadata, in all the forms that clients send: an object, JSON, base64 of JSON, or k=v,k=v.

import { Fault } from '../../../base/fault.ts';
import { parseJson } from '../../../base/json.ts';

/** Throws Fault `invalid-request`, without what was sent: it may be a secret that stands in the wrong place. */
export function parseMetadata(sent: unknown): Record<string, string> {
  if (sent === undefined || sent === null) return {};
  if (typeof sent !== 'string') return texts(sent);
  const text = sent.trim();
  if (text === '') return {};
  const parsed = json(text) ?? json(Buffer.from(text, 'base64').toString());
  return parsed === undefined ? pairs(text) : texts(parsed);
}

function json(text: string): unknown {
  if (!text.startsWith('{')) return undefined;
  try {
    return parseJson(text);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

function texts(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('an object is expected');
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, textOf(member)]));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (JSON.isRawJSON(value)) return value.rawJSON;
  throw bad('values must be texts');
}

function pairs(text: string): Record<string, string> {
  const parts = text.split(',').map((part) => part.trim());
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=');
      if (at < 1) throw bad('a key, = and a value are expected');
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    }),
  );
}

function bad(why: string): Fault {
  return new Fault('invalid-request', `failed to parse metadata: ${why}`);
}
