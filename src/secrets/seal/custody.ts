// Who holds the key of an unsealed store: proves shares to be those of the root key or of the recovery key, and replaces them.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { combine } from '../../crypto/shamir.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Barrier } from '../barrier/barrier.ts';
import { type Bounds, rootKeyBytes, sharesOf } from './shares.ts';
import { decodeSeal, encodeSeal, type SealConfig, sealConfigKey } from './stored.ts';

/** A new key that does not count yet. Secret. */
export interface Replacement {
  readonly key: Uint8Array;
  readonly shares: readonly Uint8Array[];
  readonly bounds: Bounds;
}

export interface Custody {
  /** Throws Fault `invalid-request` where nobody holds shares. */
  terms(): Promise<SealConfig>;
  /** Combines shares to the key that people hold. Throws Fault `invalid-request` when they do not make it. */
  prove(shares: readonly Uint8Array[]): Promise<void>;
  /** Whether these are shares of the replacement. */
  matches(shares: readonly Uint8Array[], replacement: Replacement): boolean;
  draw(bounds: Bounds): Replacement;
  /** From here on the old shares are worth nothing. One commit. */
  replace(replacement: Replacement): Promise<void>;
}

export interface CustodyParts {
  /** Below the barrier. */
  readonly storage: Storage;
  readonly barrier: Barrier;
  readonly random: RandomBytes;
}

const shamir = 'shamir';

export function createCustody({ storage, barrier, random }: CustodyParts): Custody {
  const terms = async (): Promise<SealConfig> => {
    const stored = await storage.get(sealConfigKey);
    if (stored === undefined) throw new Fault('corrupted', 'the store has lost its seal configuration; restore it from a backup');
    const config = decodeSeal(stored);
    if (config.shares === 0)
      throw new Fault(
        'invalid-request',
        'this store was initialised without recovery shares, so nobody can prove to hold its key: log in with a token that may do what you want',
      );
    return config;
  };
  const isRight = async (key: Uint8Array, config: SealConfig): Promise<boolean> =>
    config.type === shamir
      ? barrier.opensWith(keyFromBytes(key))
      : equalSecrets(Buffer.from(sha256Hex(key)), Buffer.from(config.recoveryDigest ?? ''));

  return {
    terms,
    async prove(shares) {
      const config = await terms();
      const key = joined(shares, config.threshold);
      try {
        if (await isRight(key, config)) return;
      } finally {
        wipe(key);
      }
      const what = config.type === shamir ? 'root' : 'recovery';
      throw new Fault('invalid-request', `the given shares do not make the ${what} key of this store; progress was reset`);
    },
    matches(shares, { key, bounds }) {
      const found = joined(shares, bounds.threshold);
      const same = equalSecrets(found, key);
      wipe(found);
      return same;
    },
    draw(bounds) {
      const key = random(rootKeyBytes);
      return { key, bounds, shares: sharesOf(key, bounds, random) };
    },
    async replace({ key, bounds }) {
      const config = await terms();
      if (config.type === shamir) {
        const stored = encodeSeal({ ...config, ...bounds });
        await barrier.rekey(keyFromBytes(key), (below) => below.put(sealConfigKey, stored));
      } else await storage.put(sealConfigKey, encodeSeal({ ...config, ...bounds, recoveryDigest: sha256Hex(key) }));
    },
  };
}

function joined(shares: readonly Uint8Array[], threshold: number): Uint8Array {
  return threshold === 1 ? Uint8Array.from(shares[0] as Uint8Array) : combine(shares);
}
