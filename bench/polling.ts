// Keeps the load process looking for answers while they come in quick succession, instead of sleeping between them.

import { performance } from 'node:perf_hooks';

/*
 * A server that answers every 30 µs would otherwise wake the sleeping core of the load with most of its writes, and the wake-up
 * (an interrupt to another core, which leaves a virtual machine) would be charged to the server: a third of its time was seen.
 * After a pause the process sleeps, so that whoever waits for the disk finds the core free.
 */
export interface Polling {
  /** Keeps it up for a while longer. */
  answered(now: number): void;
  /** Milliseconds in which it looked and found nothing. */
  fruitless(): number;
}

/** Milliseconds without an answer after which it sleeps. */
const patience = 0.3;

export function createPolling(): Polling {
  let last = 0;
  let turnBegan = 0;
  let awake = false;
  let found = false;
  let fruitless = 0;
  const look = (): void => {
    const now = performance.now();
    if (!found) fruitless += now - turnBegan;
    found = false;
    turnBegan = now;
    awake = now - last < patience;
    if (awake) setImmediate(look);
  };
  return {
    answered(now) {
      last = now;
      found = true;
      if (awake) return;
      awake = true;
      turnBegan = now;
      setImmediate(look);
    },
    fruitless: () => fruitless,
  };
}
