// Where a device's lines go: a file or standard output; one append for all lines that wait, awaited by each of them.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Fault } from '../../base/fault.ts';

export interface Sink {
  /** Resolves when the line is with the operating system. Rejects when it is not there by the deadline. */
  append(line: string): Promise<void>;
  /** Opens the file anew, after it was moved away. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export interface SinkOptions {
  /** An absolute path, or `stdout`. */
  readonly path: string;
  readonly mode: number;
  /** Milliseconds. */
  readonly deadline: number;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Throws Fault `invalid-request` when the file cannot be opened for appending. */
export async function openSink(options: SinkOptions): Promise<Sink> {
  let target = await openTarget(options);
  let waiting: Waiting[] = [];
  let flushing = false;

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await target.write(batch.map(({ line }) => line).join(''));
        for (const { resolve } of batch) resolve();
      } catch (thrown) {
        for (const { reject } of batch) reject(thrown);
      }
    }
    flushing = false;
  };

  return {
    append: (line) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Fault('timeout', 'the audit device did not take the line in time')), options.deadline);
        const settle = (done: () => void) => () => {
          clearTimeout(late);
          done();
        };
        waiting.push({ line, resolve: settle(resolve), reject: (reason) => settle(() => reject(reason))() });
        if (flushing) return;
        flushing = true;
        setImmediate(() => void flush());
      }),
    async reopen() {
      const before = target;
      target = await openTarget(options);
      await before.close();
    },
    close: () => target.close(),
  };
}

interface Target {
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

async function openTarget({ path, mode }: SinkOptions): Promise<Target> {
  if (path === 'stdout') return standardOutput;
  let file: FileHandle;
  try {
    file = await open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW, mode);
    await file.chmod(mode);
  } catch (thrown) {
    throw new Fault('invalid-request', 'sanity check failed; the audit file cannot be opened for writing', { cause: thrown });
  }
  return {
    async write(text) {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
    },
    close: () => file.close(),
  };
}

const standardOutput: Target = {
  write: (text) => new Promise((resolve, reject) => process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))),
  close: async () => {},
};
