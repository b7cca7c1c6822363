// The address of a KMS plugin, read as kube-apiserver reads it: which texts it takes, and which socket it then opens.

import { isIPv6 } from 'node:net';

export interface Endpoint {
  /** Path of the socket; begins with `@` for an abstract one; empty where the text names none, which kube-apiserver takes all the same. */
  readonly socket: string;
  /** What stands between `unix://` and the next slash: it is ignored. */
  readonly host: string;
}

/** undefined for what kube-apiserver refuses. Source: Go 1.26, net/url, and k8s.io/kms, pkg/util. */
export function endpointOf(text: string): Endpoint | undefined {
  const url = parseUrl(text);
  if (url?.scheme !== 'unix' || !isDialable(url.path)) return undefined;
  return { socket: url.path.startsWith('/@') ? url.path.slice(1) : url.path, host: url.authority };
}

interface Url {
  readonly scheme: string;
  readonly authority: string;
  /** Decoded. */
  readonly path: string;
}

/** Below the space, and DEL. */
const control = /[\p{Cc}]/u;

function parseUrl(text: string): Url | undefined {
  const cut = text.indexOf('#');
  const [whole, fragment] = cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
  const [, scheme, after] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(whole) ?? [];
  if (scheme === undefined || after === undefined || control.test(whole) || decoded(fragment) === undefined) return undefined;
  const rest = after.split('?', 1)[0] as string;
  // Go takes `unix:name` for an address without a path.
  if (!rest.startsWith('/')) return { scheme: scheme.toLowerCase(), authority: '', path: '' };
  const [, authority = '', encoded = ''] = /^\/\/([^/]*)(.*)$/s.exec(rest) ?? ['', '', rest];
  const path = decoded(encoded);
  return path === undefined || !isAuthority(authority) ? undefined : { scheme: scheme.toLowerCase(), authority, path };
}

/** gRPC reads the path as part of a URL once more. */
function isDialable(path: string): boolean {
  const cut = path.indexOf('#');
  const [whole, fragment] = cut < 0 ? [path, ''] : [path.slice(0, cut), path.slice(cut + 1)];
  return !control.test(whole) && decoded(whole.split('?', 1)[0] as string) !== undefined && decoded(fragment) !== undefined;
}

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? '' : authority.slice(0, at);
  return /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) && decoded(user) !== undefined && isHost(authority.slice(at + 1));
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) {
    const [, address, port] = /^\[([^[\]]*)\]((?::\d*)?)$/.exec(host) ?? [];
    return address !== undefined && port !== undefined && isIPv6(address.replace('%25', '%'));
  }
  const colon = host.lastIndexOf(':');
  if (colon >= 0 && !/^:\d*$/.test(host.slice(colon))) return false;
  // Percent signs are for bytes beyond ASCII here; `%25` is let through.
  return /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\]<>"]|[\u0080-\uffff]|%(?:25|[89A-Fa-f][0-9A-Fa-f]))*$/.test(host);
}

function decoded(text: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}
