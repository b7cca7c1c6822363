// Where a device's lines go: one write for all lines that wait, awaited by each of them, and none held beyond a deadline.

import { Fault } from '../../base/fault.ts';
import type { Target } from './target.ts';
import { createWaitingLines, defaultQueueBytes, type WaitingLine } from './waiting-lines.ts';

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

interface Writer {
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

function createWriter(target: Target, deadline: number, queueBytes: number): Writer {
  let waiting: WaitingLine[] = [];
  let running: Promise<void> | undefined;
  /** A line has waited for its deadline in vain: until the write that is under way comes back, lines are refused at once. */
  let stuck = false;
  /** A write broke off within a line: the next one must not go on in the same line. */
  let torn = false;

  const lines = createWaitingLines({
    deadline,
    queueBytes,
    late: () => {
      stuck = running !== undefined;
    },
  });

  const writeBatch = async (batch: readonly WaitingLine[]): Promise<void> => {
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
      return lines.wait(line, (own) => {
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
