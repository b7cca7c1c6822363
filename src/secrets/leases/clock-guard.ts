// Notices a wall clock that jumps against the monotonic one, so that a wrong time does not end leases that still run.

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

export interface ClockGuard {
  /** True while nothing may be revoked for its age. Call it regularly: a jump is what happened between two calls. */
  holds(): boolean;
}

/** More than this between two calls is a jump; slewing moves a clock far less. */
const tolerance = 60_000;
/** Long enough for a time daemon to put a wrong step right. */
const patience = 5 * 60_000;

/** A jump forward holds until the clock has come back, or for five minutes: then it is taken for the truth. */
export function createClockGuard(clock: Clock, log: Log): ClockGuard {
  let wall = clock.now();
  let steady = clock.monotonic();
  let jumped = 0;
  let until = 0;

  return {
    holds() {
      const now = clock.now();
      const monotonic = clock.monotonic();
      const difference = now - wall - (monotonic - steady);
      wall = now;
      steady = monotonic;
      if (Math.abs(difference) > tolerance) {
        jumped += difference;
        if (jumped > tolerance) {
          until = monotonic + patience;
          log.warn('the clock jumped forward; nothing is revoked for its age until it has come back or five minutes have passed', {
            milliseconds: jumped,
          });
        }
      }
      if (jumped > tolerance && monotonic < until) return true;
      if (jumped !== 0) log.info('the clock is trusted again', { milliseconds: jumped });
      jumped = 0;
      return false;
    },
  };
}
