// Lines on their way to a device: each is settled once, by the deadline at the latest, and all of them together stay within a bound.

import { Fault } from '../../base/fault.ts';

export interface WaitingLine {
  readonly bytes: Buffer;
  /** Without a reason: taken. Later calls change nothing. */
  readonly settle: (reason?: unknown) => void;
  settled: boolean;
}

export interface WaitingLines {
  /** Bytes that wait or are under way. */
  readonly held: number;
  /** `begin` gets the line as soon as it may wait. Rejects for one too many, and with Fault `timeout` after the deadline. */
  wait(text: string, begin: (line: WaitingLine) => void): Promise<void>;
}

export interface WaitingLimits {
  /** Milliseconds. */
  readonly deadline: number;
  /** Bytes of lines that may wait at a time; one line may always. */
  readonly queueBytes: number;
  /** A line has waited for its deadline in vain. */
  readonly late?: () => void;
}

/** A device that is slower than the requests would otherwise hold their lines in memory until the deadline. */
export const defaultQueueBytes = 32 * 2 ** 20;

export function createWaitingLines({ deadline, queueBytes, late }: WaitingLimits): WaitingLines {
  let held = 0;
  return {
    get held() {
      return held;
    },
    wait(text, begin) {
      const bytes = Buffer.from(text);
      if (held > 0 && held + bytes.length > queueBytes)
        return Promise.reject(new Fault('rate-limited', 'the audit device is slower than the requests: too many of its lines wait'));
      held += bytes.length;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          late?.();
          line.settle(new Fault('timeout', 'the audit device did not take the line in time'));
        }, deadline);
        const line: WaitingLine = {
          bytes,
          settled: false,
          settle(reason) {
            if (line.settled) return;
            clearTimeout(timer);
            line.settled = true;
            held -= bytes.length;
            if (reason === undefined) resolve();
            else reject(reason);
          },
        };
        begin(line);
      });
    },
  };
}
