// How far long work has come: a bar that is drawn anew on a terminal, a line every few seconds elsewhere, JSON lines for programs.

import type { Output } from '../io.ts';

export interface Advance {
  readonly done: number;
  /** undefined where it is not known. */
  readonly total: number | undefined;
  /** What is under way, or what is unusual: `secrets, 3 refused`. */
  readonly note?: string | undefined;
}

export interface ProgressOptions {
  /** Standard error, so that results can be piped. */
  readonly output: Output;
  /** `json`: for programs. */
  readonly format: 'text' | 'json';
  /** `Rewriting`. */
  readonly title: string;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Columns of the terminal now; 80 by default. */
  readonly width?: (() => number) | undefined;
}

export interface Progress {
  /** Draws when it is time for it. */
  advance(advance: Advance): void;
  /** Clears the bar of a terminal, so that another line can be printed; the next `advance` draws it again. */
  clear(): void;
  /** Draws the last state, and ends the line. */
  end(): void;
}

/** Milliseconds between two drawings. */
const every = { bar: 100, line: 5_000, json: 1_000 };
/** The rate is of so many milliseconds: of all the time it would hide that work has become slow. */
const rateSpan = 10_000;
const barWidth = 24;
const clearLine = '\r\u001b[K';

export function createProgress({ output, format, title, now, width = () => 80 }: ProgressOptions): Progress {
  const kind = format === 'json' ? 'json' : output.isTerminal ? 'bar' : 'line';
  const started = now();
  const samples: { readonly time: number; readonly done: number }[] = [];
  let drawn = kind === 'bar' ? Number.NEGATIVE_INFINITY : started;
  let last: Advance | undefined;
  let pending = false;
  const draw = (time: number) => {
    if (last === undefined) return;
    drawn = time;
    pending = false;
    const { done, total, note } = last;
    const rate = rateOf(samples, started, time);
    const remaining = total === undefined || rate === undefined || rate === 0 ? undefined : (total - done) / rate;
    if (kind === 'json') {
      const seconds = rounded((time - started) / 1_000);
      output.write(`${JSON.stringify({ done, total, rate: rounded(rate), remaining: rounded(remaining), elapsed: seconds, note })}\n`);
      return;
    }
    const facts = [
      total === undefined ? count(done) : `${count(done)} of ${count(total)}`,
      rate === undefined ? '' : `${count(Math.round(rate))}/s`,
      remaining === undefined || remaining <= 0 ? '' : `${timeText(remaining)} left`,
      note ?? '',
    ].filter((fact) => fact !== '');
    if (kind === 'line') output.write(`${title}: ${facts.join(', ')}\n`);
    else output.write(clearLine + cut(`${title} ${bar(done, total)}${facts.join(', ')}`, width() - 1));
  };
  return {
    advance(advance) {
      const time = now();
      last = advance;
      pending = true;
      const newest = samples.at(-1);
      if (newest === undefined || time - newest.time >= 200) samples.push({ time, done: advance.done });
      while (samples.length > 2 && time - (samples[1]?.time ?? time) > rateSpan) samples.shift();
      if (time - drawn >= every[kind]) draw(time);
    },
    clear() {
      if (kind !== 'bar' || drawn === Number.NEGATIVE_INFINITY) return;
      output.write(clearLine);
      drawn = Number.NEGATIVE_INFINITY;
    },
    end() {
      if (last === undefined) return;
      if (pending || drawn === Number.NEGATIVE_INFINITY) draw(now());
      if (kind === 'bar') output.write('\n');
      last = undefined;
    },
  };
}

/** A second; undefined before anything can be said. What an earlier run had done is no speed of this one. */
function rateOf(samples: readonly { readonly time: number; readonly done: number }[], started: number, time: number): number | undefined {
  const [oldest, newest] = [samples[0], samples.at(-1)];
  if (oldest === undefined || newest === undefined || newest.time - oldest.time < 200 || time - started < 500) return undefined;
  return (1_000 * (newest.done - oldest.done)) / (newest.time - oldest.time);
}

function bar(done: number, total: number | undefined): string {
  if (total === undefined) return '';
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(share * barWidth);
  return `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %, `;
}

/** `3 s`, `2 min 5 s`, `1 h 4 min`. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 10) / 10;
}
