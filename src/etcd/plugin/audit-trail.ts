// Where the lines of unwraps go: a file that only this user reads, or standard output; written before the unwrap is answered.

import { type FileHandle, open } from 'node:fs/promises';
import { Fault } from '../../base/fault.ts';

export interface AuditTrail {
  /** Resolves when the operating system has the line. Rejects with Fault `unavailable` when it has not by the deadline. */
  append(line: string): Promise<void>;
  /** Opens the file anew, after it was moved away. Rejects with Fault `usage`, and goes on with the old one. */
  reopen(): Promise<void>;
  /** Waits for the lines under way. */
  close(): Promise<void>;
}

export interface AuditOptions {
  /** `stdout`, or the path of a file. */
  readonly path: string;
  /** Milliseconds until a line must be written. */
  readonly deadline: number;
}

/** Bytes of lines that may wait at a time: a disk that hangs does not fill the memory. */
const mostWaiting = 1024 * 1024;

/** Rejects with Fault `usage` when the file cannot be opened for appending. */
export async function openAuditTrail({ path, deadline }: AuditOptions): Promise<AuditTrail> {
  let target = await openTarget(path);
  let waiting: { readonly line: string; readonly settle: (failed?: unknown) => void }[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  /** The last write broke off inside a line: the next line must not be glued to its rest. */
  let torn = false;

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const bytes = Buffer.from(`${torn ? '\n' : ''}${batch.map(({ line }) => line).join('')}`);
      let failed: unknown;
      try {
        torn = true;
        await target.write(bytes);
        torn = false;
      } catch (thrown) {
        failed = thrown;
      }
      for (const { settle } of batch) settle(failed);
      waitingBytes = waiting.reduce((sum, { line }) => sum + line.length, 0);
    }
    writing = undefined;
  };

  return {
    append(line) {
      if (waitingBytes + line.length > mostWaiting) return Promise.reject(notWritten('too many of its lines wait'));
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(notWritten(`it takes longer than ${deadline} ms`)), deadline);
        const settle = (failed?: unknown): void => {
          clearTimeout(late);
          if (failed === undefined) resolve();
          else reject(notWritten(codeOf(failed), failed));
        };
        waiting.push({ line, settle });
        waitingBytes += line.length;
        writing ??= writeAll();
      });
    },
    async reopen() {
      const before = target;
      target = await openTarget(path);
      await writing;
      await before.close();
    },
    async close() {
      await writing;
      await target.close();
    },
  };
}

interface Target {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

async function openTarget(path: string): Promise<Target> {
  if (path === 'stdout') return standardOutput;
  let file: FileHandle;
  try {
    file = await open(path, 'a', 0o600);
    if ((await file.stat()).isFile()) await file.chmod(0o600);
  } catch (thrown) {
    throw new Fault('usage', `the audit file ${path} cannot be opened for writing (${codeOf(thrown)})`, { cause: thrown });
  }
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
    },
    close: () => file.close(),
  };
}

const standardOutput: Target = {
  write: (bytes) => new Promise((resolve, reject) => process.stdout.write(bytes, (error) => (error == null ? resolve() : reject(error)))),
  close: async () => {},
};

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? 'unknown reason';
}

function notWritten(why: string, cause?: unknown): Fault {
  return new Fault('unavailable', `the audit line could not be written, and without it nothing is unwrapped (${why})`, { cause });
}
