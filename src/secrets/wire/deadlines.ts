// How long a request may take: one timer for all of them, since a timer for each would cost every request.

export interface Deadline {
  readonly until: number;
  readonly late: () => void;
}

export interface Deadlines {
  /** Calls `late` once if the deadline passes before `end`. */
  begin(late: () => void): Deadline;
  end(deadline: Deadline): void;
}

/** Milliseconds; noticed up to a twentieth later, at most a second. */
export function createDeadlines(duration: number, now: () => number = () => performance.now()): Deadlines {
  /** In the order in which they began, so the first is due first. */
  const running = new Set<Deadline>();
  const period = Math.max(10, Math.min(1_000, duration / 20));
  let waiting = false;
  const sweepLater = (): void => {
    waiting = true;
    setTimeout(sweep, period).unref();
  };

  const sweep = (): void => {
    waiting = false;
    const time = now();
    for (const deadline of running) {
      if (deadline.until > time) break;
      running.delete(deadline);
      deadline.late();
    }
    if (running.size > 0) sweepLater();
  };
  return {
    begin(late) {
      const deadline: Deadline = { until: now() + duration, late };
      running.add(deadline);
      if (!waiting) sweepLater();
      return deadline;
    },
    end: (deadline) => void running.delete(deadline),
  };
}
