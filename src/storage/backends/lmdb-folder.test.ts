// A folder in which no store can be opened gets one sentence that says why, and never ends the process.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../../../test/suites/processes.ts';
import { bytes, text } from '../../../test/suites/storage-values.ts';
import { Fault } from '../../base/fault.ts';
import { openLmdb } from './lmdb.ts';

let path: string;
let dataFile: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'casemate-folder-'));
  dataFile = join(path, 'data.mdb');
});
afterEach(() => rmSync(path, { recursive: true }));

async function refusal(folder = path): Promise<[string, string]> {
  const thrown = await openLmdb({ path: folder }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  return [(thrown as Fault).code, (thrown as Fault).message.replaceAll(path, 'FOLDER')];
}

/** A store whose file begins with its roots, goes on with leaves and with large values in pages of their own, and ends in free pages. */
async function fillStore(): Promise<void> {
  const storage = await openLmdb({ path });
  const put = (from: number, to: number, size: number) =>
    storage.transact(async (transaction) => {
      for (let index = from; index < to; index++) transaction.put(`k/${index}`, bytes(`${index} `.padEnd(size, '.')));
    });
  const remove = (from: number, to: number) =>
    storage.transact(async (transaction) => {
      for (let index = from; index < to; index++) transaction.delete(`k/${index}`);
    });
  await put(400, 420, 5_000);
  await put(0, 300, 300);
  await put(300, 330, 20_000);
  await put(330, 350, 5_000);
  await remove(400, 420);
  await remove(330, 350);
  // Each commit moves the roots; these take the pages that the first values left.
  for (let count = 0; count < 4; count++) await put(0, 1, 300);
  await storage.close();
}

async function expectWholeStore(): Promise<void> {
  const storage = await openLmdb({ path });
  expect((await storage.list('k/')).length).toBe(330);
  for (let index = 0; index < 330; index++) expect(text(await storage.get(`k/${index}`))?.startsWith(`${index} `)).toBe(true);
  await storage.put('k/0', bytes('0 again'));
  await storage.close();
}

describe('a store', () => {
  it('is made in a folder that is not there yet, for its user alone', async () => {
    const deep = join(path, 'deep', 'er');
    await (await openLmdb({ path: deep })).close();
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    for (const name of ['data.mdb', 'lock.mdb']) expect([name, statSync(join(deep, name)).mode & 0o777]).toEqual([name, 0o600]);
  });

  it('takes address space and not disk', async () => {
    await (await openLmdb({ path })).close();
    expect(statSync(dataFile).size).toBeLessThan(200_000);
  });

  it('can be copied away file by file while it is closed, and opened without its lock file', async () => {
    await fillStore();
    const copy = join(path, 'copy');
    mkdirSync(copy);
    copyFileSync(dataFile, join(copy, 'data.mdb'));
    const storage = await openLmdb({ path: copy });
    expect((await storage.list('k/')).length).toBe(330);
    await storage.close();
  });
});

describe('a folder', () => {
  it('that is a file', async () => {
    writeFileSync(join(path, 'file'), 'x');
    const sentence = 'cannot be used: it is not a folder; choose a folder that this user may write to';
    expect(await refusal(join(path, 'file'))).toEqual(['storage-failed', `the data folder FOLDER/file ${sentence}`]);
    expect(await refusal(join(path, 'file', 'below'))).toEqual(['storage-failed', `the data folder FOLDER/file/below ${sentence}`]);
  });

  it('in which folders stand where files belong', async () => {
    mkdirSync(dataFile);
    expect((await refusal())[0]).toBe('storage-failed');
    rmSync(dataFile, { recursive: true });
    rmSync(join(path, 'lock.mdb'), { recursive: true, force: true });
    mkdirSync(join(path, 'lock.mdb'));
    expect((await refusal())[0]).toBe('storage-failed');
  });

  it('that this user may not write to', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can start a process as a user that may not write');
    const nobody = 65_534;
    await (await openLmdb({ path })).close();
    const files = ['', 'data.mdb', 'lock.mdb'];
    const sentence = `the data folder ${path} cannot be used: this user may not write there; choose a folder that this user may write to`;
    for (const file of files) {
      for (const each of files) {
        chownSync(join(path, each), nobody, nobody);
        chmodSync(join(path, each), each === '' ? 0o700 : 0o600);
      }
      chmodSync(join(path, file), file === '' ? 0o500 : 0o400);
      const child = startProcess(path, { uid: nobody });
      const answer = await child.ask({ ask: 'head' }).catch((thrown: Error) => thrown.message);
      await child.kill();
      if (answer === 'the process has ended') return context.skip('another user cannot read this checkout');
      expect([file, answer]).toEqual([file, `storage-failed: ${sentence}`]);
    }
  });
});

