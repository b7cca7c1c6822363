// A rest for devices beyond a network: after a failure lines are refused at once, until one that is let through arrives again.

import type { Clock } from '../../base/clock.ts';
import { asFault, Fault } from '../../base/fault.ts';
import type { Sink } from './sink.ts';

/** Milliseconds; doubled from failure to failure. */
const shortest = 500;
const longest = 10_000;
/** A device that went this long without a failure starts with the shortest rest again: one that takes lines and reads none fails again soon. */
const recovered = 60_000;

/** Otherwise each request would wait for the deadline of a collector that is down. */
export function resting(sink: Sink, clock: Pick<Clock, 'monotonic'>): Sink {
  let rests = false;
  let pause = 0;
  let until = 0;
  let failedAt = Number.NEGATIVE_INFINITY;
  /** One line tries whether the device is there again; all others do not wait for it. */
  let trying = false;

  const failed = (): void => {
    const now = clock.monotonic();
    pause = now - failedAt > recovered ? shortest : Math.min(pause * 2, longest);
    failedAt = now;
    until = now + pause;
    rests = true;
  };
  return {
    async append(line) {
      const tries = rests;
      if (tries && (trying || clock.monotonic() < until)) throw new Fault('unavailable', 'the audit device has failed and rests');
      trying = tries;
      try {
        await sink.append(line);
        if (tries) rests = false;
      } catch (thrown) {
        // Of all the lines that fail together the first one begins the rest.
        if (isDown(thrown) && (tries || !rests)) failed();
        throw thrown;
      } finally {
        if (tries) trying = false;
      }
    },
    async reopen() {
      await sink.reopen();
      rests = false;
      failedAt = Number.NEGATIVE_INFINITY;
    },
    close: () => sink.close(),
  };
}

/** A line that is too long, or one too many, says nothing of the next one. */
function isDown(thrown: unknown): boolean {
  const { code } = asFault(thrown);
  return code !== 'too-large' && code !== 'rate-limited';
}
