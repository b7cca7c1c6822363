// The folder of an LMDB store, made ready and looked over before LMDB opens it: the binding does not survive an opening that fails.

import { accessSync, closeSync, constants, mkdirSync, openSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../../base/fault.ts';
import { damageOf } from './data-file.ts';

/** Room for about a thousand readers of all processes together. */
const lockBytes = 64 * 1_024;
/** What a new store has to find free on its disk. */
export const bytesToBegin = 2 ** 20;

/** Makes the folder where it is missing. Throws Fault `storage-failed` when this user cannot use it. */
export function prepareFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  const gate = gateFile(path);
  if (!isThere(gate)) {
    mustHaveRoom(path);
    closeSync(openSync(gate, 'a', 0o600));
  }
  accessSync(gate, constants.R_OK | constants.W_OK);
}

export function gateFile(path: string): string {
  return join(path, 'gate.lock');
}

/** To be called with the gate closed to others. Throws Fault `storage-failed` or `corrupted` where no store can be opened. */
export function prepareFiles(path: string): void {
  const dataFile = join(path, 'data.mdb');
  const lockFile = join(path, 'lock.mdb');
  if (!isThere(lockFile)) makeLockFile(lockFile);
  accessSync(lockFile, constants.R_OK | constants.W_OK);
  if (isThere(dataFile)) lookOver(path, dataFile);
  else mustHaveRoom(path);
}

/** LMDB would make it with holes and write to it through memory, where a full disk is a signal that ends the process. */
function makeLockFile(lockFile: string): void {
  try {
    writeFileSync(lockFile, Buffer.alloc(lockBytes), { mode: 0o600 });
  } catch (thrown) {
    rmSync(lockFile, { force: true });
    throw thrown;
  }
}

function mustHaveRoom(path: string): void {
  if (freeBytes(path) < bytesToBegin) throw withCode('ENOSPC', 'too little room for a new store');
}

function lookOver(path: string, dataFile: string): void {
  accessSync(dataFile, constants.R_OK | constants.W_OK);
  const damage = damageOf(dataFile);
  if (damage === 'foreign') throw foreign(path);
  if (damage === 'cut off')
    throw new Fault('corrupted', `the store in ${path} is damaged (the end of data.mdb is missing): restore it from a backup`);
}

/** Bytes that this user may still write to the disk of a folder. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/** An empty file is as good as none: its maker did not come further. */
function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === false) throw withCode('EISDIR', 'not a file');
  return found !== undefined && found.size > 0;
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

const reasons: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ['EACCES', 'this user may not write there'],
  ['EPERM', 'this user may not write there'],
  ['EROFS', 'it is on a read-only file system'],
  ['ENOTDIR', 'it is not a folder'],
  ['EEXIST', 'it is not a folder'],
  ['EISDIR', 'a folder stands where a file of the store belongs'],
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the quota of this user is used up'],
  [13, 'this user may not write there'],
  [30, 'it is on a read-only file system'],
  [28, 'the disk is full'],
  [12, 'there is not enough address space for it'],
]);
/** MDB_INVALID, MDB_CORRUPTED, MDB_VERSION_MISMATCH (lmdb.h). */
const foreignCodes: ReadonlySet<unknown> = new Set([-30793, -30796, -30794]);

/** The Fault for a folder that a store could not be opened in; a Fault stays what it is. */
export function unusable(path: string, cause: unknown): Fault {
  const code = codeOf(cause);
  if (cause instanceof Fault) return cause;
  if (foreignCodes.has(code)) return foreign(path, cause);
  const reason = reasons.get(code) ?? (typeof code === 'string' || typeof code === 'number' ? `error ${code}` : 'it could not be opened');
  return new Fault('storage-failed', `the data folder ${path} cannot be used: ${reason}; ${adviceFor(code)}`, { cause });
}

function adviceFor(code: unknown): string {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 28
    ? 'make room and start again'
    : 'choose a folder that this user may write to';
}

function foreign(path: string, cause?: unknown): Fault {
  return new Fault('corrupted', `the files in ${path} are damaged or are not a store of Casemate: restore them from a backup`, { cause });
}
