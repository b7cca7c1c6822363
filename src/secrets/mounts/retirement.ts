// What is left of a disabled mount: its leases and tokens are revoked and its entries deleted, in the background and after a crash.

import type { Log } from '../../base/log.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Leases } from '../leases/leases.ts';
import { purgePrefix } from './mounts.ts';
import { decodeTable, type MountRecord, requestPath } from './record.ts';

/** Where a mount keeps its entries; named by its id, so that moving it moves nothing. */
export function mountPrefix(uuid: string): string {
  return `logical/${uuid}/`;
}

export interface RetirementParts {
  readonly storage: Storage;
  readonly leases: Pick<Leases, 'revokePrefix'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Retirement {
  /** Returns at once. */
  retire(mount: MountRecord): void;
  /** Goes on with what an earlier process left. */
  resume(): Promise<void>;
}

/** The record of a disabled mount that is not cleared away yet: its leases still need its engine. */
export async function retiredMount(storage: Storage, uuid: string): Promise<MountRecord | undefined> {
  const stored = await storage.get(purgePrefix + uuid);
  return stored === undefined ? undefined : decodeTable(stored).mounts[0];
}

const pageSize = 256;

export function createRetirement(parts: RetirementParts): Retirement {
  const { storage, log, signal } = parts;

  const finish = async (mount: MountRecord): Promise<void> => {
    const path = requestPath(mount);
    try {
      // What cannot be taken back now stays with the leases, which try again.
      await parts.leases.revokePrefix(path, { sync: true, force: true });
      await deleteBelow(storage, mountPrefix(mount.uuid), signal);
      await storage.delete(purgePrefix + mount.uuid);
      log.info('a disabled mount was cleared away', { mount: path });
    } catch (thrown) {
      if (signal.aborted) return;
      log.error('a disabled mount could not be cleared away; it is tried again at the next start', { mount: path, error: thrown });
    }
  };

  return {
    retire: (mount) => void finish(mount),
    async resume() {
      for (const uuid of await storage.list(purgePrefix)) {
        const mount = await retiredMount(storage, uuid);
        if (mount !== undefined) await finish(mount);
      }
    },
  };
}

/** One commit per page, without recursion. */
async function deleteBelow(storage: Storage, prefix: string, signal: AbortSignal): Promise<void> {
  const levels = [prefix];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    signal.throwIfAborted();
    const page = await storage.list(level, { limit: pageSize });
    const below = page.filter((name) => name.endsWith('/'));
    const entries = page.filter((name) => !name.endsWith('/'));
    if (entries.length > 0)
      await storage.transact(async (transaction) => {
        for (const name of entries) transaction.delete(level + name);
      });
    if (below.length > 0) levels.push(level + (below[0] as string));
    else if (page.length === 0) levels.pop();
  }
}
