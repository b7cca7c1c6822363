// What a store is given once, when it is initialised: its name, its id, and the salt that hashes names which are secrets.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';

export interface Foundation {
  readonly format: 1;
  readonly clusterName: string;
  readonly clusterId: string;
  /** Hex. Token ids are stored as digests of it and the token. */
  readonly salt: string;
  /** Base64, 32 bytes: seals batch tokens, which no entry holds. */
  readonly batchKey: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
}

const key = 'core/foundation';

export async function layFoundation(
  storage: Storage,
  made: { readonly random: RandomBytes; readonly uuid: () => string; readonly now: number; readonly clusterName?: string | undefined },
): Promise<void> {
  const name = made.clusterName ?? `casemate-cluster-${Buffer.from(made.random(4)).toString('hex')}`;
  const foundation: Foundation = {
    format: 1,
    clusterName: name,
    clusterId: made.uuid(),
    salt: Buffer.from(made.random(32)).toString('hex'),
    batchKey: Buffer.from(made.random(32)).toString('base64'),
    created: made.now,
  };
  await storage.put(key, encodeEntry(foundation));
}

/** Throws Fault `corrupted` when it is missing: without the salt no token can be found. */
export async function readFoundation(storage: Storage): Promise<Foundation> {
  const stored = await storage.get(key);
  if (stored === undefined) throw new Fault('corrupted', 'the store has lost its foundation entry; restore it from a backup');
  return decodeEntry<Foundation>(stored, 'the foundation entry');
}
