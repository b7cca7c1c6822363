// A wall clock that jumps does not end what still runs.

import { describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { createClockGuard } from './clock-guard.ts';

const minute = 60_000;

/** A guard over two clocks that are moved apart by hand; looked at every second, as the expiry does. */
function guarded() {
  let wall = 1_700_000_000_000;
  let steady = 0;
  const warnings: string[] = [];
  const guard = createClockGuard(
    { now: () => wall, monotonic: () => steady },
    { ...silentLog, warn: (message) => void warnings.push(message), info: (message) => void warnings.push(message) },
  );
  const pass = (milliseconds: number): boolean[] => {
    const held: boolean[] = [];
    for (let passed = 0; passed < milliseconds; passed += 1_000) {
      wall += 1_000;
      steady += 1_000;
      held.push(guard.holds());
    }
    return held;
  };
  const jump = (milliseconds: number): void => {
    wall += milliseconds;
  };
  return { guard, warnings, pass, jump };
}

describe('the clock guard', () => {
  it('holds nothing while both clocks go together', () => {
    const { pass, warnings } = guarded();
    expect(pass(10 * minute)).not.toContain(true);
    expect(warnings).toEqual([]);
  });

  it('holds after a jump forward, for five minutes', () => {
    const { pass, jump, warnings } = guarded();
    pass(minute);
    jump(60 * minute);
    const held = pass(6 * minute);
    expect(held.indexOf(false)).toBe(300);
    expect(held.slice(300)).not.toContain(true);
    expect(warnings).toEqual([
      'the clock jumped forward; nothing is revoked for its age until it has come back or five minutes have passed',
      'the clock is trusted again',
    ]);
  });

  it('stops holding as soon as the clock has come back', () => {
    const { pass, jump } = guarded();
    jump(60 * minute);
    expect(pass(minute)).not.toContain(false);
    jump(-60 * minute);
    expect(pass(minute)).not.toContain(true);
  });

  it('goes on holding while the clock has come back only in part', () => {
    const { pass, jump } = guarded();
    jump(60 * minute);
    pass(minute);
    jump(-30 * minute);
    expect(pass(minute)).not.toContain(false);
  });

  it('begins its five minutes anew with a second jump', () => {
    const { pass, jump } = guarded();
    jump(60 * minute);
    pass(4 * minute);
    jump(60 * minute);
    expect(pass(4 * minute)).not.toContain(false);
  });

  it('holds nothing after a jump back: everything only looks younger', () => {
    const { pass, jump } = guarded();
    jump(-60 * minute);
    expect(pass(minute)).not.toContain(true);
  });

  it('is not disturbed by a clock that is slewed', () => {
    const { pass, jump } = guarded();
    for (let step = 0; step < 10; step++) {
      jump(minute);
      expect(pass(1_000)).toEqual([false]);
      jump(-minute);
      expect(pass(1_000)).toEqual([false]);
    }
  });

  it('takes a long silence for one, not for a jump', () => {
    let passed = 0;
    const guard = createClockGuard({ now: () => 1_700_000_000_000 + passed, monotonic: () => passed }, silentLog);
    passed = 60 * minute;
    expect(guard.holds()).toBe(false);
  });
});
