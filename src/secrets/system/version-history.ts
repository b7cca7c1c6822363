// Which versions ran over this store: each is noted when a server of it is unsealed for the first time.

import type { Clock } from '../../base/clock.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';

export interface NotedVersion {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly installed: number;
}

export interface VersionHistory {
  /** Oldest first. */
  list(): Promise<readonly NotedVersion[]>;
  /** Adds the running version where it is not the newest. */
  note(): Promise<void>;
}

interface Stored {
  readonly format: 1;
  readonly versions: readonly NotedVersion[];
}

const key = 'core/versions';

export function createVersionHistory(parts: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly version: string;
  /** Of the store itself: what ran before versions were noted. Milliseconds since the epoch. */
  readonly founded: number;
}): VersionHistory {
  const { storage, clock, version, founded } = parts;
  const decode = (bytes: Uint8Array): Stored => decodeEntry<Stored>(bytes, 'the history of versions');
  return {
    async list() {
      const stored = await storage.get(key);
      return stored === undefined ? [{ version, installed: founded }] : decode(stored).versions;
    },
    note: () =>
      storage.transact(async (transaction) => {
        const stored = await transaction.get(key);
        const before = stored === undefined ? [] : decode(stored).versions;
        if (before.at(-1)?.version === version) return;
        const noted: NotedVersion = { version, installed: stored === undefined ? founded : clock.now() };
        transaction.put(key, encodeEntry<Stored>({ format: 1, versions: [...before.filter((one) => one.version !== version), noted] }));
      }),
  };
}
