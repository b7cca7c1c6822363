// The path of a request: what is refused, what is redirected to its clean form, and what goes to the pipeline.

import { Fault } from '../../base/fault.ts';

export type ParsedPath =
  | { readonly kind: 'api'; readonly path: string }
  /** Sent elsewhere, as Go's mux does for `..`, `.` and `//`. */
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'unknown' }
  /** `/` itself. */
  | { readonly kind: 'root' };

const prefix = '/v1/';
// eslint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001f\u007f-\u009f\ufffe\uffff\u2028\u2029]/;

/** `raw` is the path of the request line without the query. Throws Fault `invalid-request`. */
export function parsePath(raw: string): ParsedPath {
  if (raw.startsWith(prefix) && !mayNeedCare.test(raw)) return { kind: 'api', path: raw.slice(prefix.length) };
  const decoded = decode(raw);
  if (unprintable.test(decoded)) throw new Fault('invalid-request', 'the path holds characters that cannot be printed');
  const clean = cleaned(decoded);
  if (clean !== decoded) return { kind: 'redirect', location: encodeURI(clean) };
  if (decoded === '/') return { kind: 'root' };
  if (decoded === '/ui') return { kind: 'redirect', location: '/ui/' };
  if (!decoded.startsWith(prefix)) return { kind: 'unknown' };
  return { kind: 'api', path: decoded.slice(prefix.length) };
}

/** Anything that decoding, cleaning or refusing could change. */
const mayNeedCare = /[^!-~]|[%]|\/\/|\/\.|\\/;

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new Fault('invalid-request', 'the path is not valid percent-encoded UTF-8');
  }
}

/** Go's path.Clean, which keeps a trailing slash here. */
function cleaned(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const joined = `/${kept.join('/')}`;
  return path.endsWith('/') && joined !== '/' ? `${joined}/` : joined;
}
