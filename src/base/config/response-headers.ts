// Headers that an operator adds to answers: for all of them, for a hundred of statuses, or for one status.

import type { HclItem, HclValue } from '../hcl/parser.ts';
import type { Kind } from './kind.ts';

/** By `default`, `2xx` or `404`; names as they were written. */
export type ResponseHeaders = Readonly<Record<string, Readonly<Record<string, string>>>>;

const statuses = /^(?:default|[1-5]xx|[1-5]\d\d)$/;
/** What the server says itself: an answer that lies about its own length or kind is worse than none. */
const reserved = /^(?:x-vault-.*|content-length|content-type|transfer-encoding|connection|date|cache-control)$/i;
const headerName = /^[A-Za-z0-9!#$%&'*+.^_|~-]+$/;
/** What would end the header's line, or is not Latin-1. */
const unprintable = /[^\t\u0020-\u007e\u0080-\u00ff]/;

export const responseHeaders: Kind<ResponseHeaders> = {
  allowed:
    '{ "default" = { "Name" = ["value"] } }, with default, 2xx and the like, or a status; X-Vault-* and what describes the body are the server\'s own to set',
  of: (value) => {
    const sets = entriesOf(value);
    if (sets === undefined) return undefined;
    const found: Record<string, Readonly<Record<string, string>>> = {};
    for (const { keys, value: set } of sets) {
      const headers = headersOf(set);
      const [status = ''] = keys;
      if (keys.length !== 1 || !statuses.test(status) || headers === undefined) return undefined;
      found[status] = { ...found[status], ...headers };
    }
    return found;
  },
};

function headersOf(value: HclValue): Record<string, string> | undefined {
  const entries = entriesOf(value);
  if (entries === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const { keys, value: given } of entries) {
    const [name = ''] = keys;
    const text = textOf(given);
    if (keys.length !== 1 || !headerName.test(name) || name === '__proto__' || reserved.test(name) || text === undefined) return undefined;
    headers[name] = text;
  }
  return headers;
}

/** As in Vault several values are joined by a semicolon. */
function textOf(value: HclValue): string | undefined {
  const items = value.kind === 'list' ? value.items : [value];
  const parts = items.map((item) => (item.kind === 'string' ? item.text.trim() : undefined));
  if (parts.some((part) => part === undefined || unprintable.test(part))) return undefined;
  return parts.filter(Boolean).join('; ');
}

/** A stanza that stands several times is a list of objects. */
function entriesOf(value: HclValue): readonly HclItem[] | undefined {
  if (value.kind === 'object') return value.items;
  if (value.kind !== 'list') return undefined;
  const parts = value.items.map(entriesOf);
  return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
}
