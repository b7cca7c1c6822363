// Durations as Go writes and reads them: seconds, `1h30m`, `2d`, and the texts of its errors.

import { Fault } from './fault.ts';

/** Nanoseconds per unit (Go, time.ParseDuration). */
const units: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['μs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3600e9],
]);
const longest = 2 ** 63;

/**
 * Whole seconds of an integer, a digit string, a Go duration or days (`2d`); the empty string is 0. Fractions are cut off.
 * Throws Fault `invalid-request` with Go's text.
 */
export function parseDurationSeconds(value: string | number): number {
  return Math.trunc(parseDurationMilliseconds(value) / 1000);
}

/** As parseDurationSeconds, in milliseconds. */
export function parseDurationMilliseconds(value: string | number): number {
  if (typeof value === 'number') return bounded(value * 1e9, String(value)) / 1e6;
  if (value === '') return 0;
  if (/^[+-]?\d+$/.test(value)) return bounded(Number(value) * 1e9, value) / 1e6;
  const days = /^(-?\d+)d$/.exec(value);
  if (days !== null) return bounded(Number(days[1]) * 86_400e9, value) / 1e6;
  return goNanoseconds(value) / 1e6;
}

function goNanoseconds(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  let rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === '0') return 0;
  if (rest === '') throw invalid(text);
  let total = 0;
  while (rest !== '') {
    const number = /^(?:\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) throw invalid(text);
    rest = rest.slice(number.length);
    const unit = /^[^\d.]+/.exec(rest)?.[0];
    if (unit === undefined) throw new Fault('invalid-request', `time: missing unit in duration ${JSON.stringify(text)}`);
    const factor = units.get(unit);
    if (factor === undefined)
      throw new Fault('invalid-request', `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    rest = rest.slice(unit.length);
    total = bounded(total + Number(number) * factor, text);
  }
  return sign * total;
}

function bounded(nanoseconds: number, text: string): number {
  if (!Number.isFinite(nanoseconds) || Math.abs(nanoseconds) >= longest) throw invalid(text);
  return nanoseconds;
}

function invalid(text: string): Fault {
  return new Fault('invalid-request', `time: invalid duration ${JSON.stringify(text)}`);
}

/** Go's Duration.String for whole or fractional seconds: `0s`, `3h25m19s`, `1.5s`. */
export function formatGoDuration(seconds: number): string {
  if (seconds === 0) return '0s';
  const sign = seconds < 0 ? '-' : '';
  const total = Math.abs(seconds);
  if (total < 1) return `${sign}${trimmed(total * 1000)}ms`;
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const rest = `${trimmed(total % 60)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : `${sign}${rest}`;
}

function trimmed(value: number): string {
  return String(Math.round(value * 1e6) / 1e6);
}
