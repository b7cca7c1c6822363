// The exercise suite of Storage: what every backend must do, whatever it stands on.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { type Backend, maxKeyBytes, type Reader, type Transaction } from '../../src/storage/storage.ts';
import { within } from '../../src/storage/within.ts';

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

  const refused = { empty: '', 'too long': 'x'.repeat(maxKeyBytes + 1), 'too long in bytes': 'é'.repeat(1_000), 'with NUL': 'a\0b', 'half a character': 'a\ud83d' };
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

function exerciseLists(current: () => Backend): void {
  const fill = async (...keys: string[]): Promise<void> => {
    await current().transact(async (transaction) => {
      for (const key of keys) transaction.put(key, bytes('x'));
    });
  };

  it('lists the immediate children: entries, levels, and both side by side', async () => {
    await fill('a', 'a/x', 'a/y', 'a/y/z', 'b/c/d', 'c');
    expect(await current().list('')).toEqual(['a', 'a/', 'b/', 'c']);
    expect(await current().list('a/')).toEqual(['x', 'y', 'y/']);
    expect(await current().list('b/')).toEqual(['c/']);
    expect(await current().list('b/c/')).toEqual(['d']);
    expect(await current().list('x/')).toEqual([]);
  });

  it('lists in byte order, which is not the order of UTF-16', async () => {
    const names = ['a', 'a!', 'a/', 'a0', 'A', 'z', 'é', 'ￜ', '\u{1F600}', '~', 'ab', '\ud7ff', '\ue000'];
    await fill(...names.map((name) => `p/${name.endsWith('/') ? `${name}deep` : name}`));
    expect(await current().list('p/')).toEqual(inByteOrder(names));
  });

  it('goes on after a name, whatever the name is', async () => {
    await fill('p/a', 'p/a/x', 'p/a0', 'p/b/x', 'p/b/y', 'p/c');
    const all = ['a', 'a/', 'a0', 'b/', 'c'];
    expect(await current().list('p/')).toEqual(all);
    for (const after of [...all, '', 'a!', 'a/x', 'b', 'b/zz', 'zzz', '\0', 'x'.repeat(3_000), `a${'é'.repeat(2_000)}`])
      expect(await current().list('p/', { after })).toEqual(all.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0));
  });

  it('gives the same names page by page as at once', async () => {
    await fill(...Array.from({ length: 60 }, (_, index) => `p/${index % 20}${index % 3 === 0 ? '' : `/${index}`}`));
    const whole = await current().list('p/');
    for (const limit of [1, 2, 7, 100]) {
      const pages: string[] = [];
      for (let page = await current().list('p/', { limit }); page.length > 0; page = await current().list('p/', { limit, after: page.at(-1) as string })) {
        expect(page.length).toBeLessThanOrEqual(limit);
        pages.push(...page);
      }
      expect(pages).toEqual(whole);
    }
    expect(await current().list('p/', { limit: 0 })).toEqual([]);
  });

  it('lists a level once, however much lies below it', async () => {
    await fill(...Array.from({ length: 500 }, (_, index) => `p/big/${index}`), 'p/a', 'p/big', 'p/big0', 'p/z/1');
    expect(await current().list('p/')).toEqual(['a', 'big', 'big/', 'big0', 'z/']);
    expect((await current().list('p/big/')).length).toBe(500);
  });

  it('lists thousands of names as they were at one moment', async () => {
    await fill(...Array.from({ length: 2_500 }, (_, index) => `p/${String(index).padStart(4, '0')}`));
    const listing = current().list('p/');
    const changing = current().transact(async (transaction) => {
      transaction.delete('p/0000');
      transaction.delete('p/2499');
    });
    const [names] = await Promise.all([listing, changing]);
    expect([2_498, 2_500]).toContain(names.length);
    expect(names.includes('0000')).toBe(names.includes('2499'));
  });

  it('does not list a neighbour whose name only begins alike', async () => {
    await fill('app', 'app/x', 'app-two/x', 'apple/x');
    expect(await current().list('app/')).toEqual(['x']);
  });

  it('refuses to list a prefix that ends in the middle of a name', async () => {
    await expectFault('invalid-request', () => current().list('app'));
  });
}

