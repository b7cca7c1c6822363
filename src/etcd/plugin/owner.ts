// One owner of a socket at a time.

import { Fault } from '../../base/fault.ts';
import { type FileLock, takeFileLock } from '../../base/file-lock.ts';

/** Throws Fault `usage` when another process holds it, or the file cannot be made. */
export function takeOwnership(path: string): FileLock {
  const lock = takeFileLock(path);
  if (lock === undefined)
    throw new Fault('usage', `another process owns this socket, since it holds ${path}; end it, or choose another socket`);
  return lock;
}
