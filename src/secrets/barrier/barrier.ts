// The barrier: a Storage that encrypts every entry on its way down and knows nothing until it is unsealed.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { rfc3339 } from '../../base/times.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import type { ListOptions, Storage, Transaction } from '../../storage/storage.ts';
import { createEntryKeys, termOf } from './entry.ts';
import { beginFounding, expectFounding, foundingKey } from './founding.ts';
import { freshTerm, type Keyring, keyringKey, openKeyring, sealKeyring, type Term } from './keyring.ts';

export interface KeyInfo {
  /** Number of the newest term. */
  readonly term: number;
  /** RFC 3339. */
  readonly installTime: string;
  /** Entries that this process sealed with it. */
  readonly encryptions: number;
}

/** While sealed, everything but `sealed`, `initialized`, `initialize`, `unseal`, `seal` and the feed throws Fault `sealed`. */
export interface Barrier extends Storage {
  readonly sealed: boolean;
  initialized(): Promise<boolean>;
  /**
   * Writes a new keyring under this root key and opens, to fill the store. Clears away what an initialisation left that was
   * not settled; throws Fault `conflict` for a store that holds anything else. Until it is settled, every write throws Fault
   * `conflict` once another process has begun to initialise the same store.
   */
  initialize(rootKey: KeyObject): Promise<void>;
  /** Ends the initialisation together with what `finish` writes, which goes below the barrier. */
  settle(finish: (below: Transaction) => void): Promise<void>;
  /** Throws Fault `invalid-request` when this is not the root key. */
  unseal(rootKey: KeyObject): Promise<void>;
  seal(): void;
  /**
   * Adds a term, unless the newest one is no longer `from`. What older terms sealed stays readable. Another process takes it
   * over at the first entry of it that it reads.
   */
  rotate(from?: number): Promise<KeyInfo>;
  /**
   * Seals the keyring under another root key, together with what `finish` writes below the barrier. Other processes have to be
   * unsealed again before they can follow a rotation.
   */
  rekey(rootKey: KeyObject, finish?: (below: Transaction) => void): Promise<void>;
  /** Whether the keyring, as it is stored now, opens with this key. */
  opensWith(rootKey: KeyObject): Promise<boolean>;
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
  /** While the store is being initialised: the mark that this process left in it. */
  readonly mark: Uint8Array | undefined;
}

