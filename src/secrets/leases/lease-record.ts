// What is stored of a lease: its record, the index by token, the index by time of expiry, and the keys of all three.

import { sha256Hex } from '../../crypto/hash.ts';
import { decodeEntry, encodeEntry } from './stored.ts';

/** Times in milliseconds since the epoch, TTLs in seconds. */
export interface SecretLease {
  readonly format: 1;
  readonly kind: 'secret';
  readonly leaseId: string;
  /** Of the request that was answered with the secret. */
  readonly path: string;
  readonly mountUuid: string;
  readonly tokenKey: string;
  /** What the engine needs in order to take the secret back. */
  readonly internal: Readonly<Record<string, unknown>>;
  readonly issued: number;
  readonly expires: number;
  readonly ttl: number;
  readonly maxTtl: number;
  readonly renewable: boolean;
  readonly lastRenewal?: number;
  /** Set when it is to be revoked before, or again after, it expired. Nothing renews it any more. */
  readonly retryAt?: number;
  /** Attempts to revoke it that failed. */
  readonly attempts?: number;
  readonly revokeError?: string;
  /** Given up; only an operator can end it. */
  readonly irrevocable?: true;
}

/** A token's lease points to the token: its times stand there and nowhere else. */
export interface TokenLease {
  readonly format: 1;
  readonly kind: 'token';
  readonly leaseId: string;
  readonly tokenKey: string;
}

export type LeaseRecord = SecretLease | TokenLease;

/** What an entry of the expiry index names. */
export type Due = { readonly format: 1; readonly lease: string } | { readonly format: 1; readonly token: string };

export const leaseLayout = {
  records: 'sys/lease/record/',
  byToken: 'sys/lease/token/',
  byExpiry: 'sys/lease/expiry/',
  irrevocable: 'sys/lease/irrevocable/',
} as const;

export function recordKey(leaseId: string): string {
  return leaseLayout.records + leaseId;
}

/** Lease ids hold whole paths, which would not fit behind another key: the indexes name them by digest. */
export function tokenIndexKey(tokenKey: string, leaseId: string): string {
  return `${leaseLayout.byToken}${tokenKey}/${sha256Hex(leaseId)}`;
}

export function irrevocableKey(leaseId: string): string {
  return leaseLayout.irrevocable + sha256Hex(leaseId);
}

/** Padded, so that the order of keys is the order of time. */
export function expiryLevel(milliseconds: number): string {
  return `${String(Math.max(0, Math.floor(milliseconds))).padStart(15, '0')}/`;
}

/** When the lease is to be revoked, next or at all. */
export function dueAt(lease: Pick<SecretLease, 'expires' | 'retryAt'>): number {
  return lease.retryAt ?? lease.expires;
}

export function leaseExpiryKey(lease: Pick<SecretLease, 'leaseId' | 'expires' | 'retryAt'>): string {
  return leaseLayout.byExpiry + expiryLevel(dueAt(lease)) + sha256Hex(lease.leaseId);
}

export function tokenExpiryKey(tokenKey: string, expires: number): string {
  return leaseLayout.byExpiry + expiryLevel(expires) + tokenKey;
}

export function tokenLeaseId(path: string, tokenKey: string): string {
  return `${path}/h${tokenKey}`;
}

export const encodeLease = (record: LeaseRecord): Uint8Array => encodeEntry(record);
export const decodeLease = (bytes: Uint8Array): LeaseRecord => decodeEntry<LeaseRecord>(bytes, 'a lease');
export const encodeDue = (due: Due): Uint8Array => encodeEntry(due);
export const decodeDue = (bytes: Uint8Array): Due => decodeEntry<Due>(bytes, 'an entry of the expiry index');