function exerciseTransactions(current: () => Backend): void {
  it('writes everything of a transaction and gives its result', async () => {
    await current().put('gone', bytes('x'));
    const result = await current().transact(async (transaction) => {
      transaction.put('a', bytes('1'));
      transaction.put('b', bytes('2'));
      transaction.delete('gone');
      return 'done';
    });
    expect(result).toBe('done');
    expect([text(await current().get('a')), text(await current().get('b')), await current().get('gone')]).toEqual(['1', '2', undefined]);
  });

  it('writes nothing when the work throws, and throws what it threw', async () => {
    const reason = new Error('no');
    const failing = current().transact(async (transaction) => {
      await transaction.get('a');
      transaction.put('a', bytes('1'));
      throw reason;
    });
    await expect(failing).rejects.toBe(reason);
    expect(await current().list('')).toEqual([]);
  });

  it('writes nothing when one of its keys is refused', async () => {
    await expectFault('invalid-request', () =>
      current().transact(async (transaction) => {
        transaction.put('a', bytes('1'));
        transaction.delete('x'.repeat(maxKeyBytes + 1));
      }),
    );
    expect(await current().get('a')).toBeUndefined();
  });

  it('shows a transaction its own writes and nobody else', async () => {
    await current().put('a', bytes('old'));
    await current().transact(async (transaction) => {
      transaction.put('a', bytes('new'));
      transaction.put('b', bytes('2'));
      transaction.delete('b');
      expect(text(await transaction.get('a'))).toBe('new');
      expect(await transaction.get('b')).toBeUndefined();
      expect(text(await current().get('a'))).toBe('old');
    });
    expect(text(await current().get('a'))).toBe('new');
  });

  it('takes the bytes of a transaction as they are when put is called', async () => {
    await current().transact(async (transaction) => {
      const value = bytes('one');
      transaction.put('a', value);
      value.fill(0);
      (await transaction.get('a'))?.fill(0);
    });
    expect(text(await current().get('a'))).toBe('one');
  });

  it('lists with its own writes in it', async () => {
    for (const key of ['p/a', 'p/b', 'p/l/1', 'p/l/2', 'p/m/1', 'p/z']) await current().put(key, bytes('x'));
    const look = async (reader: Reader): Promise<string[][]> => [
      await reader.list('p/'),
      await reader.list('p/', { limit: 2 }),
      await reader.list('p/', { after: 'a', limit: 3 }),
      await reader.list('p/l/'),
      await reader.list('p/n/'),
      await reader.list(''),
    ];
    const inside = await current().transact(async (transaction) => {
      transaction.delete('p/a');
      transaction.delete('p/l/1');
      transaction.delete('p/m/1');
      transaction.put('p/n/x', bytes('x'));
      transaction.put('p/aa', bytes('x'));
      transaction.put('p/m', bytes('x'));
      return look(transaction);
    });
    expect(inside[0]).toEqual(['aa', 'b', 'l/', 'm', 'n/', 'z']);
    expect(inside).toEqual(await look(current()));
  });

  it('does not take writes after its end', async () => {
    let kept: Transaction | undefined;
    await current().transact(async (transaction) => {
      kept = transaction;
    });
    expect(() => kept?.put('a', bytes('1'))).toThrow(Fault);
    expect(await current().get('a')).toBeUndefined();
  });
}

