// Files that hold keys: read only where others may not, and written so that nobody finds half of one.

import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../base/fault.ts';

/**
 * `what` names the file in sentences: `the key file`; `refused` are the mode bits that it must not have. Throws Fault `usage` for a
 * file that is too open or cannot be read.
 */
export function readPrivateFile(path: string, what: string, refused = 0o077): Buffer {
  const content = privateFileIfThere(path, what, refused);
  if (content === undefined) throw new Fault('usage', `${what} ${path} cannot be read: it is not there`);
  return content;
}

/** As `readPrivateFile`, but undefined for a file that is not there. */
export function privateFileIfThere(path: string, what: string, refused = 0o077): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    // The mode of the file that is read, not of whatever the path leads to a moment later.
    if ((fstatSync(file).mode & refused) !== 0) throw new Fault('usage', `${what} ${path} may be read by others; chmod it to 0600`);
    return readFileSync(file);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Fault('usage', `${what} ${path} cannot be read`, { cause: thrown });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** 0600, on the disk when it returns, whole or not at all. Throws Fault `usage`. */
export function writePrivateFile(path: string, what: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    rmSync(draft, { force: true });
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, path);
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (thrown) {
    rmSync(draft, { force: true });
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault('usage', `${what} ${path} cannot be written: ${code ?? 'unknown error'}`, { cause: thrown });
  }
}
