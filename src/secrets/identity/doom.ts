// Tokens that are revoked though nobody has come to them yet: with all of their prefix, or with one of those who made them.

import type { Storage } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { tokenLeaseId } from '../leases/lease-record.ts';
import { decodeToken, idKey, revocationKey, type TokenEntry } from './token-entry.ts';
import { decodeRevocation, readToken } from './token-store.ts';

export interface DoomParts {
  readonly storage: Storage;
  readonly cached: Cached;
  /** Whether everything below a prefix that this lease lies in is being revoked, and it was there already. */
  readonly isRevoked?: (leaseId: string, issued: number) => boolean | Promise<boolean>;
}

/** Asked with every request: where all entries are remembered, it reads nothing from the store. */
export function createDoom({ storage, cached, isRevoked }: DoomParts): (key: string, entry: TokenEntry) => Promise<boolean> {
  /** The parent of `child` is not there: was it revoked with its children, or do they live on as orphans? */
  const goesWithParent = async (child: string, parent: string): Promise<boolean> => {
    const record = await storage.get(revocationKey(parent));
    if (record !== undefined) return decodeRevocation(record).children === 'revoke';
    // All is finished: what is still there was cut loose.
    const now = await readToken(storage, child);
    return now === undefined || now.parent === parent;
  };
  return async (key, entry) => {
    const revoked = isRevoked?.(tokenLeaseId(entry.path, key), entry.created) ?? false;
    if (typeof revoked === 'boolean' ? revoked : await revoked) return true;
    for (let [child, { parent }] = [key, entry]; parent !== undefined; ) {
      const found = cached(idKey(parent), decodeToken);
      const above = found instanceof Promise ? await found : found;
      if (above === undefined) return goesWithParent(child, parent);
      [child, parent] = [parent, above.parent];
    }
    return false;
  };
}
