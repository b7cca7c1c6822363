// The mark of an initialisation that has not ended: what may be cleared away, and who may still write.

import { Fault } from '../../base/fault.ts';
import type { Transaction } from '../../storage/storage.ts';

/** Outside of the barrier. There from the first write of an initialisation until its last. */
export const foundingKey = 'core/founding';

/** Makes room for a new store. Throws Fault `conflict`, and clears nothing, when what stands there is no unfinished initialisation. */
export async function beginFounding(below: Transaction, mark: Uint8Array): Promise<void> {
  const empty = (await below.list('', { limit: 1 })).length === 0;
  if (!empty && (await below.get(foundingKey)) === undefined)
    throw new Fault(
      'conflict',
      'the store already holds entries: it was initialised before; where its seal configuration is lost, restore it from a backup',
    );
  await clear(below, '');
  below.put(foundingKey, mark);
}

/** Throws Fault `conflict` when another process has begun to initialise the store since, or has ended doing so. */
export async function expectFounding(below: Transaction, mark: Uint8Array): Promise<void> {
  const stored = await below.get(foundingKey);
  if (stored === undefined || Buffer.compare(stored, mark) !== 0)
    throw new Fault('conflict', 'another server began to initialise this store at the same time; see how it ended before you try again');
}

async function clear(below: Transaction, prefix: string): Promise<void> {
  for (const name of await below.list(prefix)) {
    if (name.endsWith('/')) await clear(below, prefix + name);
    else below.delete(prefix + name);
  }
}
