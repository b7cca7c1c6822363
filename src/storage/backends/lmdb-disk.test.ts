// A full disk: writes are refused with a sentence and leave nothing behind, reads go on, and once there is room all is as before.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { bytes, text } from '../../../test/suites/storage-values.ts';
import { Fault } from '../../base/fault.ts';
import type { Backend } from '../storage.ts';
import { openLmdb } from './lmdb.ts';

const disk = mkdtempSync(join(tmpdir(), 'casemate-disk-'));
const filler = join(disk, 'filler');
const full = 'the store could not write because its disk is full; nothing was written; make room and try again';
let mounted = false;

beforeAll(() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
    mounted = true;
  } catch {
    mounted = false;
  }
});
afterAll(() => {
  if (mounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

/** Writes until so many bytes are free. */
function fill(free: number): void {
  makeRoom();
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - free));
}

function makeRoom(): void {
  rmSync(filler, { force: true });
}

async function refusal(act: () => Promise<unknown>): Promise<string> {
  const thrown = await act().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  expect([(thrown as Fault).code, (thrown as Fault).http]).toEqual(['storage-failed', 500]);
  return (thrown as Fault).message;
}

describe('a full disk', () => {
  let path: string;
  let stores = 0;
  beforeEach((context: TestContext) => {
    if (!mounted) context.skip('a disk to fill can only be mounted as root');
    makeRoom();
    stores += 1;
    path = join(disk, `store-${stores}`);
  });

  const onStore = async (work: (storage: Backend) => Promise<void>): Promise<void> => {
    const storage = await openLmdb({ path });
    try {
      await work(storage);
    } finally {
      await storage.close();
      makeRoom();
    }
  };
  const large = bytes('x'.repeat(400_000));

  it.each([0, 20_000, 100_000])(
    'with %i bytes left refuses a large write, keeps what is there, and goes on when there is room',
    async (free) => {
      await onStore(async (storage) => {
        await storage.put('a', bytes('before'));
        const head = await storage.feed.head();
        fill(free);
        const writes: Record<string, () => Promise<unknown>> = {
          put: () => storage.put('large', large),
          transact: () =>
            storage.transact(async (transaction) => {
              transaction.put('a', bytes('half'));
              transaction.put('large', large);
            }),
        };
        for (const [name, write] of Object.entries(writes)) expect([name, await refusal(write)]).toEqual([name, full]);
        expect(await storage.list('')).toEqual(['a']);
        expect([text(await storage.get('a')), await storage.feed.head()]).toEqual(['before', head]);
        makeRoom();
        await storage.put('large', large);
        expect((await storage.get('large'))?.length).toBe(large.length);
      });
      await onStore(async (storage) => {
        expect(await storage.list('')).toEqual(['a', 'large']);
      });
    },
  );

  it('refuses every one of many writes at once, without one left unanswered', async () => {
    await onStore(async (storage) => {
      await storage.put('a', bytes('before'));
      fill(0);
      const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => refusal(() => storage.put(`k/${index}`, large))));
      expect(new Set(answers)).toEqual(new Set([full]));
      expect(await storage.list('')).toEqual(['a']);
    });
  });

  it('lets a store be opened and read', async () => {
    await onStore((storage) => storage.put('a', bytes('before')));
    fill(0);
    await onStore(async (storage) => {
      expect(text(await storage.get('a'))).toBe('before');
      expect(await refusal(() => storage.put('large', large))).toBe(full);
    });
  });

  it('lets no new store be made, and says why', async () => {
    const left: Record<string, () => void> = {
      nothing: () => {},
      'a folder': () => mkdirSync(path, { recursive: true }),
      'a gate': () => copyFileSync(join(other, 'gate.lock'), join(path, 'gate.lock')),
      'a gate and a lock': () => copyFileSync(join(other, 'lock.mdb'), join(path, 'lock.mdb')),
    };
    const other = join(disk, 'other');
    await (await openLmdb({ path: other })).close();
    for (const leave of Object.values(left)) {
      leave();
      fill(0);
      expect(await refusal(() => openLmdb({ path }))).toBe(
        `the data folder ${path} cannot be used: the disk is full; make room and start again`,
      );
      makeRoom();
    }
    await onStore((storage) => storage.put('a', bytes('after')));
  });

  it('does not end the process that opens a store whose lock file is gone', async () => {
    await onStore((storage) => storage.put('a', bytes('before')));
    rmSync(join(path, 'lock.mdb'));
    fill(0);
    expect(await refusal(() => openLmdb({ path }))).toContain('the disk is full');
    makeRoom();
    await onStore(async (storage) => expect(text(await storage.get('a'))).toBe('before'));
  });
});
