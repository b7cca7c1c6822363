// The exercise suite of Storage: what every backend must do, whatever it stands on.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Backend, maxKeyBytes } from '../../src/storage/storage.ts';
import { within } from '../../src/storage/within.ts';
import { exerciseLists } from './storage-lists.ts';
import { exerciseCompetition, exerciseTransactions } from './storage-transactions.ts';
import { bytes, expectFault, inByteOrder, same, text } from './storage-values.ts';
import { exerciseVersions } from './storage-versions.ts';

export interface StorageUnderTest {
  readonly storage: Backend;
  /** Closes the store and opens what it left behind; absent where nothing is left. */
  reopen?(): Promise<Backend>;
  cleanup(): Promise<void>;
}

/** The feed of a store that the suite opens looks back this many commits, if it says so. */
export interface StorageUnderTestOptions {
  readonly ringCapacity?: number;
}

export type OpenStorage = (options?: StorageUnderTestOptions) => Promise<StorageUnderTest>;

export function exerciseStorage(name: string, open: OpenStorage): void {
  describe(`${name} as a Storage`, () => {
    let tested: StorageUnderTest;
    let storage: Backend;
    beforeEach(async () => {
      tested = await open();
      storage = tested.storage;
    });
    afterEach(() => tested.cleanup());
    const current = (): Backend => storage;

    describe('entries', () => exerciseEntries(current));
    describe('keys', () => exerciseKeys(current));
    describe('lists', () => exerciseLists(current));
    describe('transactions', () => exerciseTransactions(current));
    describe('transactions that compete', () => exerciseCompetition(current));
    describe('versions', () => exerciseVersions(current));
    describe('the change feed', () => exerciseFeed(current, open));
    describe('a part of the store', () => exerciseWithin(current));
    describe('closing', () => exerciseClosing(() => tested));
  });
}

function exerciseEntries(current: () => Backend): void {
  it('gives back what was put', async () => {
    await current().put('a/b', bytes('one'));
    expect(text(await current().get('a/b'))).toBe('one');
  });

  it('knows nothing of an entry that was never put', async () => {
    await current().put('a/bc', bytes('one'));
    expect(await current().get('a/b')).toBeUndefined();
    expect(await current().get('a/bcd')).toBeUndefined();
    expect(await current().get('a')).toBeUndefined();
  });

  it('replaces a value by a shorter and by a longer one', async () => {
    for (const value of ['middle', 'x', 'much longer than before'.repeat(400)]) {
      await current().put('a', bytes(value));
      expect(text(await current().get('a'))).toBe(value);
    }
  });

  it('keeps an empty value apart from no value', async () => {
    await current().put('empty', new Uint8Array(0));
    expect((await current().get('empty'))?.length).toBe(0);
  });

  it('keeps every byte, and values of a megabyte', async () => {
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = Uint8Array.from({ length: 1_048_577 }, (_, index) => (index * 31) % 251);
    await Promise.all([current().put('every', every), current().put('large', large)]);
    expect(same(await current().get('every'), every)).toBe(true);
    expect(same(await current().get('large'), large)).toBe(true);
    expect(same(await current().get('every'), every)).toBe(true);
  });

  it('forgets a deleted entry, and deletes one that is not there', async () => {
    await current().put('a', bytes('one'));
    await current().delete('a');
    await current().delete('a');
    expect(await current().get('a')).toBeUndefined();
    expect(await current().list('')).toEqual([]);
  });

  it('gives bytes that belong to the caller', async () => {
    await current().put('a', bytes('one'));
    const first = (await current().get('a')) as Uint8Array;
    first.fill(0);
    const second = await current().get('a');
    await current().get('b');
    await current().put('b', bytes('another'));
    await current().get('b');
    expect(text(second)).toBe('one');
  });

  it('takes the bytes as they are when put is called', async () => {
    const value = bytes('one');
    const done = current().put('a', value);
    value.fill(0);
    await done;
    expect(text(await current().get('a'))).toBe('one');
  });

  it('shows a write to every read that starts after its promise', async () => {
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        await current().put(`k/${index}`, bytes(String(index)));
        expect(text(await current().get(`k/${index}`))).toBe(String(index));
      }),
    );
  });

  it('lets the last of several writers of one key win', async () => {
    await Promise.all(['one', 'two', 'three'].map((value) => current().put('a', bytes(value))));
    expect(text(await current().get('a'))).toBe('three');
  });
}

function exerciseKeys(current: () => Backend): void {
  it('takes keys up to the limit, counted in bytes', async () => {
    const longest = [`l/${'x'.repeat(maxKeyBytes - 2)}`, `m/${'é'.repeat((maxKeyBytes - 2) / 2)}`];
    for (const key of longest) {
      await current().put(key, bytes(key));
      expect(text(await current().get(key))).toBe(key);
      expect(await current().list(key.slice(0, 2))).toEqual([key.slice(2)]);
      expect(await current().list(key.slice(0, 2), { after: key.slice(2) })).toEqual([]);
    }
  });

  const refused = {
    empty: '',
    'too long': 'x'.repeat(maxKeyBytes + 1),
    'too long in bytes': 'é'.repeat(1_000),
    'with NUL': 'a\0b',
    'half a character': 'a\ud83d',
  };
  for (const [kind, key] of Object.entries(refused))
    it(`refuses a key that is ${kind}`, async () => {
      await expectFault('invalid-request', () => current().get(key));
      await expectFault('invalid-request', () => current().put(key, bytes('x')));
      await expectFault('invalid-request', () => current().delete(key));
      await expectFault('invalid-request', () => current().transact(async (transaction) => transaction.put(key, bytes('x'))));
      expect(await current().list('')).toEqual([]);
    });

  it('tells keys apart that differ in case, in composition, or in a trailing blank', async () => {
    const keys = ['a', 'A', 'a ', ' a', 'é', 'e\u0301', 'ａ', '\u{1F511}', '\uffff', '\u0001'];
    await Promise.all(keys.map((key) => current().put(key, bytes(key))));
    for (const key of keys) expect(text(await current().get(key))).toBe(key);
    expect(await current().list('')).toEqual(inByteOrder(keys));
  });
}

