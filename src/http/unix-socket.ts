// A unix socket to listen on: what an earlier process left behind is cleared away, and who may connect is set.

import { chmodSync, chownSync, lstatSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { Fault } from '../base/fault.ts';

export interface UnixSocket {
  readonly path: string;
  readonly mode?: number | undefined;
  /** Numeric ids. */
  readonly user?: number | undefined;
  readonly group?: number | undefined;
}

/** Removes a socket that nobody listens on any more, and nothing else. Throws Fault `usage`. */
export async function clearSocket({ path }: UnixSocket): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Fault('usage', `${path} is there already and is no socket; choose another path for the listener`);
  if (await isServed(path)) throw new Fault('usage', `${path} is in use by another process; end it or choose another path`);
  rmSync(path, { force: true });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** Throws Fault `usage` where the ids are not this process's to give. */
export function openSocketTo({ path, mode, user, group }: UnixSocket): void {
  try {
    if (user !== undefined || group !== undefined) chownSync(path, user ?? -1, group ?? -1);
    if (mode !== undefined) chmodSync(path, mode);
  } catch (thrown) {
    throw new Fault('usage', `the owner or mode of ${path} cannot be set`, { cause: thrown });
  }
}
