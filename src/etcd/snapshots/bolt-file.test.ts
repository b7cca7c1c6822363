// The reader of bbolt's files on a real database of etcd, and on what noise and malice make of one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { type ByteSource, fnv64a, openBolt } from './bolt-file.ts';

const whole = readFileSync(join(import.meta.dirname, '..', '..', '..', 'test', 'vectors', 'snapshots', 'sealed.db'));
const database = whole.subarray(0, whole.length - 32);

function sourceOf(bytes: Buffer): ByteSource {
  return { what: 'the file', size: bytes.length, read: (position, length) => Buffer.from(bytes.subarray(position, position + length)) };
}

/** Everything that a reader of snapshots would look at, as keys in hex; a bound stands for "it never ends". */
function walkAll(source: ByteSource, order: 'ascending' | 'descending' = 'ascending'): readonly string[] {
  const bolt = openBolt(source);
  const keys: string[] = [];
  for (const name of ['key', 'meta', 'cluster', 'members', 'lease'])
    for (const { key } of bolt.bucket(name)?.pairs(order) ?? [])
      if (keys.push(`${name} ${key.toString('hex')}`) > 100_000) throw new Error('endless');
  return keys;
}

function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(database);
  change(bytes);
  return bytes;
}

/** A file whose pages are not protected by any sum: meta pages are written anew after a change of them. */
function withMeta(bytes: Buffer, change: (meta: Buffer) => void): Buffer {
  for (const page of [0, 4096]) {
    const meta = bytes.subarray(page + 16, page + 80);
    change(meta);
    meta.writeBigUInt64LE(fnv64a(meta.subarray(0, 56)), 56);
  }
  return bytes;
}

/** Where the tree of the bucket `key` begins: old pages lie beside those that count. */
function branchPage(): number {
  const [one, other] = [16, 4096 + 16].map((at) => database.subarray(at, at + 64)) as [Buffer, Buffer];
  const meta = one.readBigUInt64LE(48) > other.readBigUInt64LE(48) ? one : other;
  const root = Number(meta.readBigUInt64LE(16)) * 4096;
  for (let at = root + 16; at < root + 16 + database.readUInt16LE(root + 10) * 16; at += 16) {
    const start = at + database.readUInt32LE(at + 4);
    if (database.toString('latin1', start, start + database.readUInt32LE(at + 8)) !== 'key') continue;
    const page = Number(database.readBigUInt64LE(start + 3)) * 4096;
    expect(database.readUInt16LE(page + 8)).toBe(1);
    return page;
  }
  throw new Error('the vector has no branch page');
}

test('the pairs of a bucket come in order, and the other way round', () => {
  const up = walkAll(sourceOf(database));
  expect(up.length).toBeGreaterThan(30);
  const down = walkAll(sourceOf(database), 'descending');
  expect(down.filter((name) => name.startsWith('key'))).toEqual(up.filter((name) => name.startsWith('key')).reverse());
  expect(openBolt(sourceOf(database)).bucket('no such bucket')).toBeUndefined();
});

test('a value that is longer than a page comes whole', () => {
  const longest = Math.max(...[...(openBolt(sourceOf(database)).bucket('key')?.pairs('ascending') ?? [])].map(({ value }) => value.length));
  expect(longest).toBeGreaterThan(6_000);
});

test('the checksum of a meta page is FNV-1a', () => {
  // draft-eastlake-fnv, appendix C.
  expect(fnv64a(Buffer.from(''))).toBe(0xcbf29ce484222325n);
  expect(fnv64a(Buffer.from('a'))).toBe(0xaf63dc4c8601ec8cn);
  expect(fnv64a(Buffer.from('foobar'))).toBe(0x85944171f73967e8n);
});

test('one broken meta page is not missed, as bbolt writes them in turns; two of them are', () => {
  const keys = walkAll(sourceOf(database)).length;
  for (const page of [0, 4096]) expect(walkAll(sourceOf(changed((bytes) => bytes.fill(0xff, page + 20, page + 60)))).length).toBe(keys);
  const both = changed((bytes) => bytes.fill(0xff, 16, 60) && bytes.fill(0xff, 4096 + 16, 4096 + 60));
  expect(() => openBolt(sourceOf(both))).toThrow('no whole meta page');
});

