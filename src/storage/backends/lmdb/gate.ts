// The gate of a store: processes that commit or close pass side by side, a process that opens passes alone.

import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../../base/fault.ts';

/*
 * LMDB's binding (mdb_env_open2) sets the number of the newest commit, which all processes share, to what the opening process
 * has read, even when another one has committed since: the next writer would go on from the older state and lose what was
 * acknowledged. And whoever closes as the last ends the locks that an opening process is about to use.
 * So opening keeps everybody else out. A SQLite file that holds nothing is the lock: the system releases it when a process dies.
 */
export interface Gate {
  /** Resolves, once no process opens the store, to a function that ends the passage. */
  pass(): Promise<() => void>;
  /** Runs `work` while no other process is inside. Throws Fault `unavailable` when it got no turn in half a minute. */
  alone<T>(work: () => T): Promise<T>;
  close(): void;
}

/** SQLITE_BUSY (sqlite3.h). */
const busy = 5;
const patience = 30_000;
/** While SQLite itself waits it keeps newcomers out, so that an opening process gets its turn among those who commit without pause. */
const millisecondsPerTry = 100;

export function openGate(file: string): Gate {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA busy_timeout = 0');
  let inside = 0;

  const tryToPass = (): boolean =>
    unlessBusy(() => {
      // A transaction takes its lock at its first read.
      database.exec('BEGIN');
      try {
        database.exec('SELECT 1 FROM sqlite_schema');
      } catch (thrown) {
        database.exec('ROLLBACK');
        throw thrown;
      }
    });
  const tryAlone = (): boolean => {
    database.exec(`PRAGMA busy_timeout = ${millisecondsPerTry}`);
    const gotIn = unlessBusy(() => database.exec('BEGIN EXCLUSIVE'));
    database.exec('PRAGMA busy_timeout = 0');
    return gotIn;
  };

  return {
    async pass() {
      while (inside === 0 && !tryToPass()) await pause(2);
      inside += 1;
      return () => {
        inside -= 1;
        if (inside === 0) database.exec('COMMIT');
      };
    },
    async alone(work) {
      for (const end = performance.now() + patience; !tryAlone(); await pause(10))
        if (performance.now() > end) throw new Fault('unavailable', 'another process does not let go of the store; end it and start again');
      try {
        return work();
      } finally {
        database.exec('COMMIT');
      }
    },
    close: () => database.close(),
  };
}

function unlessBusy(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'errcode' in thrown && thrown.errcode === busy) return false;
    throw thrown;
  }
}
