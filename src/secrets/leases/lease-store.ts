// What each change of a lease writes, as one commit: issuing, renewing, putting off, giving up, removing.

import type { Storage, Transaction } from '../../storage/storage.ts';
import {
  decodeLease,
  encodeDue,
  encodeLease,
  irrevocableKey,
  type LeaseRecord,
  leaseExpiryKey,
  leaseLayout,
  recordKey,
  type SecretLease,
  tokenIndexKey,
} from './lease-record.ts';

const pageSize = 64;

export async function readLease(reader: Pick<Transaction, 'get'>, leaseId: string): Promise<LeaseRecord | undefined> {
  const stored = await reader.get(recordKey(leaseId));
  return stored === undefined ? undefined : decodeLease(stored);
}

/** The lease and everything that finds it. */
export function addLease(transaction: Transaction, lease: SecretLease): void {
  transaction.put(recordKey(lease.leaseId), encodeLease(lease));
  transaction.put(leaseExpiryKey(lease), encodeDue({ format: 1, lease: lease.leaseId }));
  if (lease.tokenKey !== '') transaction.put(tokenIndexKey(lease.tokenKey, lease.leaseId), encodeDue({ format: 1, lease: lease.leaseId }));
}

/** Moves it in the index of expiry; one that was given up leaves that index for another. */
export function changeLease(transaction: Transaction, lease: SecretLease, next: SecretLease): void {
  const pointer = encodeDue({ format: 1, lease: next.leaseId });
  transaction.put(recordKey(next.leaseId), encodeLease(next));
  transaction.delete(leaseExpiryKey(lease));
  if (next.irrevocable === true) transaction.put(irrevocableKey(next.leaseId), pointer);
  else transaction.put(leaseExpiryKey(next), pointer);
}

export function removeLease(transaction: Transaction, lease: SecretLease): void {
  transaction.delete(recordKey(lease.leaseId));
  transaction.delete(leaseExpiryKey(lease));
  if (lease.tokenKey !== '') transaction.delete(tokenIndexKey(lease.tokenKey, lease.leaseId));
  if (lease.irrevocable === true) transaction.delete(irrevocableKey(lease.leaseId));
}

/** All names directly below `prefix`, in pages; what is removed meanwhile does not disturb it. */
export async function* pagesBelow(storage: Storage, prefix: string): AsyncGenerator<string[]> {
  let after: string | undefined;
  for (;;) {
    const page = await storage.list(prefix, { limit: pageSize, ...(after === undefined ? {} : { after }) });
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    after = page.at(-1);
  }
}

/** The ids of all leases below `prefix` (`""` or ending in `/`), page by page, without recursion. */
export async function* leasesBelow(storage: Storage, prefix: string): AsyncGenerator<string[]> {
  const levels = [prefix];
  for (let level = levels.pop(); level !== undefined; level = levels.pop()) {
    for await (const page of pagesBelow(storage, leaseLayout.records + level)) {
      const found: string[] = [];
      for (const name of page) (name.endsWith('/') ? levels : found).push(level + name);
      if (found.length > 0) yield found;
    }
  }
}
