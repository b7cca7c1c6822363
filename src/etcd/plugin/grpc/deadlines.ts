// When calls must have ended: one timer for all of them, since one for each would cost as much as the rest of a call.

import { createRoster, type Place } from '../../../base/roster.ts';

/** A call under way. */
export interface Bounded {
  /** Monotonic milliseconds; may be moved. */
  due: number;
  /** Called when it is due, again and again until the call is removed or `due` lies ahead. */
  late(): void;
}

export interface Deadlines {
  add(call: Bounded): Place<Bounded>;
  remove(place: Place<Bounded>): void;
}

/** Milliseconds: whoever waits looks at his own clock as well. */
const every = 20;

export function createDeadlines(now: () => number): Deadlines {
  const calls = createRoster<Bounded>();
  let isLooking = false;
  const look = (): void => {
    isLooking = calls.first() !== undefined;
    if (!isLooking) return;
    setTimeout(look, every);
    const time = now();
    for (const call of calls) if (call.due <= time) call.late();
  };
  return {
    add(call) {
      if (!isLooking) {
        isLooking = true;
        setTimeout(look, every);
      }
      return calls.add(call);
    },
    remove: calls.remove,
  };
}
