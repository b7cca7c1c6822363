// Where a device's lines go: one write for all lines that wait, awaited by each of them, and none held beyond a deadline.

import { Fault } from '../../base/fault.ts';
import type { Target } from './target.ts';

export interface Sink {
  /** Resolves when the line is with the operating system. Rejects when it is not there by the deadline. */
  append(line: string): Promise<void>;
  /** Opens the file or connection anew; a write that hangs stays behind. Throws and goes on with the old one. */
  reopen(): Promise<void>;
  /** Waits for lines under way, no longer than the deadline. */
  close(): Promise<void>;
}

export interface SinkOptions {
  /** Milliseconds. */
  readonly deadline: number;
  readonly open: () => Promise<Target>;
  /** Bytes of lines that may wait at a time; one line may always. */
  readonly queueBytes?: number;
}

/** A device that is slower than the requests would otherwise hold their lines in memory until the deadline. */
export const defaultQueueBytes = 32 * 2 ** 20;

/** Throws what `open` throws. */
export async function openSink({ open, deadline, queueBytes = defaultQueueBytes }: SinkOptions): Promise<Sink> {
  let writer = createWriter(await open(), deadline, queueBytes);
  return {
    append: (line) => writer.append(line),
    async reopen() {
      const before = writer;
      writer = createWriter(await open(), deadline, queueBytes);
      await before.close();
    },
    close: () => writer.close(),
  };
}

export function tooManyWait(): Fault {
  return new Fault('rate-limited', 'the audit device is slower than the requests: too many of its lines wait');
}

interface Waiting {
  readonly bytes: Buffer;
  /** undefined: taken. Later calls change nothing. */
  readonly settle: (reason?: unknown) => void;
  settled: boolean;
}

interface Writer {
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

function createWriter(target: Target, deadline: number, queueBytes: number): Writer {
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  /** A line has waited for its deadline in vain: until the write that is under way comes back, lines are refused at once. */
  let stuck = false;
  /** A write broke off within a line: the next one must not go on in the same line. */
  let torn = false;

  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const head = torn ? Buffer.from('\n') : Buffer.alloc(0);
    const bytes = Buffer.concat([head, ...batch.map((line) => line.bytes)]);
    let written = 0;
    let failure: unknown;
    try {
      while (written < bytes.length) written += await target.write(bytes.subarray(written));
    } catch (thrown) {
      failure = thrown;
    }
    stuck = false;
    if (written > 0) torn = bytes[written - 1] !== newline;
    let end = head.length;
    for (const line of batch) {
      end += line.bytes.length;
      line.settle(end <= written ? undefined : failure);
    }
  };
  const run = async (): Promise<void> => {
    // All lines of this turn of the event loop go together.
    await new Promise((resolve) => void setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting.filter((line) => !line.settled);
      waiting = [];
      if (batch.length > 0) await writeBatch(batch);
    }
    running = undefined;
  };

  return {
    append(line) {
      if (stuck) return Promise.reject(new Fault('timeout', 'the audit device is still busy with an earlier line'));
      const bytes = Buffer.from(line);
      if (waitingBytes > 0 && waitingBytes + bytes.length > queueBytes) return Promise.reject(tooManyWait());
      waitingBytes += bytes.length;
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          stuck = running !== undefined;
          own.settle(new Fault('timeout', 'the audit device did not take the line in time'));
        }, deadline);
        const own: Waiting = {
          bytes,
          settled: false,
          settle(reason) {
            if (own.settled) return;
            clearTimeout(late);
            own.settled = true;
            waitingBytes -= bytes.length;
            if (reason === undefined) resolve();
            else reject(reason);
          },
        };
        waiting.push(own);
        running ??= run();
      });
    },
    async close() {
      await Promise.race([running, patience(deadline)]);
      await Promise.race([target.close(), patience(deadline)]);
    },
  };
}

function patience(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds).unref());
}

const newline = 0x0a;
