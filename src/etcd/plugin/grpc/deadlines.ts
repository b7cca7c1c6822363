// When calls must have ended: one timer for all of them, since one for each would cost as much as the rest of a call.

/** A call under way. */
export interface Bounded {
  /** Monotonic milliseconds; may be moved. */
  due: number;
  /** Called when it is due, again and again until the call is removed or `due` lies ahead. */
  late(): void;
}

export interface Deadlines {
  add(call: Bounded): void;
  remove(call: Bounded): void;
}

/** Milliseconds: whoever waits looks at his own clock as well. */
const every = 20;

export function createDeadlines(now: () => number): Deadlines {
  const calls = new Set<Bounded>();
  let isLooking = false;
  const look = (): void => {
    isLooking = calls.size > 0;
    if (!isLooking) return;
    setTimeout(look, every);
    const time = now();
    for (const call of calls) if (call.due <= time) call.late();
  };
  return {
    add(call) {
      calls.add(call);
      if (isLooking) return;
      isLooking = true;
      setTimeout(look, every);
    },
    remove: (call) => void calls.delete(call),
  };
}
