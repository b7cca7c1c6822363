// The part of Storage's exercise suite that is about lists.

import { expect, it } from 'vitest';
import type { Backend } from '../../src/storage/storage.ts';
import { bytes, expectFault, inByteOrder } from './storage-values.ts';

export function exerciseLists(current: () => Backend): void {
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
      expect(await current().list('p/', { after })).toEqual(
        all.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0),
      );
  });

  it('gives the same names page by page as at once', async () => {
    await fill(...Array.from({ length: 60 }, (_, index) => `p/${index % 20}${index % 3 === 0 ? '' : `/${index}`}`));
    const whole = await current().list('p/');
    for (const limit of [1, 2, 7, 100]) {
      const pages: string[] = [];
      for (
        let page = await current().list('p/', { limit });
        page.length > 0;
        page = await current().list('p/', { limit, after: page.at(-1) as string })
      ) {
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
