// What is remembered is what is stored: own writes are remembered as they were put, everybody else's end what was remembered.

import { beforeEach, describe, expect, it } from 'vitest';
import { bytes, text } from '../../../test/suites/storage-values.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Backend, Storage, Transaction, Version } from '../../storage/storage.ts';
import { within } from '../../storage/within.ts';
import { createCache, type EntryCache } from './cache.ts';

interface Note {
  readonly says: string;
}

const decode = (stored: Uint8Array): Note => ({ says: text(stored) as string });
const encode = ({ says }: Note): Uint8Array => bytes(says);

let store: Backend;
/** Keys of entries whose bytes the cache asked for. */
let asked: string[];
let counting: Storage;
let cache: EntryCache;
beforeEach(async () => {
  store = openMemory();
  asked = [];
  counting = {
    ...store,
    read(key) {
      asked.push(key);
      return store.read(key);
    },
  };
  cache = createCache({ storage: counting, limit: 10_000 });
  await cache.refresh();
});

const part = () => within(store, 'p/');
const place = { prefix: 'p/', key: 'a' };
const put = (says: string, over: EntryCache = cache): Promise<Note> =>
  part().transact(async (transaction) => {
    const note = { says };
    over.putWithin(transaction, place, note, encode);
    return note;
  });
/** As a request would, which compares the feed first. */
const get = async (over: EntryCache = cache): Promise<Note | undefined> => {
  await over.refresh();
  return over.get('p/a', decode);
};
/** What a transaction sees, and the keys whose bytes it asked for. */
const seenWithin = async (over: EntryCache = cache): Promise<[string | undefined, string[]]> => {
  const keys: string[] = [];
  const seen = await part().transact((transaction) => {
    const counted: Transaction = {
      ...transaction,
      get(key) {
        keys.push(key);
        return transaction.get(key);
      },
    };
    return over.getWithin(counted, place, decode);
  });
  return [seen?.says, keys];
};

describe('an entry that this process put', () => {
  it('is remembered as it was put, without being read', async () => {
    const note = await put('mine');
    expect(await get()).toBe(note);
    await store.put('other', bytes('x'));
    expect(await get()).toBe(note);
    expect(await seenWithin()).toEqual(['mine', []]);
    expect([asked, text(await store.get('p/a'))]).toEqual([[], 'mine']);
    expect(cache.statistics).toEqual({ entries: 1, bytes: 'p/a'.length + 'mine'.length });
  });

  it('is forgotten when somebody else writes or deletes it', async () => {
    await put('mine');
    await store.put('p/a', bytes('theirs'));
    expect((await get())?.says).toBe('theirs');
    await put('mine again');
    expect((await get())?.says).toBe('mine again');
    await store.delete('p/a');
    expect(await get()).toBeUndefined();
    expect(cache.statistics).toEqual({ entries: 0, bytes: 0 });
  });

  it('is not remembered when the cache has already seen what somebody wrote after', async () => {
    const told: [(version: Version) => void, Version][] = [];
    await part().transact(async (transaction) => {
      const late: Transaction = { ...transaction, committed: (then) => transaction.committed((version) => told.push([then, version])) };
      cache.putWithin(late, place, { says: 'mine' }, encode);
    });
    await store.put('p/a', bytes('theirs'));
    await cache.refresh();
    for (const [then, version] of told) then(version);
    expect(told).toHaveLength(1);
    expect((await get())?.says).toBe('theirs');
  });

  it('is not remembered when its transaction failed, or when the cache was emptied meanwhile', async () => {
    await put('before');
    const failing = part().transact(async (transaction) => {
      cache.putWithin(transaction, place, { says: 'never' }, encode);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect((await get())?.says).toBe('before');
    await part().transact(async (transaction) => {
      cache.putWithin(transaction, place, { says: 'after' }, encode);
      cache.clear();
    });
    expect(cache.statistics).toEqual({ entries: 0, bytes: 0 });
  });

  it('is not remembered where nothing may be', async () => {
    const careful = createCache({ storage: counting, limit: 10_000, keeps: (key) => key !== 'p/a' });
    await careful.refresh();
    await put('mine', careful);
    expect([(await get(careful))?.says, asked, careful.statistics.entries]).toEqual(['mine', ['p/a'], 0]);
    expect(await seenWithin(careful)).toEqual(['mine', ['a']]);
  });
});

describe('an entry that was read', () => {
  it('is remembered until it changes, and not at all before the feed was first compared', async () => {
    await store.put('p/a', bytes('one'));
    const early = createCache({ storage: counting, limit: 10_000 });
    await early.get('p/a', decode);
    expect([asked.length, early.statistics.entries]).toEqual([1, 0]);
    const read = await get(early);
    expect([await get(early), asked.length]).toEqual([read, 2]);
    await store.put('p/a', bytes('two'));
    expect([(await get(early))?.says, asked.length]).toEqual(['two', 3]);
  });
});

describe('a transaction', () => {
  it('takes what is remembered only while it is the same, whatever the feed was last compared with', async () => {
    await store.put('p/a', bytes('one'));
    await get();
    expect(await seenWithin()).toEqual(['one', []]);
    await store.put('p/a', bytes('two'));
    expect(await seenWithin()).toEqual(['two', ['a']]);
    await store.delete('p/a');
    expect(await seenWithin()).toEqual([undefined, ['a']]);
  });

  it('loses no change of an entry to another process that remembers it as well', async () => {
    const other = createCache({ storage: store, limit: 10_000 });
    const add = (over: EntryCache) =>
      part().transact(async (transaction) => {
        const before = await over.getWithin(transaction, place, decode);
        over.putWithin(transaction, place, { says: String(Number(before?.says ?? 0) + 1) }, encode);
      });
    const work = async (over: EntryCache) => {
      for (let time = 0; time < 40; time++) {
        await over.refresh();
        await add(over);
      }
    };
    await Promise.all([cache, other, cache, other].map(work));
    expect([(await get())?.says, (await get(other))?.says, text(await store.get('p/a'))]).toEqual(['160', '160', '160']);
  });
});