function exerciseFeed(current: () => Backend, open: OpenStorage): void {
  it('moves its head with each write and names what changed', async () => {
    const before = await current().feed.head();
    expect(await current().feed.since(before)).toEqual({ head: before, keys: new Map() });
    await current().put('a', bytes('1'));
    await current().transact(async (transaction) => {
      transaction.put('b/c', bytes('2'));
      transaction.delete('d');
    });
    const after = await current().feed.head();
    expect(after).toBeGreaterThan(before);
    const changes = await current().feed.since(before);
    if (changes === 'overrun') throw new Error('overrun');
    expect([changes.head, [...changes.keys.keys()].sort()]).toEqual([after, ['a', 'b/c', 'd']]);
  });

  it('has moved when the promise of a write resolves', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const before = await current().feed.head();
        await current().put(`k/${index}`, bytes('x'));
        const changes = await current().feed.since(before);
        expect(changes !== 'overrun' && changes.keys.has(`k/${index}`)).toBe(true);
      }),
    );
  });

  it('does not move for reads or for work that throws', async () => {
    const before = await current().feed.head();
    await current().transact(async (transaction) => transaction.get('a'));
    await current()
      .transact(async (transaction) => {
        transaction.put('a', bytes('1'));
        throw new Error('no');
      })
      .catch(() => {});
    expect(await current().feed.head()).toBe(before);
  });

  it('says overrun, and nothing else, once it no longer knows', async () => {
    const { storage, cleanup } = await open({ ringCapacity: 8 });
    try {
      const start = await storage.feed.head();
      for (let index = 0; index < 8; index++) await storage.put(`k/${index}`, bytes('x'));
      const whole = await storage.feed.since(start);
      expect(whole !== 'overrun' && whole.keys.size).toBe(8);
      await storage.put('k/8', bytes('x'));
      expect(await storage.feed.since(start)).toBe('overrun');
      const rest = await storage.feed.since(start + 1);
      expect(rest !== 'overrun' && [...rest.keys.keys()].sort()).toEqual(Array.from({ length: 8 }, (_, index) => `k/${index + 1}`));
    } finally {
      await cleanup();
    }
  });

  it('says overrun for a position that this store never reached', async () => {
    expect(await current().feed.since((await current().feed.head()) + 1)).toBe('overrun');
  });
}

function exerciseWithin(current: () => Backend): void {
  it('sees and changes only what lies below its prefix', async () => {
    await current().put('outside', bytes('x'));
    await current().put('part-two/a', bytes('x'));
    const part = within(current(), 'part/');
    const position = await part.feed.head();
    await part.put('a', bytes('1'));
    await current().put('other', bytes('x'));
    await part.transact(async (transaction) => {
      expect(text(await transaction.get('a'))).toBe('1');
      transaction.put('b/c', bytes('2'));
      expect(await transaction.list('')).toEqual(['a', 'b/']);
      transaction.delete('a');
    });
    expect(await part.list('')).toEqual(['b/']);
    expect(await part.get('outside')).toBeUndefined();
    expect(text(await current().get('part/b/c'))).toBe('2');
    expect((await current().list('')).sort()).toEqual(['other', 'outside', 'part-two/', 'part/']);
    const changes = await part.feed.since(position);
    expect(changes !== 'overrun' && [...changes.keys.keys()].sort()).toEqual(['a', 'b/c']);
  });

  it('still refuses an empty key', async () => {
    await expectFault('invalid-request', () => within(current(), 'part/').put('', bytes('x')));
    await expectFault('invalid-request', () => within(current(), 'part/').get(''));
  });
}

function exerciseClosing(tested: () => StorageUnderTest): void {
  it('ends the writes that wait, and takes none after', async () => {
    const { storage, reopen } = tested();
    const writes = Array.from({ length: 20 }, (_, index) => storage.put(`k/${index}`, bytes('x')));
    const closed = storage.close();
    await expectFault('unavailable', () => storage.put('late', bytes('x')));
    await expectFault('unavailable', () => storage.transact(async (transaction) => transaction.put('late', bytes('x'))));
    await Promise.all([closed, ...writes]);
    await expectFault('unavailable', () => storage.get('k/0'));
    await expectFault('unavailable', () => storage.list('k/'));
    await expectFault('unavailable', () => storage.read('k/0'));
    if (reopen !== undefined)
      expect([(await (await reopen()).list('k/')).length, await (await reopen()).get('late')]).toEqual([20, undefined]);
  });

  it('can be closed twice', async () => {
    await Promise.all([tested().storage.close(), tested().storage.close()]);
  });

  it('keeps entries, feed and versions for the next opening', async () => {
    const { storage, reopen } = tested();
    if (reopen === undefined) return;
    const position = await storage.feed.head();
    await storage.put('a/b', bytes('kept'));
    const again = await reopen();
    expect(text(await again.get('a/b'))).toBe('kept');
    expect(await again.feed.since(position)).toEqual({ head: await again.feed.head(), keys: new Map([['a/b', position + 1]]) });
    await again.put('a/c', bytes('more'));
    expect(await again.list('a/')).toEqual(['b', 'c']);
  });
}