test('of two whole meta pages the newer one counts', () => {
  const older = changed((bytes) => {
    const meta = bytes.subarray(4096 + 16, 4096 + 80);
    bytes.copy(meta, 0, 16, 80);
    meta.writeBigUInt64LE(bytes.readBigUInt64LE(16 + 48) + 7n, 48);
    meta.writeBigUInt64LE(fnv64a(meta.subarray(0, 56)), 56);
  });
  expect(openBolt(sourceOf(older)).transaction).toBe(openBolt(sourceOf(database)).transaction + (7n - (older.equals(database) ? 7n : 0n)));
});

describe('a hostile file is refused, and costs no more than reading it', () => {
  const refused = (bytes: Buffer, why: string | RegExp) => {
    try {
      walkAll(sourceOf(bytes));
    } catch (thrown) {
      expect((thrown as Fault).code).toBe('corrupted');
      expect((thrown as Fault).message).toMatch(why);
      return;
    }
    expect.unreachable('it was read to its end');
  };

  test('a branch that leads back to itself', () => {
    const at = branchPage();
    refused(
      changed((bytes) => bytes.writeBigUInt64LE(BigInt(at / 4096), at + 16 + 8)),
      'circles',
    );
  });

  test('a branch whose children are all the same page', () => {
    const at = branchPage();
    refused(
      changed((bytes) => bytes.copy(bytes, at + 32 + 8, at + 16 + 8, at + 16 + 16)),
      /out of order|circles/,
    );
  });

  test('a page that runs over more pages than there are', () => {
    const at = branchPage();
    refused(
      changed((bytes) => bytes.writeUInt32LE(0xffffffff, at + 12)),
      'breaks off',
    );
  });

  test('a root beyond the last page', () =>
    refused(
      withMeta(Buffer.from(database), (meta) => meta.writeBigUInt64LE(2n ** 60n, 16)),
      'none of its pages',
    ));

  test('a page that claims to be as long as the file, and the file to be huge', () => {
    const at = branchPage();
    const huge: ByteSource = { ...sourceOf(changed((bytes) => bytes.writeUInt32LE(2 ** 20, at + 12))), size: 2 ** 40 };
    expect(() => walkAll(huge)).toThrow('longer than any page of etcd');
  });

  test('entries that overlap', () => {
    const leaf = Number(database.readBigUInt64LE(branchPage() + 16 + 8)) * 4096;
    refused(
      changed((bytes) => bytes.writeUInt32LE(0x7fffffff, leaf + 16 + 12)),
      'overlap',
    );
    refused(
      changed((bytes) => bytes.writeUInt32LE(0x7fffffff, leaf + 16 + 4)),
      'longer than the page',
    );
  });

  test('a file that is cut off anywhere', () => {
    for (let length = 0; length < database.length - 4096; length += 1024) {
      try {
        walkAll(sourceOf(database.subarray(0, length)));
      } catch (thrown) {
        expect((thrown as Fault).code).toBe('corrupted');
      }
    }
  });

  test('noise in any place is a Fault or is read to its end', () => {
    const place = fc.record({ at: fc.nat(database.length - 9), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) });
    // Headers and elements are where damage hurts.
    const header = fc.record({
      at: fc.tuple(fc.nat(database.length / 4096 - 1), fc.nat(200)).map(([page, at]) => page * 4096 + at),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(place, header), { minLength: 1, maxLength: 6 }), fc.boolean(), (edits, isMetaMended) => {
        const bytes = changed((copy) => {
          for (const edit of edits) copy.set(edit.bytes, edit.at);
        });
        if (isMetaMended) withMeta(bytes, (meta) => Buffer.from(database).copy(meta, 0, 16, 32));
        try {
          walkAll(sourceOf(bytes));
        } catch (thrown) {
          if (!(thrown instanceof Fault) || thrown.code !== 'corrupted') throw thrown;
        }
      }),
      { numRuns: 600 },
    );
  });

  test('bytes that never were a database', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8192 }), (bytes) => {
        expect(() => openBolt(sourceOf(Buffer.from(bytes)))).toThrow(Fault);
      }),
      { numRuns: 200 },
    );
  });
});
