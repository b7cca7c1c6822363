// A request as the clouds' signatures see it, and the writing of its parts that they agree on.

import { hmacSha256, hmacSha256Hex, sha256Hex } from '../../crypto/hash.ts';
import { keyFromBytes } from '../../crypto/keys.ts';

/** What a cloud gives to those who may ask it. Nothing but a signature may leave the process of `secretKey`. */
export interface AccessKeys {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Sent beside the signature with keys that were lent for a while. */
  readonly sessionToken?: string;
}

export interface UnsignedRequest {
  readonly method: string;
  readonly url: URL;
  /** By lower-case name. `host` comes from the URL. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** All headers to send, by lower-case name. */
export type SignedHeaders = Readonly<Record<string, string>>;

/** The canonical request of AWS, which Alibaba Cloud and JD Cloud write alike: a hash of it is what is signed. */
export function canonicalRequest(request: UnsignedRequest, headers: SignedHeaders): { readonly hash: string; readonly names: string } {
  const sorted = Object.keys(headers).sort();
  const names = sorted.join(';');
  const lines = sorted.map((name) => `${name}:${(headers[name] as string).trim().replace(/ +/g, ' ')}\n`);
  const query = canonicalQuery(request.url);
  const text = [request.method, request.url.pathname, query, lines.join(''), names, sha256Hex(request.body)].join('\n');
  return { hash: sha256Hex(text), names };
}

function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]) => [escaped(name), escaped(value)] as const);
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** By code unit, as all three clouds sort, and not by any language's alphabet. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** RFC 3986: everything but letters, digits and `-._~` as `%XX`. */
export function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A query that is sent as it is signed: URLSearchParams would write a blank as `+`. */
export function queryOf(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .join('&');
}

/** A key derived step by step from the secret key, one keyed hash for each part of the scope, and the signature with it. */
export function scopedSignature(secret: string, scope: readonly string[], text: string): string {
  let key: Uint8Array = Buffer.from(secret);
  for (const part of scope) key = hmacSha256(keyFromBytes(key), part);
  return hmacSha256Hex(keyFromBytes(key), text);
}

/** `20150830T123600Z`. */
export function basicTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d+/g, '');
}