function exerciseCompetition(current: () => Backend): void {
  const increment = (key: string): Promise<void> =>
    current().transact(async (transaction) => {
      const value = Number(text(await transaction.get(key)) ?? '0');
      transaction.put(key, bytes(String(value + 1)));
    });

  it('loses none of two increments that run at once', async () => {
    await Promise.all([increment('n'), increment('n')]);
    expect(text(await current().get('n'))).toBe('2');
  });

  it('loses none of 200 increments that run at once', async () => {
    await Promise.all(Array.from({ length: 200 }, () => increment('n')));
    expect(text(await current().get('n'))).toBe('200');
  });

  it('loses no increment while others write the same key without looking', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? current().put('other', bytes('x')) : increment(`n${index % 2}`))));
    expect(Number(text(await current().get('n0'))) + Number(text(await current().get('n1')))).toBe(30);
  });

  it('runs the work again when an entry that was read has changed', async () => {
    let runs = 0;
    await current().transact(async (transaction) => {
      runs += 1;
      const seen = text(await transaction.get('a'));
      if (runs === 1) await current().put('a', bytes('meanwhile'));
      transaction.put('b', bytes(`saw ${seen}`));
    });
    expect([runs, text(await current().get('b'))]).toEqual([2, 'saw meanwhile']);
  });

  it('runs the work again when an entry that was not there has come', async () => {
    const create = (value: string): Promise<boolean> =>
      current().transact(async (transaction) => {
        if ((await transaction.get('once')) !== undefined) return false;
        transaction.put('once', bytes(value));
        return true;
      });
    const made = await Promise.all(['a', 'b', 'c', 'd'].map(create));
    expect(made.filter(Boolean).length).toBe(1);
  });

  it('runs the work again when an entry was deleted and put anew with the same value', async () => {
    await current().put('a', bytes('same'));
    let runs = 0;
    await current().transact(async (transaction) => {
      runs += 1;
      await transaction.get('a');
      if (runs === 1) {
        await current().delete('a');
        await current().put('a', bytes('same'));
      }
      transaction.put('b', bytes('x'));
    });
    expect(runs).toBe(2);
  });

  for (const [change, act] of Object.entries({
    'a name has come': () => current().put('p/new', bytes('x')),
    'a name has gone': () => current().delete('p/a'),
    'a level has come': () => current().put('p/a/deep/er', bytes('x')),
    'a level has gone': () => current().delete('p/l/1'),
  }))
    it(`runs the work again when ${change} in a list`, async () => {
      for (const key of ['p/a', 'p/b', 'p/l/1']) await current().put(key, bytes('x'));
      let runs = 0;
      await current().transact(async (transaction) => {
        runs += 1;
        const names = await transaction.list('p/');
        if (runs === 1) await act();
        transaction.put('count', bytes(String(names.length)));
      });
      expect([runs, text(await current().get('count'))]).toEqual([2, String((await current().list('p/')).length)]);
    });

  it('does not run the work again when only values changed below a list', async () => {
    await current().put('p/a', bytes('1'));
    let runs = 0;
    await current().transact(async (transaction) => {
      runs += 1;
      await transaction.list('p/');
      if (runs === 1) await current().put('p/a', bytes('2'));
      transaction.put('q', bytes('x'));
    });
    expect(runs).toBe(1);
  });

  it('gives no result that was read half before and half after a commit', async () => {
    await current().put('left', bytes('0'));
    await current().put('right', bytes('0'));
    let runs = 0;
    const sum = await current().transact(async (transaction) => {
      runs += 1;
      const left = text(await transaction.get('left'));
      if (runs === 1)
        await current().transact(async (other) => {
          other.put('left', bytes('1'));
          other.put('right', bytes('1'));
        });
      const right = text(await transaction.get('right'));
      if (left !== right) throw new Error('damaged');
      return `${left}${right}`;
    });
    expect(sum).toBe('11');
  });

  it('throws a conflict, with nothing written, when it keeps losing', async () => {
    const losing = current().transact(async (transaction) => {
      await transaction.get('a');
      await current().put('a', bytes('meanwhile'));
      transaction.put('b', bytes('x'));
    });
    await expectFault('conflict', () => losing);
    expect(await current().get('b')).toBeUndefined();
  });
}

function exerciseFeed(current: () => Backend, open: OpenStorage): void {
  it('moves its head with each write and names what changed', async () => {
    const before = await current().feed.head();
    expect(await current().feed.since(before)).toEqual({ head: before, keys: [] });
    await current().put('a', bytes('1'));
    await current().transact(async (transaction) => {
      transaction.put('b/c', bytes('2'));
      transaction.delete('d');
    });
    const after = await current().feed.head();
    expect(after).toBeGreaterThan(before);
    const changes = await current().feed.since(before);
    if (changes === 'overrun') throw new Error('overrun');
    expect([changes.head, [...changes.keys].sort()]).toEqual([after, ['a', 'b/c', 'd']]);
  });

  it('has moved when the promise of a write resolves', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const before = await current().feed.head();
        await current().put(`k/${index}`, bytes('x'));
        const changes = await current().feed.since(before);
        expect(changes !== 'overrun' && changes.keys.includes(`k/${index}`)).toBe(true);
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
      expect(whole !== 'overrun' && whole.keys.length).toBe(8);
      await storage.put('k/8', bytes('x'));
      expect(await storage.feed.since(start)).toBe('overrun');
      const rest = await storage.feed.since(start + 1);
      expect(rest !== 'overrun' && [...rest.keys].sort()).toEqual(Array.from({ length: 8 }, (_, index) => `k/${index + 1}`));
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
    expect(changes !== 'overrun' && [...changes.keys].sort()).toEqual(['a', 'b/c']);
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
    if (reopen !== undefined) expect([(await (await reopen()).list('k/')).length, await (await reopen()).get('late')]).toEqual([20, undefined]);
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
    expect(await again.feed.since(position)).toEqual({ head: await again.feed.head(), keys: ['a/b'] });
    await again.put('a/c', bytes('more'));
    expect(await again.list('a/')).toEqual(['b', 'c']);
  });
}

async function expectFault(code: Fault['code'], act: () => Promise<unknown>): Promise<void> {
  const thrown = await act().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  expect((thrown as Fault).code).toBe(code);
}

function bytes(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value));
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

function same(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

function inByteOrder(names: readonly string[]): string[] {
  return [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}
