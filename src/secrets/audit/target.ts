// What a sink writes to: a file that is opened for appending and never waited for, or standard output.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Fault } from '../../base/fault.ts';

export interface Target {
  /** Resolves to how many of the bytes were taken, at least one. */
  write(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

export interface TargetOptions {
  /** An absolute path, or `stdout`. */
  readonly path: string;
  readonly mode: number;
  /** Whether the file may be a symbolic link: only where the operator chose the path. */
  readonly followLinks: boolean;
}

/** Milliseconds between attempts at a pipe whose reader is slow. */
const pipeFull = 5;

/** Throws Fault `invalid-request` when the file cannot be opened for appending. */
export async function openTarget({ path, mode, followLinks }: TargetOptions): Promise<Target> {
  if (path === 'stdout') return standardOutput;
  if (!followLinks && (await isBinary(path)))
    throw new Fault('invalid-request', 'sanity check failed; the audit file is there already and is no text: choose another name');
  let file: FileHandle;
  try {
    // Without O_NONBLOCK a FIFO that nobody reads would hold the opening thread for ever.
    const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK;
    file = await open(path, followLinks ? flags : flags | constants.O_NOFOLLOW, mode);
    // Of a device or a pipe the mode is not ours to change.
    if ((await file.stat()).isFile()) await file.chmod(mode);
  } catch (thrown) {
    throw new Fault('invalid-request', `sanity check failed; the audit file cannot be opened for writing (${reasonOf(thrown)})`, {
      cause: thrown,
    });
  }
  let closed = false;
  return {
    async write(bytes) {
      while (!closed) {
        try {
          return (await file.write(bytes)).bytesWritten;
        } catch (thrown) {
          if (reasonOf(thrown) !== 'EAGAIN') throw thrown;
          await new Promise((resolve) => void setTimeout(resolve, pipeFull));
        }
      }
      throw new Fault('unavailable', 'the audit device was closed');
    },
    async close() {
      closed = true;
      await file.close();
    },
  };
}

/** Of a store, for one: it would be lost with the first line that is appended to it. */
async function isBinary(path: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    // Not there, or not readable: whoever opens it for writing finds out what that means.
    return false;
  }
  try {
    if (!(await file.stat()).isFile()) return false;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead).includes(0);
  } finally {
    await file.close();
  }
}

function reasonOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? 'unknown reason';
}

/** Who reads it may go away: the write that finds out tells of it, and the event that would end the process is heard here. */
const heard = (): void => {};

const standardOutput: Target = {
  write(bytes) {
    if (!process.stdout.listeners('error').includes(heard)) process.stdout.on('error', heard);
    return new Promise((resolve, reject) =>
      process.stdout.write(bytes, (error) => (error == null ? resolve(bytes.length) : reject(error))),
    );
  },
  close: async () => {},
};
