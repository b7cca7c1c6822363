// The clocks: the system's runs, the manual one stands until it is moved.

import { expect, it } from 'vitest';
import { manualClock, systemClock } from './clock.ts';

it('tells the time of the system, and a monotonic one beside it', async () => {
  const [wall, monotonic] = [systemClock.now(), systemClock.monotonic()];
  expect(Math.abs(wall - Date.now())).toBeLessThan(1000);
  await new Promise((resolve) => setTimeout(resolve, 15));
  expect(systemClock.monotonic() - monotonic).toBeGreaterThan(10);
  expect(systemClock.now() - wall).toBeGreaterThan(10);
});

it('holds still until it is moved', () => {
  const clock = manualClock(5000);
  expect([clock.now(), clock.monotonic()]).toStrictEqual([5000, 0]);
  clock.advance(250);
  expect([clock.now(), clock.monotonic()]).toStrictEqual([5250, 250]);
  clock.advance(-100);
  expect([clock.now(), clock.monotonic()]).toStrictEqual([5150, 150]);
  expect(manualClock().now()).toBe(manualClock().now());
});