describe('files of a store', () => {
  const foreign = 'the files in FOLDER are damaged or are not a store of Casemate: restore them from a backup';

  it.each([1, 100, 4_096, 100_000])('that are %i bytes of garbage', async (length) => {
    writeFileSync(dataFile, Buffer.alloc(length, 'garbage'));
    expect(await refusal()).toEqual(['corrupted', foreign]);
    writeFileSync(dataFile, Buffer.alloc(length));
    expect(await refusal()).toEqual(['corrupted', foreign]);
  });

  it('whose first pages are damaged', async () => {
    await fillStore();
    const whole = readFileSync(dataFile);
    for (const at of [24, 28, 48, 4_096 + 24, 4_096 + 28]) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] as number) ^ 1;
      writeFileSync(dataFile, changed);
      expect([at, ...(await refusal())]).toEqual([at, 'corrupted', foreign]);
    }
    writeFileSync(dataFile, whole);
    await expectWholeStore();
  });

  it('that were cut off', async () => {
    await fillStore();
    const whole = statSync(dataFile).size;
    const pages = whole / 4_096;
    const sentence = 'the store in FOLDER is damaged (the end of data.mdb is missing): restore it from a backup';
    for (const length of [(pages - 60) * 4_096, (pages - 60) * 4_096 + 100, 50 * 4_096, 3 * 4_096, 2 * 4_096]) {
      truncateSync(dataFile, length);
      expect([length, ...(await refusal())]).toEqual([length, 'corrupted', sentence]);
    }
  });

  it('that lack only free pages are whole', async () => {
    await fillStore();
    const copy = readFileSync(dataFile);
    const pages = copy.length / 4_096;
    const shortest = await shortestThatOpens(pages);
    // Twenty deleted values of two pages each lay at the end.
    expect(shortest).toBeLessThan(pages - 20);
    writeFileSync(dataFile, copy);
    truncateSync(dataFile, shortest * 4_096);
    await expectWholeStore();
    await expectWholeStore();
  });

  it('of a newer Casemate', async () => {
    await (await openLmdb({ path })).close();
    await writeFormat(Buffer.from([2, 0, 0, 16, 0, 7]));
    expect(await refusal()).toEqual([
      'storage-failed',
      'the store in FOLDER has format 2 and this Casemate knows formats up to 1: start the newer Casemate that wrote it',
    ]);
  });

  it.each(['', '00', '01', '01000010', '0000001000'])('whose format is "%s"', async (format) => {
    await (await openLmdb({ path })).close();
    await writeFormat(Buffer.from(format, 'hex'));
    expect(await refusal()).toEqual(['corrupted', 'the store in FOLDER is damaged: restore it from a backup']);
  });

  it('of another program', async () => {
    const other = open({ path, noSubdir: false, encoding: 'binary' });
    await other.put('theirs', Buffer.from('x'));
    await other.close();
    const storage = await openLmdb({ path });
    expect(await storage.list('')).toEqual([]);
    await storage.close();
  });

  async function writeFormat(format: Buffer): Promise<void> {
    const root = open({ path, noSubdir: false, encoding: 'binary' });
    const about = root.openDB<Buffer, Buffer>({ name: 'about', encoding: 'binary', keyEncoding: 'binary', useVersions: true });
    await about.put(Buffer.from('format'), format, 1);
    await root.close();
  }

  async function shortestThatOpens(pages: number): Promise<number> {
    for (let left = pages - 1; left > 0; left--) {
      truncateSync(dataFile, left * 4_096);
      const opened = await openLmdb({ path }).then(
        (storage) => storage,
        () => undefined,
      );
      if (opened === undefined) return left + 1;
      await opened.close();
    }
    return 0;
  }
});
