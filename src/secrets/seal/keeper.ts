// How the root key comes back: from shares that people hold, or from a key backend; the state machine of init and unseal.

import { Fault, type FaultCode } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { combine } from '../../crypto/shamir.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { Storage } from '../../storage/storage.ts';
import { createTurns } from '../../storage/turns.ts';
import type { Barrier } from '../barrier/barrier.ts';
import { type Bounds, checkLength, rootKeyBytes, sharesOf, valid } from './shares.ts';
import { decodeSeal, decodeSealedRoot, encodeSeal, encodeSealedRoot, type SealConfig, sealConfigKey, sealedRootKey } from './stored.ts';

export interface SealStatus {
  readonly type: string;
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Threshold and number of shares. */
  readonly t: number;
  readonly n: number;
  readonly progress: number;
  readonly nonce: string;
  readonly recoverySeal: boolean;
}

export interface InitialShares {
  readonly shares: number | undefined;
  readonly threshold: number | undefined;
  readonly recoveryShares: number | undefined;
  readonly recoveryThreshold: number | undefined;
}

export interface Keeper {
  status(): Promise<SealStatus>;
  /**
   * Makes root key and shares. `populate` runs with the barrier open; the store counts as initialised only when it has
   * ended. Afterwards the barrier is sealed, unless a key backend unseals. Throws Fault `invalid-request` for bounds and for
   * a store that is initialised, `conflict` for one that another server initialises at the same time, `unavailable` when the
   * key backend cannot be reached; then nothing counts, and it can be called again.
   */
  initialize(
    wanted: InitialShares,
    populate: () => Promise<void>,
  ): Promise<{ readonly keys: Uint8Array[]; readonly recoveryKeys: Uint8Array[] }>;
  /**
   * Takes one share; resolves to true for the one that completed the threshold and unsealed. A wrong set starts over with Fault
   * `invalid-request`. A share that was given before changes nothing, nor does any once the barrier is open.
   */
  submit(share: Uint8Array): Promise<boolean>;
  reset(): void;
  seal(): void;
  /**
   * Resolves to true when it unsealed, to false where there is no backend, or nothing to unseal. Throws Fault `unavailable` when
   * the backend cannot be reached: then it can be called again.
   */
  unsealWithBackend(signal: AbortSignal): Promise<boolean>;
}

export interface KeeperParts {
  /** Below the barrier. */
  readonly storage: Storage;
  readonly barrier: Barrier;
  readonly backend: KeyBackend | undefined;
  readonly random: RandomBytes;
  readonly uuid: () => string;
}

const shamir = 'shamir';

