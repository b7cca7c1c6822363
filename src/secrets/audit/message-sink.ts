// A sink whose lines travel as messages of their own, a few at a time: POST requests and datagrams.

import { Fault } from '../../base/fault.ts';
import type { Sink } from './sink.ts';
import { createWaitingLines, defaultQueueBytes, type WaitingLine } from './waiting-lines.ts';

export interface Messenger {
  /** Resolves when the other side has taken the message. Gives up and rejects when the signal aborts. */
  send(bytes: Buffer, signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface MessageSinkOptions {
  readonly open: () => Messenger;
  /** Milliseconds. */
  readonly deadline: number;
  /** Messages under way at a time. */
  readonly parallel: number;
  /** All lines that wait are one message. */
  readonly batch: boolean;
  readonly queueBytes?: number;
}

export function openMessageSink({ open, deadline, parallel, batch, queueBytes = defaultQueueBytes }: MessageSinkOptions): Sink {
  let messenger = open();
  let waiting: WaitingLine[] = [];
  const all = createWaitingLines({ deadline, queueBytes });
  let underWay = 0;
  const cancelling = new AbortController();

  const send = async (lines: readonly WaitingLine[]): Promise<void> => {
    const bytes = lines.length === 1 ? (lines[0] as WaitingLine).bytes : Buffer.concat(lines.map((line) => line.bytes));
    let failure: unknown;
    try {
      await messenger.send(bytes, AbortSignal.any([AbortSignal.timeout(deadline), cancelling.signal]));
    } catch (thrown) {
      failure = thrown ?? new Fault('unavailable', 'the audit device did not take the line');
    }
    for (const line of lines) line.settle(failure);
  };
  const pump = (): void => {
    while (underWay < parallel) {
      waiting = waiting.filter((line) => !line.settled);
      const lines = batch ? waiting : waiting.slice(0, 1);
      if (lines.length === 0) return;
      waiting = waiting.slice(lines.length);
      underWay += 1;
      void send(lines).finally(() => {
        underWay -= 1;
        pump();
      });
    }
  };

  return {
    append: (text) =>
      all.wait(text, (line) => {
        waiting.push(line);
        // All lines of this turn of the event loop are there before the first message is made.
        if (waiting.length === 1) setImmediate(pump);
      }),
    async reopen() {
      const before = messenger;
      messenger = open();
      // Messages under way still have their time.
      setTimeout(() => before.close(), deadline).unref();
    },
    async close() {
      const started = performance.now();
      while (all.held > 0 && performance.now() - started < deadline) await new Promise((resolve) => void setTimeout(resolve, 5));
      cancelling.abort();
      messenger.close();
    },
  };
}
