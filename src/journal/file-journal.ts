// A journal in one file of this machine: replaced as a whole, and durable before anything goes on.

import { mkdirSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../base/fault.ts';
import type { Journal } from './journal.ts';
import { recordOfText, textOfRecord } from './record-text.ts';

/** The file is 0600 in a folder of 0700: a change may hold keys. */
export function fileJournal(path: string): Journal {
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === 'ENOENT') return undefined;
        throw failed(path, 'read', thrown);
      });
      return text === undefined ? undefined : recordOfText(text, path);
    },
    async write(record) {
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        await replaceFile(path, textOfRecord(record));
      } catch (thrown) {
        throw failed(path, 'written', thrown as NodeJS.ErrnoException);
      }
    },
  };
}

/** Whole or not at all, 0600. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.new`);
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (thrown) {
    await rm(beside, { force: true });
    throw thrown;
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function failed(path: string, what: string, { code }: NodeJS.ErrnoException): Fault {
  return new Fault('storage-failed', `the journal ${path} cannot be ${what} (${code}); nothing was changed since its last entry`);
}
