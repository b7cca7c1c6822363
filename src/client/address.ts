// Where a server is, and the URL of a path on it, written as Go's clients write it: errors and curl lines show it.

import { posix } from 'node:path';
import { Fault } from '../base/fault.ts';

/** Values of one parameter; several are sent as several parameters. */
export type Query = Readonly<Record<string, string | readonly string[]>>;

export interface Address {
  /** `http://host:port`, without a path and without user information. */
  readonly origin: string;
  /** Path in front of `/v1`, without a trailing slash; usually empty. */
  readonly prefix: string;
  /** Path of the unix socket, for an address `unix:///run/server.sock`. */
  readonly socket?: string;
}

/** Throws Fault `usage` in one sentence. */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix://')) return { origin: 'http://localhost', prefix: '', socket: text.slice('unix://'.length) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '')
    throw new Fault('usage', `the address ${JSON.stringify(text)} is no URL such as https://127.0.0.1:8200`);
  return { origin: `${url.protocol}//${url.host}`, prefix: url.pathname.replace(/\/+$/, '') };
}

/** URL of an API path (`sys/mounts`). `..` and doubled slashes are resolved, parameters sorted, as Go does. */
export function urlOf(address: Address, path: string, query: Query = {}): string {
  const joined = posix.join('/v1', path.replace(/\/+$/, '')).split('/').map(escapeSegment).join('/');
  const parameters = new URLSearchParams();
  for (const name of Object.keys(query).sort())
    for (const value of [query[name] as string | readonly string[]].flat()) parameters.append(name, value);
  const search = parameters.toString();
  return `${address.origin}${address.prefix}${joined}${search === '' ? '' : `?${search}`}`;
}

/** Go (net/url, encodePath): escapes `!'()*[]`, which JavaScript does not, and leaves `$&+,:;=@`, which JavaScript does not either. */
function escapeSegment(segment: string): string {
  return encodeURIComponent(segment)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent);
}
