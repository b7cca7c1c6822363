// The keys of one mount in its store: found, made, given new versions, changed, deleted. Changes of one key run one after the other.

import { Fault } from '../../../base/fault.ts';
import type { ListOptions } from '../../../storage/storage.ts';
import type { Host } from '../../core/engine.ts';
import { decodeKey, decodeStored, encodeEntry, type Key, type StoredKey, usable, withNewVersion } from './key-record.ts';
import { checkName, checkTerms, type NewKeyTerms, newKey } from './key-settings.ts';
import { knownTypes } from './key-types/known.ts';

export interface Keyring {
  /** At once where the key is remembered; await either. */
  find(name: string): Key | undefined | Promise<Key | undefined>;
  /** As `find`, for a use that makes something new: a key whose time is over gets its next version first. */
  findToSeal(name: string): Promise<Key | undefined>;
  names(options: ListOptions): Promise<string[]>;
  /** A key that exists is returned as it is, whatever the terms. Throws Fault `invalid-request` for terms that do not fit together. */
  make(name: string, terms: NewKeyTerms): Promise<Key>;
  /** Throws Fault `invalid-request` with `absent` where there is no such key, and what `change` throws; then nothing was written. */
  change(name: string, absent: string, change: (key: StoredKey) => StoredKey | Promise<StoredKey>): Promise<Key>;
  /** Throws Fault `engine-failed` for an imported key that only its owner gives new versions. */
  rotate(name: string): Promise<Key>;
  /** Writes a key as it is given, versions and all. Throws Fault `engine-failed` where one exists and is not to be replaced. */
  restore(key: StoredKey, replace: boolean): Promise<void>;
  remove(name: string): Promise<void>;
}

const prefix = 'key/';

export function createKeyring(host: Host): Keyring {
  const { storage, clock, random, log } = host;
  const find: Keyring['find'] = (name) => host.cached(prefix + name, decodeKey);

  const addVersion = (key: StoredKey) => {
    const type = knownTypes.get(key.type);
    if (type === undefined) throw new Fault('corrupted', `a key has the type ${key.type}, which this version does not know`);
    return withNewVersion(key, { type, random, now: clock.now() });
  };
  /** `work` gets the stored key or undefined, and returns what to store in its place, or the same to leave it. */
  const edit = (name: string, work: (before: StoredKey | undefined) => StoredKey | Promise<StoredKey>): Promise<Key> =>
    host.serialise(name, () =>
      storage.transact(async (transaction) => {
        const stored = await transaction.get(prefix + name);
        const before = stored === undefined ? undefined : decodeStored(stored);
        const after = await work(before);
        // Before it is written: what cannot be used must not be stored.
        const key = usable(after);
        if (after !== before) transaction.put(prefix + name, encodeEntry(after));
        return key;
      }),
    );
  const change: Keyring['change'] = (name, absent, work) =>
    edit(name, (before) => {
      if (before === undefined) throw new Fault('invalid-request', absent);
      return work(before);
    });
  const isDue = ({ settings, newest }: Key): boolean =>
    settings.imported?.rotatable !== false &&
    settings.autoRotatePeriod > 0 &&
    clock.now() >= newest.created + settings.autoRotatePeriod * 1000;

  return {
    find,
    async findToSeal(name) {
      const key = await find(name);
      if (key === undefined || !isDue(key)) return key;
      try {
        // Somebody else may have been quicker, in this process or in another.
        return await change(name, 'encryption key not found', (before) => (isDue(usable(before)) ? addVersion(before) : before));
      } catch (error) {
        if (error instanceof Fault && error.code === 'invalid-request') return undefined;
        // The old version is as good as it was: a store that cannot be written must not stop encryption.
        log.warn('a key that is due could not be given a new version', { key: name, error });
        return key;
      }
    },
    names: (options) => storage.list(prefix, options),
    make(name, terms) {
      checkName(name);
      checkTerms(terms);
      return edit(name, (before) => before ?? addVersion(newKey(name, terms)));
    },
    change,
    rotate: (name) =>
      change(name, 'key not found', (before) => {
        if (before.imported?.rotatable === false)
          throw new Fault('engine-failed', `imported key ${name} does not allow rotation within Vault`);
        return addVersion(before);
      }),
    async restore(key, replace) {
      checkName(key.name);
      await edit(key.name, (before) => {
        if (before !== undefined && !replace) throw new Fault('engine-failed', `key ${JSON.stringify(key.name)} already exists`);
        return key;
      });
    },
    remove: (name) =>
      host.serialise(name, () =>
        storage.transact(async (transaction) => {
          const stored = await transaction.get(prefix + name);
          const why =
            stored === undefined
              ? 'could not delete key; not found'
              : decodeStored(stored).deletionAllowed
                ? undefined
                : 'deletion is not allowed for this key';
          if (why !== undefined) throw new Fault('invalid-request', `error deleting policy ${name}: ${why}`);
          transaction.delete(prefix + name);
        }),
      ),
  };
}
