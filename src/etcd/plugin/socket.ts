// The socket that kube-apiserver connects to: whoever can open it can open Secrets, so its folder is closed to everybody else.

import { chmodSync, mkdirSync, readdirSync, rmSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, isAbsolute } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { FileLock } from '../../base/file-lock.ts';
import type { Log } from '../../base/log.ts';
import { clearSocket } from '../../http/unix-socket.ts';
import { takeOwnership } from './owner.ts';

export interface OwnedSocket {
  readonly path: string;
  /** To be called when something listens at it: sets its mode, and remembers it. Throws Fault `usage`. */
  listening(): void;
  /** False when somebody has removed it or put another in its place. */
  isThere(): boolean;
  /** Removes what an earlier listener of ours left at the path. Throws Fault `usage` when another process listens there. */
  clear(): Promise<void>;
  /** Removes the socket and gives it to the next owner. */
  release(): void;
}

/** Bytes of a path that fit into a socket's address. */
const longestPath = 107;

/**
 * Makes the folder if need be, takes the socket over from a process that is gone, and from nobody else. Throws Fault `usage` in a
 * sentence.
 */
export async function ownSocket(path: string, log: Log): Promise<OwnedSocket> {
  checkPath(path);
  const folder = dirname(path);
  closeFolder(folder, log);
  const ownership = takeOwnership(`${path}.lock`);
  try {
    await clearSocket({ path });
  } catch (thrown) {
    ownership.release();
    throw thrown;
  }
  return ownedSocket(path, ownership);
}

function ownedSocket(path: string, ownership: FileLock): OwnedSocket {
  let inode: number | undefined;
  const present = (): Stats | undefined => statSync(path, { throwIfNoEntry: false });
  const isThere = (): boolean => inode !== undefined && present()?.ino === inode;
  return {
    path,
    isThere,
    listening() {
      try {
        chmodSync(path, 0o600);
        inode = statSync(path).ino;
      } catch (thrown) {
        throw new Fault('usage', `the mode of the socket ${path} cannot be set`, { cause: thrown });
      }
    },
    clear: () => clearSocket({ path }),
    release() {
      if (isThere()) rmSync(path, { force: true });
      inode = undefined;
      ownership.release();
    },
  };
}

function checkPath(path: string): void {
  if (path.startsWith('@') || path.startsWith('\0'))
    throw new Fault('usage', 'abstract sockets are open to every user of the machine; name the path of a socket in a folder of its own');
  if (!isAbsolute(path)) throw new Fault('usage', `the socket must be an absolute path, not ${path}`);
  if (Buffer.byteLength(path) > longestPath)
    throw new Fault('usage', `the path of the socket is longer than the ${longestPath} bytes that an address takes: ${path}`);
}

/** The kubelet makes a `DirectoryOrCreate` with 0755; one that holds nothing but sockets of ours is closed rather than refused. */
function closeFolder(folder: string, log: Log): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) {
    makeFolder(folder);
    return;
  }
  if (!found.isDirectory()) throw new Fault('usage', `${folder}, where the socket shall lie, is no folder`);
  const self = process.getuid?.() ?? 0;
  if (found.uid !== self && found.uid !== 0)
    throw new Fault('usage', `the folder ${folder} of the socket belongs to another user (${found.uid}), who could replace the socket`);
  if ((found.mode & 0o077) === 0) return;
  const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
  if (found.uid !== self || readdirSync(folder, { withFileTypes: true }).some((entry) => !(entry.isSocket() || isLock(entry.name))))
    throw new Fault(
      'usage',
      `the folder ${folder} of the socket is open to others (mode ${mode}) and not for this socket alone; name a folder of its own, or chmod it to 0700`,
    );
  chmodSync(folder, 0o700);
  log.warn('the folder of the socket was open to others, and was closed', { folder, mode });
}

function isLock(name: string): boolean {
  return basename(name, '.lock') !== name;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw new Fault('usage', `the folder ${folder} of the socket cannot be made`, { cause: thrown });
  }
}
