// The pace of calls follows what the server makes of them: quicker answers raise it, queues and refusals lower it.

import { describe, expect, it } from 'vitest';
import { createPace, type Pace, type PaceLimits } from './pace.ts';

const limits: PaceLimits = { least: 1, most: 64, first: 8 };

/** A server of `places`, each call of which takes `milliseconds` of one of them. */
function serve(
  pace: Pace,
  clock: { time: number },
  calls: number,
  { places, milliseconds }: { places: number; milliseconds: number },
): void {
  for (let done = 0; done < calls; ) {
    const batch = pace.limit();
    for (let begun = 0; begun < batch; begun++) pace.begun();
    const took = milliseconds * Math.max(1, batch / places);
    clock.time += took;
    for (let ended = 0; ended < batch; ended++) pace.ended('answered', took);
    done += batch;
  }
}

describe('a pace', () => {
  it('rises to what a server that answers as quickly as before allows, and no further', () => {
    const clock = { time: 0 };
    const pace = createPace(limits, () => clock.time);
    serve(pace, clock, 10_000, { places: 1_000, milliseconds: 5 });
    expect(pace.limit()).toBe(64);
  });

  it('stays near what a small server works on at a time', () => {
    const clock = { time: 0 };
    const pace = createPace({ ...limits, first: 2 }, () => clock.time);
    serve(pace, clock, 10_000, { places: 4, milliseconds: 5 });
    expect(pace.limit()).toBeGreaterThanOrEqual(4);
    expect(pace.limit()).toBeLessThan(25);
  });

  it('falls when a server becomes slower, and rises again', () => {
    const clock = { time: 0 };
    const pace = createPace(limits, () => clock.time);
    serve(pace, clock, 5_000, { places: 100, milliseconds: 5 });
    const before = pace.limit();
    serve(pace, clock, 1_000, { places: 4, milliseconds: 5 });
    expect(pace.limit()).toBeLessThanOrEqual(before / 2);
    serve(pace, clock, 5_000, { places: 100, milliseconds: 5 });
    expect(pace.limit()).toBe(before);
  });

  it('does not rise while there are fewer calls than it allows', () => {
    const pace = createPace(limits, () => 0);
    for (let call = 0; call < 500; call++) {
      pace.begun();
      pace.ended('answered', 5);
    }
    expect(pace.limit()).toBe(8);
  });

  it('is halved once for all calls that were refused together, and never below its least', () => {
    const clock = { time: 1_000 };
    const pace = createPace(limits, () => clock.time);
    for (let call = 0; call < 8; call++) pace.begun();
    for (let call = 0; call < 8; call++) pace.ended('busy', 10, 1_000);
    expect(pace.limit()).toBe(4);
    for (let round = 0; round < 5; round++) {
      clock.time += 2_000;
      pace.begun();
      pace.ended('busy', 10, 1_000);
    }
    expect(pace.limit()).toBe(1);
  });

  it('does not soon come back to what was refused, but does later', () => {
    const clock = { time: 1_000 };
    const pace = createPace(limits, () => clock.time);
    pace.begun();
    pace.ended('busy', 10, 0);
    const server = { places: 100, milliseconds: 5 };
    serve(pace, clock, 500, server);
    expect(pace.limit()).toBe(7);
    serve(pace, clock, 5_000, server);
    expect(pace.limit()).toBe(64);
  });

  it('waits for as long as the server asks, and longer each time that it is not there', () => {
    const clock = { time: 1_000 };
    const pace = createPace(limits, () => clock.time);
    pace.begun();
    pace.ended('busy', 10, 3_000);
    expect(pace.wait()).toBe(3_000);
    clock.time += 3_000;
    expect(pace.wait()).toBe(0);
    const waits: (number | undefined)[] = [];
    for (let round = 0; round < 8; round++) {
      pace.begun();
      pace.ended('lost', 1);
      waits.push(pace.wait());
      clock.time += pace.wait() ?? 0;
    }
    expect(waits).toStrictEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('has no place while its limit is reached', () => {
    const pace = createPace({ ...limits, first: 2 }, () => 0);
    pace.begun();
    pace.begun();
    expect(pace.wait()).toBeUndefined();
    pace.ended('answered', 5);
    expect(pace.wait()).toBe(0);
  });
});
