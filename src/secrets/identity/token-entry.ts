// What is stored of a token, and under which keys. The token itself is never stored, only a salted digest of it.

import { sha256Hex } from '../../crypto/hash.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';

/** Times in milliseconds since the epoch, TTLs in seconds (0: not set). */
export interface TokenEntry {
  readonly format: 1;
  readonly accessor: string;
  /** Sorted. */
  readonly policies: readonly string[];
  /** Of the request that made it: `auth/token/create`, `auth/userpass/login/ann`. */
  readonly path: string;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly displayName: string;
  /** Uses left; 0 is without limit, `lastUse` while the last one is being served. */
  readonly numUses: number;
  readonly orphan: boolean;
  /** Key of the token that made it. */
  readonly parent?: string;
  readonly created: number;
  /** As it was created with. */
  readonly ttl: number;
  /** As it was granted last; a renewal that asks for nothing gets this again. */
  readonly leaseTtl: number;
  /** Of the auth method's role. */
  readonly maxTtl: number;
  readonly explicitMaxTtl: number;
  readonly period: number;
  /** null: never. */
  readonly expires: number | null;
  readonly renewable: boolean;
  readonly lastRenewal?: number;
  readonly type: 'service' | 'batch';
  /** Token role that it was made from. */
  readonly role?: string;
  readonly entityId: string;
  /** Of a login: the mount that made it, and what its method wants to know when the token is renewed. */
  readonly login?: { readonly mount: string; readonly internal: Readonly<Record<string, unknown>> };
  readonly boundCidrs?: readonly string[];
  /** It holds a wrapped response. */
  readonly wrapping?: true;
}

export interface FoundToken {
  /** Hex SHA-256 of the store's salt and the token. */
  readonly key: string;
  readonly entry: TokenEntry;
}

/** `numUses` of a token whose last use is being served: it is shown, and refused to everybody else. */
export const lastUse = -1;

export const tokenLayout = {
  ids: 'sys/token/id/',
  accessors: 'sys/token/accessor/',
  children: 'sys/token/parent/',
  roles: 'sys/token/role/',
  revocations: 'sys/revocation/',
  wrapped: 'sys/wrapping/',
} as const;

export function tokenKey(salt: string, token: string): string {
  return sha256Hex(salt + token);
}

export function idKey(key: string): string {
  return tokenLayout.ids + key;
}

export function accessorKey(accessor: string): string {
  return tokenLayout.accessors + accessor;
}

export function childKey(parent: string, child: string): string {
  return `${tokenLayout.children}${parent}/${child}`;
}

export function revocationKey(key: string): string {
  return tokenLayout.revocations + key;
}

export function wrappedKey(key: string): string {
  return tokenLayout.wrapped + key;
}

export interface AccessorEntry {
  readonly format: 1;
  readonly key: string;
}

export const encodeToken = (entry: TokenEntry): Uint8Array => encodeEntry(entry);
export const decodeToken = (bytes: Uint8Array): TokenEntry => decodeEntry<TokenEntry>(bytes, 'a token');
export const decodeAccessor = (bytes: Uint8Array): AccessorEntry => decodeEntry<AccessorEntry>(bytes, 'an accessor');
