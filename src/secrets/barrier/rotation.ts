// When the keyring gets a new term without being asked: after a time, or after so many entries sealed with one term.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Barrier } from './barrier.ts';

export interface RotationTerms {
  readonly format: 1;
  readonly enabled: boolean;
  /** Seconds; 0 for never. */
  readonly interval: number;
  /** Entries that one process seals with one term. */
  readonly maxOperations: number;
}

const key = 'core/rotation';
const day = 24 * 3600;
const fewestOperations = 1_000_000;
/** A tenth less than the random nonces that one key is good for. */
const mostOperations = 3_865_470_566;
const defaultTerms: RotationTerms = { format: 1, enabled: true, interval: 0, maxOperations: mostOperations };

export interface Rotation {
  terms(): Promise<RotationTerms>;
  /** What is left out stays. Throws Fault `invalid-request` for bounds. */
  change(given: { readonly [K in Exclude<keyof RotationTerms, 'format'>]?: RotationTerms[K] | undefined }): Promise<void>;
  /** Adds a term if one is due. Several processes may ask at the same time: one term is added. */
  rotateIfDue(): Promise<boolean>;
}

export function createRotation({ barrier, clock, log }: { readonly barrier: Barrier; readonly clock: Clock; readonly log: Log }): Rotation {
  const terms = async (): Promise<RotationTerms> => {
    const stored = await barrier.get(key);
    return stored === undefined ? defaultTerms : decode(stored);
  };
  return {
    terms,
    change: (given) =>
      barrier.transact(async (transaction) => {
        const stored = await transaction.get(key);
        const before = stored === undefined ? defaultTerms : decode(stored);
        const after: RotationTerms = {
          format: 1,
          enabled: given.enabled ?? before.enabled,
          interval: given.interval ?? before.interval,
          maxOperations: given.maxOperations ?? before.maxOperations,
        };
        check(after);
        transaction.put(key, Buffer.from(JSON.stringify(after)));
      }),
    async rotateIfDue() {
      const { enabled, interval, maxOperations } = await terms();
      const { term, installTime, encryptions } = barrier.keyInfo();
      const old = interval > 0 && clock.now() >= Date.parse(installTime) + interval * 1000;
      if (!enabled || !(old || encryptions >= maxOperations)) return false;
      const rotated = await barrier.rotate(term);
      log.info('a term was added to the keyring', { term: rotated.term, reason: old ? 'interval' : 'operations' });
      return true;
    },
  };
}

function check({ interval, maxOperations }: RotationTerms): void {
  if (interval !== 0 && interval < day) throw new Fault('invalid-request', 'interval must be greater or equal to 24h0m0s');
  if (maxOperations < fewestOperations || maxOperations > mostOperations)
    throw new Fault('invalid-request', `max_operations must be in the range [${fewestOperations},${mostOperations}]`);
}

function decode(bytes: Uint8Array): RotationTerms {
  const terms = JSON.parse(Buffer.from(bytes).toString()) as RotationTerms;
  if (terms.format !== 1)
    throw new Fault('corrupted', 'the settings of the rotation were written by a newer version; start that version again');
  return terms;
}