export function createKeeper(parts: KeeperParts): Keeper {
  const { storage, barrier, backend, random } = parts;
  const turns = createTurns();
  let given: Uint8Array[] = [];
  let nonce = '';
  let initialising = false;

  const config = async (): Promise<SealConfig | undefined> => {
    const stored = await storage.get(sealConfigKey);
    return stored === undefined ? undefined : decodeSeal(stored);
  };
  const reset = () => {
    wipe(...given);
    given = [];
    nonce = '';
  };
  /** One after the other: the share that comes while another one unseals must not begin a new set. */
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const end = await turns.take('unseal');
    try {
      return await work();
    } finally {
      end();
    }
  };
  const initialise = async (wanted: InitialShares, populate: () => Promise<void>) => {
    const bounds = checkBounds(wanted, backend);
    const rootKey = random(rootKeyBytes);
    const shared = backend === undefined ? rootKey : random(rootKeyBytes);
    try {
      // First what may fail without a trace.
      const sealedRoot = backend === undefined ? undefined : encodeSealedRoot(await backend.seal(rootKey, AbortSignal.timeout(30_000)));
      await barrier.initialize(keyFromBytes(rootKey));
      await populate();
      const shares = sharesOf(shared, bounds, random);
      await barrier.settle((below) => {
        if (sealedRoot !== undefined) below.put(sealedRootKey, sealedRoot);
        below.put(sealConfigKey, encodeSeal(configOf(bounds, backend, shared)));
      });
      if (backend === undefined) barrier.seal();
      return backend === undefined ? { keys: shares, recoveryKeys: [] } : { keys: [], recoveryKeys: shares };
    } finally {
      wipe(rootKey, shared);
    }
  };
  const take = async (share: Uint8Array): Promise<boolean> => {
    const found = await config();
    if (found === undefined) throw new Fault('invalid-request', 'Vault is not initialized');
    if (!barrier.sealed) return false;
    if (found.type !== shamir)
      throw new Fault('invalid-request', `this store is unsealed by its ${found.type} key, not by shares: start the server with that key`);
    checkLength(share, found);
    if (given.some((other) => equalSecrets(other, share))) return false;
    if (given.length === 0) nonce = parts.uuid();
    given.push(Uint8Array.from(share));
    if (given.length < found.threshold) return false;
    const shares = given;
    given = [];
    nonce = '';
    try {
      await unsealWith(barrier, found.threshold === 1 ? Uint8Array.from(shares[0] as Uint8Array) : combine(shares));
    } catch (thrown) {
      throw refused(thrown, 'invalid-request', 'the given shares do not make the root key of this store; progress was reset');
    } finally {
      wipe(...shares);
    }
    return true;
  };
  /** So that the key before the last rotation can be thrown away after every server was started once. */
  const sealAnew = async (holder: KeyBackend, sealedWith: string, rootKey: Uint8Array, signal: AbortSignal): Promise<void> => {
    try {
      await holder.probe(signal);
      if (holder.current().keyId === sealedWith) return;
      await storage.put(sealedRootKey, encodeSealedRoot(await holder.seal(rootKey, signal)));
    } catch (thrown) {
      // The older key still opens it, and the next start tries again: no reason to stay sealed.
      if (!(thrown instanceof Fault)) throw thrown;
    }
  };

  return {
    async status() {
      const found = await config();
      const type = found?.type ?? backend?.type ?? shamir;
      return {
        type,
        initialized: found !== undefined,
        sealed: found === undefined || barrier.sealed,
        t: found?.threshold ?? 0,
        n: found?.shares ?? 0,
        progress: given.length,
        nonce,
        recoverySeal: type !== shamir,
      };
    },
    async initialize(wanted, populate) {
      if (initialising) throw alreadyInitialised();
      initialising = true;
      try {
        if ((await config()) !== undefined) throw alreadyInitialised();
        return await initialise(wanted, populate).catch((thrown: unknown) => {
          barrier.seal();
          throw thrown;
        });
      } finally {
        initialising = false;
      }
    },
    submit: (share) => inTurn(() => take(share)),
    reset,
    seal() {
      reset();
      barrier.seal();
    },
    unsealWithBackend: (signal) =>
      inTurn(async () => {
        const found = await config();
        if (backend === undefined || !barrier.sealed || found === undefined) return false;
        if (found.type !== shamir && found.type !== backend.type)
          throw new Fault(
            'usage',
            `this store was initialised with the seal ${found.type}, not with ${backend.type}: start it with that one`,
          );
        const stored = await storage.get(sealedRootKey);
        if (stored === undefined)
          throw new Fault('usage', 'this store was initialised with shares; start it without a seal stanza and unseal it with them');
        const sealed = decodeSealedRoot(stored);
        const rootKey = await backend.open(sealed, signal);
        try {
          await unsealWith(barrier, Uint8Array.from(rootKey));
          await sealAnew(backend, sealed.keyId, rootKey, signal);
        } catch (thrown) {
          throw refused(
            thrown,
            'corrupted',
            'the root key that the key backend opened is not that of this store: restore it from a backup',
          );
        } finally {
          wipe(rootKey);
        }
        return true;
      }),
  };
}

async function unsealWith(barrier: Barrier, rootKey: Uint8Array): Promise<void> {
  try {
    await barrier.unseal(keyFromBytes(rootKey));
  } finally {
    wipe(rootKey);
  }
}

/** Says of a root key that was refused where it came from; any other trouble stays what it is. */
function refused(thrown: unknown, code: FaultCode, message: string): unknown {
  return thrown instanceof Fault && thrown.code === 'invalid-request' ? new Fault(code, message, { cause: thrown }) : thrown;
}

function alreadyInitialised(): Fault {
  return new Fault('invalid-request', 'Vault is already initialized');
}

function configOf({ shares, threshold }: Bounds, backend: KeyBackend | undefined, shared: Uint8Array): SealConfig {
  const config: SealConfig = { format: 1, type: backend?.type ?? shamir, shares, threshold };
  return backend === undefined || shares === 0 ? config : { ...config, recoveryDigest: sha256Hex(shared) };
}

function checkBounds(wanted: InitialShares, backend: KeyBackend | undefined): Bounds {
  if (backend !== undefined) {
    if ((wanted.shares ?? 0) > 0 || (wanted.threshold ?? 0) > 0)
      throw new Fault('invalid-request', `parameters secret_shares,secret_threshold not applicable to seal type ${backend.type}`);
    const shares = wanted.recoveryShares ?? 0;
    return shares === 0 ? { shares: 0, threshold: 0 } : valid({ shares, threshold: wanted.recoveryThreshold ?? 0 });
  }
  if ((wanted.recoveryShares ?? 0) > 0 || (wanted.recoveryThreshold ?? 0) > 0)
    throw new Fault('invalid-request', 'parameters recovery_shares,recovery_threshold not applicable to seal type shamir');
  return valid({ shares: wanted.shares ?? 0, threshold: wanted.threshold ?? 0 });
}
