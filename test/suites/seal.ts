// A store and the keeper over it, as a server wires them; a new one over the same store is a restart.

import { systemClock } from '../../src/base/clock.ts';
import { systemRandom, systemUuid } from '../../src/crypto/random.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';
import { type Barrier, openBarrier } from '../../src/secrets/barrier/barrier.ts';
import { createKeeper, type InitialShares, type Keeper } from '../../src/secrets/seal/keeper.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { bytes } from './storage-values.ts';

export interface Kept {
  readonly barrier: Barrier;
  readonly keeper: Keeper;
}

export function keptOver(storage: Storage, backend?: KeyBackend): Kept {
  const barrier = openBarrier({ storage, random: systemRandom, clock: systemClock });
  return { barrier, keeper: createKeeper({ storage, barrier, backend, random: systemRandom, uuid: systemUuid }) };
}

export function wanting(wanted: Partial<InitialShares>): InitialShares {
  return { shares: undefined, threshold: undefined, recoveryShares: undefined, recoveryThreshold: undefined, ...wanted };
}

/** Initialises with an entry `secret/a` of value `kept`; gives the shares. */
export async function initialised({ keeper, barrier }: Kept, wanted: Partial<InitialShares>): Promise<readonly Uint8Array[]> {
  const { keys, recoveryKeys } = await keeper.initialize(wanting(wanted), () => barrier.put('secret/a', bytes('kept')));
  return keys.length > 0 ? keys : recoveryKeys;
}
