// Where the lines of unwraps go: a file that only this user reads, or standard output; written before the unwrap is answered.

import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
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
/** Milliseconds that a line may wait for others. */
const longestGathering = 2;

/** Rejects with Fault `usage` when the file cannot be opened for appending. */
export async function openAuditTrail({ path, deadline }: AuditOptions): Promise<AuditTrail> {
  let target = await openTarget(path);
  let waiting: Line[] = [];
  let waitingBytes = 0;
  let underWay: readonly Line[] = [];
  let writing: Promise<void> | undefined;
  /** The last write broke off inside a line: the next line must not be glued to its rest. */
  let torn = false;
  let alarm: NodeJS.Timeout | undefined;

  /** A write costs as much as several unwraps: while every turn of the event loop brings further lines they go together. */
  const gather = async (): Promise<void> => {
    const until = performance.now() + longestGathering;
    for (let before = -1; waiting.length > before && performance.now() < until; ) {
      before = waiting.length;
      await nextTurn();
    }
  };

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      await gather();
      underWay = waiting;
      waiting = [];
      const bytes = Buffer.from(`${torn ? '\n' : ''}${underWay.map(({ text }) => text).join('')}`);
      let failed: Fault | undefined;
      try {
        torn = true;
        await target.write(bytes);
        torn = false;
      } catch (thrown) {
        failed = notWritten(codeOf(thrown), thrown);
      }
      for (const line of underWay) line.settle(failed);
      underWay = [];
      waitingBytes = waiting.reduce((sum, { text }) => sum + text.length, 0);
    }
    writing = undefined;
  };

  /** One timer for all lines, set for the oldest: one for each of them would cost more than its write. */
  const watch = (): void => {
    alarm = undefined;
    const now = performance.now();
    const lines = [...underWay, ...waiting];
    for (const line of lines) if (line.due <= now) line.settle(notWritten(`it takes longer than ${deadline} ms`));
    const next = lines.find(({ due }) => due > now);
    if (next !== undefined) alarm = setTimeout(watch, next.due - now + 1);
  };

  return {
    append(text) {
      if (waitingBytes + text.length > mostWaiting) return Promise.reject(notWritten('too many of its lines wait'));
      return new Promise((resolve, reject) => {
        const settle = (failed?: Fault): void => (failed === undefined ? resolve() : reject(failed));
        waiting.push({ text, settle, due: performance.now() + deadline });
        waitingBytes += text.length;
        alarm ??= setTimeout(watch, deadline + 1);
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
      clearTimeout(alarm);
      await target.close();
    },
  };
}

interface Line {
  readonly text: string;
  /** Monotonic milliseconds. */
  readonly due: number;
  /** What comes after the first call is not heard. */
  readonly settle: (failed?: Fault) => void;
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