export function openBarrier({ storage, random, clock }: BarrierParts): Barrier {
  const entries = createEntryKeys(random);
  let opened: Opened | undefined;
  let sealings = 0;

  const unsealed = (): Opened => {
    if (opened === undefined) throw new Fault('sealed', 'Vault is sealed');
    return opened;
  };
  /** What was under way when the barrier was sealed must not open it again. */
  const unlessSealed = async <T>(work: Promise<T>): Promise<T> => {
    const before = sealings;
    const result = await work;
    if (sealings !== before) throw new Fault('sealed', 'Vault is sealed');
    return result;
  };
  const load = async (rootKey: KeyObject): Promise<Keyring | undefined> => {
    const sealed = await unlessSealed(storage.get(keyringKey));
    if (sealed === undefined) throw new Fault('not-initialized', 'the store holds no keyring: it is not initialised');
    return openKeyring(sealed, rootKey);
  };
  /** Another process has rotated since the keyring was read. */
  const follow = async (): Promise<void> => {
    const { rootKey, mark } = unsealed();
    const keyring = await load(rootKey);
    if (keyring === undefined) throw rekeyed();
    // Whoever was faster may have come further.
    if (lastOf(keyring).number > unsealed().newest.number) opened = openedBy(rootKey, keyring, mark);
  };
  const openEntry = async (key: string, entry: Uint8Array): Promise<Uint8Array> => {
    const number = termOf(entry);
    if (number !== undefined && !unsealed().terms.has(number)) await follow();
    return entries.open((wanted) => unsealed().terms.get(wanted), key, entry);
  };
  const sealEntry = (key: string, value: Uint8Array): Uint8Array => entries.seal(unsealed().newest, key, value);
  const get = async (reader: Pick<Storage, 'get'>, key: string): Promise<Uint8Array | undefined> => {
    unsealed();
    const entry = await reader.get(key);
    return entry === undefined ? undefined : openEntry(key, entry);
  };
  const read: Storage['read'] = async (key) => {
    unsealed();
    const entry = await storage.read(key);
    return entry === undefined ? undefined : { version: entry.version, value: await openEntry(key, entry.value) };
  };
  const list = async (reader: Pick<Storage, 'list'>, prefix: string, options?: ListOptions): Promise<string[]> => {
    unsealed();
    return reader.list(prefix, options);
  };
  const transact = async <T>(work: (below: Transaction) => Promise<T>): Promise<T> => {
    const { mark } = unsealed();
    if (mark === undefined) return storage.transact(work);
    return storage.transact(async (below) => {
      await expectFounding(below, mark);
      return work(below);
    });
  };
  const encrypted = (below: Transaction): Transaction => ({
    get: (key) => get(below, key),
    list: (prefix, options) => list(below, prefix, options),
    put: (key, value) => below.put(key, sealEntry(key, value)),
    delete: (key) => below.delete(key),
    async unchanged(key, version) {
      unsealed();
      return below.unchanged(key, version);
    },
    committed: (then) => below.committed(then),
  });
  const info = (): KeyInfo => {
    const { newest } = unsealed();
    return { term: newest.number, installTime: rfc3339(newest.installed), encryptions: entries.sealedCount(newest) };
  };
  const rewriteKeyring = async (
    rootKey: KeyObject,
    edit: (keyring: Keyring) => Keyring,
    finish?: (below: Transaction) => void,
  ): Promise<void> => {
    const { rootKey: before, mark } = unsealed();
    const writing = storage.transact(async (below) => {
      const sealed = await below.get(keyringKey);
      const keyring = sealed === undefined ? undefined : openKeyring(sealed, before);
      if (keyring === undefined) throw rekeyed();
      const edited = edit(keyring);
      below.put(keyringKey, sealKeyring(edited, rootKey, random));
      finish?.(below);
      return edited;
    });
    opened = openedBy(rootKey, await unlessSealed(writing), mark);
  };

  return {
    get sealed() {
      return opened === undefined;
    },
    initialized: async () => (await storage.get(keyringKey)) !== undefined,
    async initialize(rootKey) {
      const keyring = [freshTerm(1, random, clock.now())];
      const mark = Uint8Array.from(random(16));
      const writing = storage.transact(async (below) => {
        await beginFounding(below, mark);
        below.put(keyringKey, sealKeyring(keyring, rootKey, random));
      });
      await unlessSealed(writing);
      opened = openedBy(rootKey, keyring, mark);
    },
    async settle(finish) {
      const before = unsealed();
      const writing = transact(async (below) => {
        finish(below);
        below.delete(foundingKey);
      });
      await unlessSealed(writing);
      opened = { ...before, mark: undefined };
    },
    async unseal(rootKey) {
      const keyring = await load(rootKey);
      if (keyring === undefined) throw new Fault('invalid-request', 'this is not the root key of the store');
      opened = openedBy(rootKey, keyring, undefined);
    },
    seal() {
      opened = undefined;
      sealings += 1;
      entries.forget();
    },
    async rotate(from) {
      await rewriteKeyring(unsealed().rootKey, (keyring) => {
        const { number } = lastOf(keyring);
        return from !== undefined && from !== number ? keyring : [...keyring, freshTerm(number + 1, random, clock.now())];
      });
      return info();
    },
    rekey: (rootKey, finish) => rewriteKeyring(rootKey, (keyring) => keyring, finish),
    opensWith: async (rootKey) => (await load(rootKey)) !== undefined,
    keyInfo: info,
    get: (key) => get(storage, key),
    read,
    list: (prefix, options) => list(storage, prefix, options),
    async put(key, value) {
      const entry = sealEntry(key, value);
      if (unsealed().mark === undefined) await storage.put(key, entry);
      else await transact(async (below) => below.put(key, entry));
    },
    async delete(key) {
      if (unsealed().mark === undefined) await storage.delete(key);
      else await transact(async (below) => below.delete(key));
    },
    transact: (work) => transact((below) => work(encrypted(below))),
    feed: storage.feed,
  };
}

function openedBy(rootKey: KeyObject, keyring: Keyring, mark: Uint8Array | undefined): Opened {
  return { rootKey, terms: new Map(keyring.map((term) => [term.number, term])), newest: lastOf(keyring), mark };
}

function lastOf(keyring: Keyring): Term {
  return keyring[keyring.length - 1] as Term;
}

function rekeyed(): Fault {
  return new Fault('sealed', 'the root key was changed by another server; seal this server and unseal it again');
}
