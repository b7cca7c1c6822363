// The part of Storage's exercise suite that is about versions: whether an entry still is the one that was read before.

import { expect, it } from 'vitest';
import type { Backend, Entry, Version } from '../../src/storage/storage.ts';
import { within } from '../../src/storage/within.ts';
import { bytes, expectFault, text } from './storage-values.ts';

export function exerciseVersions(current: () => Backend): void {
  const readNow = async (key: string): Promise<Entry> => (await current().read(key)) as Entry;
  const put = async (key: string, value: string): Promise<Version> => {
    await current().put(key, bytes(value));
    return (await readNow(key)).version;
  };
  const unchanged = (key: string, version: Version): Promise<boolean> =>
    current().transact((transaction) => transaction.unchanged(key, version));

  it('reads an entry with its version, in bytes that belong to the caller', async () => {
    const version = await put('a', 'one');
    const { value } = await readNow('a');
    value.fill(0);
    expect([text((await readNow('a')).value), (await readNow('a')).version]).toEqual(['one', version]);
    expect(await current().read('b')).toBeUndefined();
  });

  it('tells an entry that nobody wrote from one that somebody wrote, deleted, or made anew with the same bytes', async () => {
    const version = await put('a', 'one');
    await current().put('b', bytes('another'));
    expect(await unchanged('a', version)).toBe(true);
    const after = await put('a', 'one');
    expect([await unchanged('a', version), await unchanged('a', after)]).toEqual([false, true]);
    await current().delete('a');
    expect([await unchanged('a', after), await unchanged('a', 0)]).toEqual([false, true]);
    const anew = await put('a', 'one');
    expect([await unchanged('a', version), await unchanged('a', after), await unchanged('a', 0)]).toEqual([false, false, false]);
    expect(await unchanged('a', anew)).toBe(true);
  });

  it('does not take what the transaction wrote itself for what was read', async () => {
    const version = await put('a', 'one');
    const seen = await current().transact(async (transaction) => {
      transaction.put('a', bytes('one'));
      transaction.delete('b');
      return [await transaction.unchanged('a', version), await transaction.unchanged('b', 0), text(await transaction.get('a'))];
    });
    expect(seen).toEqual([false, false, 'one']);
  });

  for (const [change, act] of Object.entries({
    'was written': () => current().put('a', bytes('meanwhile')),
    'was deleted': () => current().delete('a'),
    'was deleted and made anew with the same bytes': async () => {
      await current().delete('a');
      await current().put('a', bytes('one'));
    },
  }))
    it(`runs the work again when an entry that was unchanged ${change} before the commit`, async () => {
      const version = await put('a', 'one');
      const seen: boolean[] = [];
      await current().transact(async (transaction) => {
        seen.push(await transaction.unchanged('a', version));
        if (seen.length === 1) await act();
        transaction.put('b', bytes(String(seen.length)));
      });
      expect([seen, text(await current().get('b'))]).toEqual([[true, false], '2']);
    });

  it('runs the work again, too, when it wrote nothing or threw', async () => {
    for (const fails of [false, true]) {
      const version = await put('a', 'one');
      let runs = 0;
      const result = await current().transact(async (transaction) => {
        runs += 1;
        const same = await transaction.unchanged('a', version);
        if (runs > 1) return same;
        await current().put('a', bytes('meanwhile'));
        if (fails) throw new Error('damaged');
        return same;
      });
      expect([runs, result]).toEqual([2, false]);
    }
  });

  it('loses none of 100 increments that trust what they remember while it is unchanged', async () => {
    let remembered: { readonly count: number; readonly version: Version } = { count: 0, version: 0 };
    const increment = (): Promise<void> =>
      current().transact(async (transaction) => {
        const known = remembered;
        const same = await transaction.unchanged('n', known.version);
        const count = same ? known.count : Number(text(await transaction.get('n')) ?? '0');
        transaction.put('n', bytes(String(count + 1)));
        transaction.committed((version) => {
          if (version > remembered.version) remembered = { count: count + 1, version };
        });
      });
    await Promise.all(Array.from({ length: 50 }, increment));
    for (let time = 0; time < 50; time++) await increment();
    expect([text(await current().get('n')), remembered]).toEqual(['100', { count: 100, version: (await readNow('n')).version }]);
  });

  it('tells the version of what was written before the transaction resolves, and nothing of runs that lost', async () => {
    const heard: [number, Version][] = [];
    let runs = 0;
    let resolved = false;
    const writing = current().transact(async (transaction) => {
      runs += 1;
      const run = runs;
      await transaction.get('a');
      if (run === 1) await current().put('a', bytes('meanwhile'));
      transaction.put('b', bytes('2'));
      transaction.put('c', bytes('3'));
      transaction.committed((version) => {
        expect(resolved).toBe(false);
        heard.push([run, version]);
      });
    });
    await writing.then(() => {
      resolved = true;
    });
    expect(heard).toEqual([[2, (await readNow('b')).version]]);
    expect((await readNow('c')).version).toBe((await readNow('b')).version);
    expect(await unchanged('b', heard[0]?.[1] as Version)).toBe(true);
  });

  it('tells nothing of work that threw or wrote nothing', async () => {
    const heard: Version[] = [];
    await current().transact(async (transaction) => transaction.committed((version) => heard.push(version)));
    await current()
      .transact(async (transaction) => {
        transaction.put('a', bytes('1'));
        transaction.committed((version) => heard.push(version));
        throw new Error('no');
      })
      .catch(() => {});
    expect(heard).toEqual([]);
  });

  it('names in the feed the newest commit that changed a key', async () => {
    const before = await current().feed.head();
    const first = await put('a', '1');
    const other = await put('b', '1');
    const second = await put('a', '2');
    await current().delete('b');
    const changes = await current().feed.since(before);
    if (changes === 'overrun') throw new Error('overrun');
    expect([first < other, other < second, changes.keys.get('a'), changes.keys.get('b')]).toEqual([true, true, second, changes.head]);
    const later = await current().feed.since(first);
    expect(later !== 'overrun' && later.keys.get('a')).toBe(second);
  });

  it('goes by the keys of a part of the store within it', async () => {
    const part = within(current(), 'part/');
    const heard: Version[] = [];
    await part.transact(async (transaction) => {
      transaction.put('a', bytes('1'));
      transaction.committed((version) => heard.push(version));
    });
    expect(heard).toEqual([(await readNow('part/a')).version]);
    expect((await part.read('a'))?.version).toBe(heard[0]);
    await put('a', 'outside');
    const same = (version: Version): Promise<boolean> => part.transact((transaction) => transaction.unchanged('a', version));
    expect([await same(heard[0] as Version), await same(heard[0] as Version)]).toEqual([true, true]);
    await put('part/a', '1');
    expect(await same(heard[0] as Version)).toBe(false);
  });

  it('refuses keys that cannot be', async () => {
    for (const key of ['', 'a\0b']) {
      await expectFault('invalid-request', () => current().read(key));
      await expectFault('invalid-request', () => unchanged(key, 0));
    }
  });
}
