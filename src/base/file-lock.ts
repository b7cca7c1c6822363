// A lock on a file that one process holds at a time, and that the kernel gives back however its holder ends, also across containers.

import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from './fault.ts';

export interface FileLock {
  release(): void;
}

/** SQLITE_BUSY (sqlite3.h). */
const busy = 5;

/**
 * SQLite's lock on an empty file: Node offers no other way to one that ends with its holder. undefined while another process
 * holds it. Throws Fault `usage` when the file cannot be made.
 */
export function takeFileLock(path: string): FileLock | undefined {
  let lock: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    lock = new DatabaseSync(path);
    // With its journal in memory nothing is ever written, so that a full disk is no obstacle.
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (thrown) {
    lock?.close();
    if ((thrown as { errcode?: number }).errcode === busy) return undefined;
    throw new Fault('usage', `the lock ${path} cannot be taken`, { cause: thrown });
  }
  const held = lock;
  return { release: () => held.isOpen && held.close() };
}
