// Shares that come one by one until they are enough, under a nonce that says which attempt they are for.

import { Fault } from '../../base/fault.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { wipe } from '../../crypto/wipe.ts';

export interface Quorum {
  readonly nonce: string;
  readonly progress: number;
  /** All shares, which are the caller's to wipe, once there are enough. Throws Fault `invalid-request` for one that was given before. */
  add(share: Uint8Array, enough: number): readonly Uint8Array[] | undefined;
  /** Wipes what was given. */
  end(): void;
}

export function createQuorum(nonce: string): Quorum {
  let given: Uint8Array[] = [];
  return {
    nonce,
    get progress() {
      return given.length;
    },
    add(share, enough) {
      if (given.some((other) => equalSecrets(other, share)))
        throw new Fault('invalid-request', 'given key has already been provided during this generation operation');
      given.push(Uint8Array.from(share));
      if (given.length < enough) return undefined;
      const all = given;
      given = [];
      return all;
    },
    end() {
      wipe(...given);
      given = [];
    },
  };
}

/** Throws Fault `invalid-request` when the share is meant for another attempt. */
export function checkNonce(quorum: Quorum, nonce: string | undefined, operation: string): void {
  if (nonce === quorum.nonce) return;
  throw new Fault('invalid-request', `incorrect nonce supplied; nonce for this ${operation} operation is ${JSON.stringify(quorum.nonce)}`);
}
