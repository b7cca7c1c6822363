// What each change of a token writes, as one commit: making, renewing, revoking, and cutting it loose from its parent.

import type { Transaction } from '../../storage/storage.ts';
import { encodeDue, encodeLease, recordKey, tokenExpiryKey, tokenLeaseId } from '../leases/lease-record.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';
import {
  type AccessorEntry,
  accessorKey,
  childKey,
  decodeToken,
  encodeToken,
  idKey,
  revocationKey,
  type TokenEntry,
  wrappedKey,
} from './token-entry.ts';

/** What is left to do for a token that was revoked. */
export interface RevocationRecord {
  readonly format: 1;
  readonly key: string;
  /** Its children go with it, or live on as orphans. */
  readonly children: 'revoke' | 'orphan';
}

export const decodeRevocation = (bytes: Uint8Array): RevocationRecord => decodeEntry<RevocationRecord>(bytes, 'a revocation');

const empty = encodeEntry({ format: 1 });

export async function readToken(transaction: Pick<Transaction, 'get'>, key: string): Promise<TokenEntry | undefined> {
  const stored = await transaction.get(idKey(key));
  return stored === undefined ? undefined : decodeToken(stored);
}

/** The token and everything that finds it. */
export function addToken(transaction: Transaction, key: string, entry: TokenEntry): void {
  transaction.put(idKey(key), encodeToken(entry));
  transaction.put(accessorKey(entry.accessor), encodeEntry<AccessorEntry>({ format: 1, key }));
  if (entry.parent !== undefined) transaction.put(childKey(entry.parent, key), empty);
  if (entry.expires === null) return;
  const leaseId = tokenLeaseId(entry.path, key);
  transaction.put(recordKey(leaseId), encodeLease({ format: 1, kind: 'token', leaseId, tokenKey: key }));
  transaction.put(tokenExpiryKey(key, entry.expires), encodeDue({ format: 1, token: key }));
}

/** `next` differs from `entry` in what a renewal or a use may change. */
export function changeToken(transaction: Transaction, key: string, entry: TokenEntry, next: TokenEntry): void {
  transaction.put(idKey(key), encodeToken(next));
  if (entry.expires === next.expires) return;
  if (entry.expires !== null) transaction.delete(tokenExpiryKey(key, entry.expires));
  if (next.expires !== null) transaction.put(tokenExpiryKey(key, next.expires), encodeDue({ format: 1, token: key }));
}

/**
 * Makes the token useless, and writes down what hangs on it. A wrapping token takes its response along and needs no
 * record: nothing else can hang on it.
 */
export function removeToken(transaction: Transaction, key: string, entry: TokenEntry, children: RevocationRecord['children']): void {
  transaction.delete(idKey(key));
  transaction.delete(accessorKey(entry.accessor));
  if (entry.parent !== undefined) transaction.delete(childKey(entry.parent, key));
  if (entry.expires !== null) {
    transaction.delete(recordKey(tokenLeaseId(entry.path, key)));
    transaction.delete(tokenExpiryKey(key, entry.expires));
  }
  if (entry.wrapping === true) {
    transaction.delete(wrappedKey(key));
    return;
  }
  const record: RevocationRecord = { format: 1, key, children };
  transaction.put(revocationKey(key), encodeEntry(record));
}

export function orphanToken(transaction: Transaction, key: string, entry: TokenEntry): void {
  const { parent, ...rest } = entry;
  if (parent !== undefined) transaction.delete(childKey(parent, key));
  transaction.put(idKey(key), encodeToken({ ...rest, orphan: true }));
}
