// How many calls an API server is sent at a time: more while that makes it quicker, fewer when it queues them or says that it is busy.

/** How one call ended. `busy` is 429 and its like, `lost` never was answered. */
export type PaceVerdict = 'answered' | 'busy' | 'lost';

export interface PaceLimits {
  /** At least 1. */
  readonly least: number;
  readonly most: number;
  readonly first: number;
}

export interface Pace {
  /** Calls that may be under way at a time. */
  limit(): number;
  underWay(): number;
  /** Milliseconds until one more may begin; undefined while the limit is reached: then the end of another one decides. */
  wait(): number | undefined;
  begun(): void;
  /** `milliseconds`: how long it took. `pause`: for how long the server wants to be left alone, milliseconds. */
  ended(verdict: PaceVerdict, milliseconds: number, pause?: number): void;
}

/** Calls that may wait inside the server before the limit falls, and below which it rises (TCP Vegas: alpha and beta). */
const fewWaiting = 3;
const manyWaiting = 8;
/** A window is judged when this many calls per place have ended: a mean of fewer would be chance. */
const callsPerPlace = 4;
/** The quickest window, and the limit that was refused, count no longer after so many: objects and servers change. */
const memory = 40;
/** Milliseconds. */
const firstBackoff = 100;
const longestBackoff = 5_000;

/** `now`: monotonic milliseconds. */
export function createPace({ least, most, first }: PaceLimits, now: () => number): Pace {
  let limit = Math.min(most, Math.max(least, first));
  let underWay = 0;
  let window = { calls: 0, milliseconds: 0, full: false };
  let quickest: number | undefined;
  let age = 0;
  let notBefore = 0;
  let lost = 0;
  let lastCut = Number.NEGATIVE_INFINITY;
  /** Where the server said that it was too much; not tried again at once, since each refusal costs the pause that it asks for. */
  let ceiling = most;
  let ceilingAge = 0;
  const begin = () => {
    window = { calls: 0, milliseconds: 0, full: false };
  };
  const judge = () => {
    const mean = window.milliseconds / window.calls;
    const { full } = window;
    begin();
    if (quickest === undefined || mean < quickest || ++age > memory) {
      quickest = mean;
      age = 0;
    }
    if (++ceilingAge > memory) ceiling = most;
    // By Little's law: of the calls under way, so many are not being worked on but wait for the others.
    const waiting = limit * (1 - quickest / mean);
    if (waiting > manyWaiting) limit = Math.max(least, limit - Math.ceil(Math.min(limit / 4, (waiting - manyWaiting) / 2)));
    // A limit that was never reached says nothing about a higher one.
    else if (waiting < fewWaiting && full) limit = Math.max(limit, Math.min(ceiling, limit + Math.max(1, Math.floor(limit / 8))));
  };
  /** Once for all calls that were under way together: they were refused for one reason. */
  const cut = (time: number, milliseconds: number) => {
    if (time - milliseconds < lastCut) return;
    lastCut = time;
    limit = Math.max(least, Math.floor(limit / 2));
    begin();
  };
  return {
    limit: () => limit,
    underWay: () => underWay,
    wait: () => (underWay >= limit ? undefined : Math.max(0, notBefore - now())),
    begun() {
      underWay++;
      if (underWay >= limit) window.full = true;
    },
    ended(verdict, milliseconds, pause = 0) {
      underWay--;
      const time = now();
      notBefore = Math.max(notBefore, time + pause);
      if (verdict === 'lost') {
        notBefore = Math.max(notBefore, time + Math.min(longestBackoff, firstBackoff * 2 ** lost));
        // All that were under way are lost together, and are one loss.
        if (time - milliseconds >= lastCut) lost = Math.min(lost + 1, 10);
        cut(time, milliseconds);
        return;
      }
      lost = 0;
      if (verdict === 'busy') {
        if (time - milliseconds >= lastCut) {
          ceiling = Math.max(least, limit - 1);
          ceilingAge = 0;
        }
        cut(time, milliseconds);
        return;
      }
      window.calls++;
      window.milliseconds += milliseconds;
      if (window.calls >= limit * callsPerPlace) judge();
    },
  };
}
