// How long a request may take: one timer for all of them, since a timer for each would cost every request.

import { createRoster, type Place } from '../../base/roster.ts';

export interface Deadline {
  readonly until: number;
  readonly late: () => void;
}

export interface Deadlines {
  /** Calls `late` once if the deadline passes before `end`. */
  begin(late: () => void): Place<Deadline>;
  end(deadline: Place<Deadline>): void;
}

/** Milliseconds; noticed up to a twentieth later, at most a second. */
export function createDeadlines(duration: number, now: () => number = () => performance.now()): Deadlines {
  /** In the order in which they began, so the first is due first. */
  const running = createRoster<Deadline>();
  const period = Math.max(10, Math.min(1_000, duration / 20));
  let waiting = false;
  const sweepLater = (): void => {
    waiting = true;
    setTimeout(sweep, period).unref();
  };

  const sweep = (): void => {
    waiting = false;
    const time = now();
    for (let due = running.first(); due !== undefined && due.until <= time; due = running.first()) {
      running.shift();
      due.late();
    }
    if (running.first() !== undefined) sweepLater();
  };
  return {
    begin(late) {
      const deadline = running.add({ until: now() + duration, late });
      if (!waiting) sweepLater();
      return deadline;
    },
    end: (deadline) => running.remove(deadline),
  };
}
