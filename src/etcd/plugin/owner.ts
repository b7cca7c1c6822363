// One owner of a socket at a time: a lock that the kernel gives back however the owner ends, also across containers.

import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../base/fault.ts';

export interface Ownership {
  release(): void;
}

/** As SQLite says that somebody else has the lock. */
const busy = 5;

/**
 * SQLite's lock on an empty file: Node offers no other way to one that ends with its holder. Throws Fault `usage` when another
 * process holds it, or the file cannot be made.
 */
export function takeOwnership(path: string): Ownership {
  let lock: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    lock = new DatabaseSync(path);
    // With its journal in memory nothing is ever written, so that a full disk is no obstacle.
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (thrown) {
    lock?.close();
    if ((thrown as { errcode?: number }).errcode === busy)
      throw new Fault('usage', `another process owns this socket, since it holds ${path}; end it, or choose another socket`);
    throw new Fault('usage', `the lock ${path} cannot be taken`, { cause: thrown });
  }
  const held = lock;
  return { release: () => held.isOpen && held.close() };
}
