// The barrier: a Storage that encrypts every entry on its way down and knows nothing until it is unsealed.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import { createEntryKeys, termOf } from './entry.ts';
import { freshTerm, type Keyring, keyringKey, openKeyring, sealKeyring, type Term } from './keyring.ts';

export interface KeyInfo {
  /** Number of the newest term. */
  readonly term: number;
  /** ISO 8601. */
  readonly installTime: string;
  /** Entries that this process sealed with it. */
  readonly encryptions: number;
}

/** While sealed, everything but `initialized`, `initialize`, `unseal` and `seal` throws Fault `sealed`. */
export interface Barrier extends Storage {
  readonly sealed: boolean;
  initialized(): Promise<boolean>;
  /** Writes a new keyring under this root key, over whatever was there. Stays sealed. */
  initialize(rootKey: KeyObject): Promise<void>;
  /** Throws Fault `invalid-request` when this is not the root key. */
  unseal(rootKey: KeyObject): Promise<void>;
  seal(): void;
  /** Adds a term. What older terms sealed stays readable. */
  rotate(): Promise<KeyInfo>;
  /** Seals the keyring under another root key. */
  rekey(rootKey: KeyObject): Promise<void>;
  keyInfo(): KeyInfo;
}

export interface BarrierParts {
  /** The store below, which sees keys of entries and nothing else in clear. */
  readonly storage: Storage;
  readonly random: RandomBytes;
  readonly clock: Clock;
}

interface Opened {
  readonly rootKey: KeyObject;
  readonly terms: ReadonlyMap<number, Term>;
  readonly newest: Term;
}

export function openBarrier({ storage, random, clock }: BarrierParts): Barrier {
  const entries = createEntryKeys(random);
  let opened: Opened | undefined;

  const unsealed = (): Opened => {
    if (opened === undefined) throw new Fault('sealed', 'Vault is sealed');
    return opened;
  };
  const take = (rootKey: KeyObject, keyring: Keyring): void => {
    opened = { rootKey, terms: new Map(keyring.map((term) => [term.number, term])), newest: keyring.at(-1) as Term };
  };
  const load = async (rootKey: KeyObject): Promise<Keyring> => {
    const sealed = await storage.get(keyringKey);
    if (sealed === undefined) throw new Fault('not-initialized', 'the store holds no keyring: it is not initialised');
    const keyring = openKeyring(sealed, rootKey);
    if (keyring === undefined)
      throw new Fault('invalid-request', 'the given shares do not make the root key of this store; progress was reset');
    return keyring;
  };
  const openEntry = async (key: string, entry: Uint8Array): Promise<Uint8Array> => {
    const { terms, rootKey } = unsealed();
    const number = termOf(entry);
    // Another process has rotated since the keyring was read.
    if (number !== undefined && !terms.has(number)) take(rootKey, await load(rootKey));
    return entries.open((wanted) => unsealed().terms.get(wanted), key, entry);
  };
  const sealEntry = (key: string, value: Uint8Array): Uint8Array => entries.seal(unsealed().newest, key, value);
  const get = async (reader: Pick<Storage, 'get'>, key: string): Promise<Uint8Array | undefined> => {
    unsealed();
    const entry = await reader.get(key);
    return entry === undefined ? undefined : openEntry(key, entry);
  };
  const encrypted = (transaction: Transaction): Transaction => ({
    get: (key) => get(transaction, key),
    list: (prefix, options) => transaction.list(prefix, options),
    put: (key, value) => transaction.put(key, sealEntry(key, value)),
    delete: (key) => transaction.delete(key),
  });
  const info = (): KeyInfo => {
    const { newest } = unsealed();
    return { term: newest.number, installTime: new Date(newest.installed).toISOString(), encryptions: entries.sealedCount };
  };
  const rewriteKeyring = async (rootKey: KeyObject, edit: (keyring: Keyring) => Keyring): Promise<void> => {
    const before = unsealed().rootKey;
    const after = await storage.transact(async (transaction) => {
      const sealed = await transaction.get(keyringKey);
      const keyring = sealed === undefined ? undefined : openKeyring(sealed, before);
      if (keyring === undefined) throw new Fault('conflict', 'the root key was changed meanwhile; unseal this server again');
      const edited = edit(keyring);
      transaction.put(keyringKey, sealKeyring(edited, rootKey, random));
      return edited;
    });
    take(rootKey, after);
  };

  return {
    get sealed() {
      return opened === undefined;
    },
    initialized: async () => (await storage.get(keyringKey)) !== undefined,
    initialize: (rootKey) => storage.put(keyringKey, sealKeyring([freshTerm(1, random, clock.now())], rootKey, random)),
    async unseal(rootKey) {
      take(rootKey, await load(rootKey));
    },
    seal() {
      opened = undefined;
      entries.forget();
    },
    async rotate() {
      await rewriteKeyring(unsealed().rootKey, (keyring) => [
        ...keyring,
        freshTerm((keyring.at(-1)?.number ?? 0) + 1, random, clock.now()),
      ]);
      return info();
    },
    rekey: (rootKey) => rewriteKeyring(rootKey, (keyring) => keyring),
    keyInfo: info,
    get: (key) => get(storage, key),
    async list(prefix, options) {
      unsealed();
      return storage.list(prefix, options);
    },
    put: async (key, value) => storage.put(key, sealEntry(key, value)),
    async delete(key) {
      unsealed();
      await storage.delete(key);
    },
    async transact(work) {
      unsealed();
      return storage.transact((transaction) => work(encrypted(transaction)));
    },
    feed: storage.feed,
  };
}
