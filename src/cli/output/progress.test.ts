// Progress as it is seen on a terminal, in a log, and by a program.

import { describe, expect, it } from 'vitest';
import { createProgress, type ProgressOptions, timeText } from './progress.ts';

function shown(isTerminal: boolean, more: Partial<ProgressOptions> = {}) {
  const written: string[] = [];
  const clock = { time: 0 };
  const output = { isTerminal, write: (text: string | Uint8Array) => void written.push(String(text)) };
  const progress = createProgress({ output, format: 'text', title: 'Rewriting', now: () => clock.time, ...more });
  /** So many objects a second, for so many seconds. */
  const work = (rate: number, seconds: number, total: number | undefined, note?: string) => {
    for (let step = 1; step <= seconds * 10; step++) {
      clock.time += 100;
      progress.advance({ done: Math.round((clock.time / 1_000) * rate), total, note });
    }
  };
  return { written, clock, progress, work };
}

describe('on a terminal', () => {
  it('one line is drawn again and again, with a bar, the rate and the time that is left', () => {
    const { written, progress, work } = shown(true);
    work(100, 5, 1_000, 'secrets');
    expect(written.length).toBeGreaterThan(20);
    expect(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true);
    expect(written.at(-1)).toBe('\r\u001b[KRewriting [############............]  50 %, 500 of 1,000, 100/s, 5 s left, sec…');
    progress.end();
    expect(written.at(-1)).toBe('\n');
  });

  it('it is never longer than the terminal is wide', () => {
    const { written, work } = shown(true, { width: () => 40 });
    work(100, 2, 1_000, 'a note that is longer than anything');
    for (const text of written) expect(text.length - '\r\u001b[K'.length).toBeLessThan(40);
  });

  it('it is not drawn for each object', () => {
    const { written, clock, progress } = shown(true);
    for (let done = 0; done < 10_000; done++) {
      clock.time += 0.1;
      progress.advance({ done, total: 10_000 });
    }
    expect(written.length).toBeLessThan(12);
  });

  it('it makes room for another line', () => {
    const { written, progress } = shown(true);
    progress.advance({ done: 1, total: 2 });
    progress.clear();
    expect(written.at(-1)).toBe('\r\u001b[K');
    progress.advance({ done: 1, total: 2 });
    expect(written.at(-1)).toContain('1 of 2');
  });
});

describe('elsewhere', () => {
  it('a line comes every five seconds, and the last state at the end', () => {
    const { written, progress, work } = shown(false);
    work(100, 12, 2_000);
    progress.end();
    expect(written).toStrictEqual([
      'Rewriting: 500 of 2,000, 100/s, 15 s left\n',
      'Rewriting: 1,000 of 2,000, 100/s, 10 s left\n',
      'Rewriting: 1,200 of 2,000, 100/s, 8 s left\n',
    ]);
  });

  it('nothing is said of what was never begun', () => {
    const { written, progress } = shown(false);
    progress.end();
    expect(written).toStrictEqual([]);
  });

  it('a total that is not known is left out', () => {
    const { written, work } = shown(false);
    work(100, 5, undefined);
    expect(written).toStrictEqual(['Rewriting: 500, 100/s\n']);
  });

  it('the rate is that of the last seconds', () => {
    const { written, clock, progress } = shown(false);
    let done = 0;
    for (const [rate, seconds] of [
      [1_000, 30],
      [10, 30],
    ] as const)
      for (let step = 0; step < seconds * 10; step++) {
        clock.time += 100;
        done += rate / 10;
        progress.advance({ done, total: undefined });
      }
    expect(written.at(-1)).toContain(', 10/s');
  });
});

it('a program reads a JSON object a second', () => {
  const { written, work } = shown(true, { format: 'json' });
  work(100, 3, 1_000, 'secrets');
  expect(written.map((text) => JSON.parse(text) as unknown)).toStrictEqual([
    { done: 100, total: 1_000, rate: 100, remaining: 9, elapsed: 1, note: 'secrets' },
    { done: 200, total: 1_000, rate: 100, remaining: 8, elapsed: 2, note: 'secrets' },
    { done: 300, total: 1_000, rate: 100, remaining: 7, elapsed: 3, note: 'secrets' },
  ]);
});

it.each([
  [0.2, '1 s'],
  [59, '59 s'],
  [125, '2 min 5 s'],
  [3_870, '1 h 4 min'],
])('%d seconds are said as %j', (seconds, text) => {
  expect(timeText(seconds)).toBe(text);
});
