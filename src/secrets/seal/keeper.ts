// How the root key comes back: from shares that people hold, or from a key backend; the state machine of init and unseal.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { combine, split } from '../../crypto/shamir.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Barrier } from '../barrier/barrier.ts';
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
   * ended. Afterwards the barrier is sealed, unless a key backend unseals. Throws Fault `invalid-request` for bounds.
   */
  initialize(
    wanted: InitialShares,
    populate: () => Promise<void>,
  ): Promise<{ readonly keys: Uint8Array[]; readonly recoveryKeys: Uint8Array[] }>;
  /** Takes one share; the one that completes the threshold unseals. A wrong set starts over with Fault `invalid-request`. */
  submit(share: Uint8Array): Promise<void>;
  reset(): void;
  seal(): void;
  /** Resolves to false where there is no backend, or nothing to unseal. */
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

const rootKeyBytes = 32;
const longestShare = rootKeyBytes + 1;

export function createKeeper(parts: KeeperParts): Keeper {
  const { storage, barrier, backend, random } = parts;
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
  const unsealWith = async (rootKey: Uint8Array): Promise<void> => {
    try {
      await barrier.unseal(keyFromBytes(rootKey));
    } finally {
      wipe(rootKey);
    }
  };
  const initialise = async (wanted: InitialShares, populate: () => Promise<void>) => {
    const bounds = checkBounds(wanted, backend);
    await clear(storage);
    const rootKey = random(rootKeyBytes);
    await barrier.initialize(keyFromBytes(rootKey));
    await barrier.unseal(keyFromBytes(rootKey));
    await populate();
    const shares = sharesOf(backend === undefined ? rootKey : random(rootKeyBytes), bounds, random);
    if (backend !== undefined) await storage.put(sealedRootKey, encodeSealedRoot(await backend.seal(rootKey, AbortSignal.timeout(30_000))));
    wipe(rootKey);
    await storage.put(
      sealConfigKey,
      encodeSeal({ format: 1, type: backend?.type ?? 'shamir', shares: bounds.shares, threshold: bounds.threshold }),
    );
    if (backend === undefined) barrier.seal();
    return backend === undefined ? { keys: shares, recoveryKeys: [] } : { keys: [], recoveryKeys: shares };
  };

  return {
    async status() {
      const found = await config();
      return {
        type: found?.type ?? backend?.type ?? 'shamir',
        initialized: found !== undefined,
        sealed: barrier.sealed,
        t: found?.threshold ?? 0,
        n: found?.shares ?? 0,
        progress: given.length,
        nonce,
        recoverySeal: backend !== undefined,
      };
    },
    async initialize(wanted, populate) {
      if (initialising || (await config()) !== undefined) throw new Fault('invalid-request', 'Vault is already initialized');
      initialising = true;
      try {
        return await initialise(wanted, populate);
      } catch (thrown) {
        barrier.seal();
        throw thrown;
      } finally {
        initialising = false;
      }
    },
    async submit(share) {
      const found = await config();
      if (found === undefined) throw new Fault('invalid-request', 'Vault is not initialized');
      if (backend !== undefined) throw new Fault('invalid-request', `this server is unsealed by its ${backend.type} key, not by shares`);
      checkLength(share, found);
      if (given.some((other) => equalSecrets(other, share))) return;
      if (given.length === 0) nonce = parts.uuid();
      given.push(Uint8Array.from(share));
      if (given.length < found.threshold) return;
      const shares = given;
      given = [];
      nonce = '';
      try {
        await unsealWith(found.threshold === 1 ? Uint8Array.from(shares[0] as Uint8Array) : combine(shares));
      } finally {
        wipe(...shares);
      }
    },
    reset,
    seal() {
      reset();
      barrier.seal();
    },
    async unsealWithBackend(signal) {
      if (backend === undefined || !barrier.sealed || (await config()) === undefined) return false;
      const stored = await storage.get(sealedRootKey);
      if (stored === undefined)
        throw new Fault('usage', 'this store was initialised with shares; start it without a seal stanza and unseal it with them');
      await unsealWith(await backend.open(decodeSealedRoot(stored), signal));
      return true;
    },
  };
}

/** Hex first, then base64. */
export function parseShare(text: string): Uint8Array {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return Buffer.from(text, 'hex');
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return Buffer.from(text, 'base64');
  throw new Fault('invalid-request', "'key' must be a valid hex or base64 string");
}

function checkLength(share: Uint8Array, { threshold }: SealConfig): void {
  const exact = threshold === 1 ? rootKeyBytes : longestShare;
  if (share.length > longestShare) throw new Fault('invalid-request', `invalid key: key is longer than maximum ${longestShare} bytes`);
  if (share.length < 16) throw new Fault('invalid-request', 'invalid key: key is shorter than minimum 16 bytes');
  if (share.length !== exact) throw new Fault('invalid-request', `invalid key: a share of this store has ${exact} bytes`);
}

interface Bounds {
  readonly shares: number;
  readonly threshold: number;
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

function valid({ shares, threshold }: Bounds): Bounds {
  const refuse = (why: string): never => {
    throw new Fault('invalid-request', `invalid seal configuration: ${why}`);
  };
  if (shares < 1) refuse('shares must be at least one');
  if (threshold < 1) refuse('threshold must be at least one');
  if (shares > 1 && threshold === 1) refuse('threshold must be greater than one for multiple shares');
  if (shares > 255) refuse('shares must be less than 256');
  if (threshold > 255) refuse('threshold must be less than 256');
  if (threshold > shares) refuse('threshold cannot be larger than shares');
  return { shares, threshold };
}

function sharesOf(secret: Uint8Array, { shares, threshold }: Bounds, random: RandomBytes): Uint8Array[] {
  if (shares === 0) return [];
  return shares === 1 ? [Uint8Array.from(secret)] : split(secret, shares, threshold, random);
}

/** What an initialisation left behind that did not come to its end. */
async function clear(storage: Storage, prefix = ''): Promise<void> {
  for (const name of await storage.list(prefix)) {
    if (name.endsWith('/')) await clear(storage, prefix + name);
    else await storage.delete(prefix + name);
  }
}
