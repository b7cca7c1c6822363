// The part of Storage's exercise suite that is about transactions, alone and in competition.

import { expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { type Backend, maxKeyBytes, type Reader, type Transaction } from '../../src/storage/storage.ts';
import { bytes, expectFault, text } from './storage-values.ts';

export function exerciseTransactions(current: () => Backend): void {
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

export function exerciseCompetition(current: () => Backend): void {
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
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? current().put('other', bytes('x')) : increment(`n${index % 2}`))),
    );
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
