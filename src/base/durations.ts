// Durations as Go writes and reads them: seconds, `1h30m`, `2d`, and the texts of its errors.

import { Fault } from './fault.ts';

const second = 1_000_000_000n;

/** Nanoseconds per unit (Go, time.ParseDuration). */
const units: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ms', 1_000_000n],
  ['s', second],
  ['m', 60n * second],
  ['h', 3600n * second],
]);
/** Beyond the nanoseconds that Go counts in 64 bits; the most negative one is still its own. */
const tooLong = 2n ** 63n;

/**
 * Whole seconds of an integer, a digit string, a Go duration or days (`2d`); the empty string is 0. Fractions are cut off.
 * Throws Fault `invalid-request` with Go's text.
 */
export function parseDurationSeconds(value: string | number): number {
  return Number(nanosecondsOf(value) / second);
}

/** As parseDurationSeconds, in milliseconds, with what is below them as a fraction. */
export function parseDurationMilliseconds(value: string | number): number {
  return Number(nanosecondsOf(value)) / 1e6;
}

/** Counted exactly: a double of nanoseconds is wrong by a second after 104 days. */
function nanosecondsOf(value: string | number): bigint {
  if (typeof value === 'number') return bounded(Number.isFinite(value) ? ofSeconds(value) : tooLong, String(value));
  if (value === '') return 0n;
  const plain = /^([+-]?)(\d+)(d?)$/.exec(value);
  if (plain === null) return goNanoseconds(value);
  const [, sign, digits, day] = plain as unknown as [string, string, string, string];
  const total = whole(digits) * (day === 'd' ? 86_400n : 1n) * second;
  return bounded(sign === '-' ? -total : total, value);
}

function ofSeconds(seconds: number): bigint {
  const whole = Math.trunc(seconds);
  return BigInt(whole) * second + BigInt(Math.round((seconds - whole) * 1e9));
}

function goNanoseconds(text: string): bigint {
  const negative = text.startsWith('-');
  let rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === '') throw invalid(text);
  let total = 0n;
  while (rest !== '') {
    const amount = /^(?:(\d+)\.?(\d*)|\.(\d+))/.exec(rest);
    if (amount === null) throw invalid(text);
    rest = rest.slice(amount[0].length);
    const unit = /^[^\d.]+/.exec(rest)?.[0];
    if (unit === undefined) throw new Fault('invalid-request', `time: missing unit in duration ${quoted(text)}`);
    const factor = units.get(unit);
    if (factor === undefined) throw new Fault('invalid-request', `time: unknown unit ${quoted(unit)} in duration ${quoted(text)}`);
    rest = rest.slice(unit.length);
    total += whole(amount[1] ?? '') * factor + fraction(amount[2] ?? amount[3] ?? '', factor);
    bounded(negative ? -total : total, text);
  }
  return negative ? -total : total;
}

/** A million digits take long to read, and more than 20 are no duration. */
function whole(digits: string): bigint {
  const significant = digits.replace(/^0+/, '');
  return significant.length > 20 ? tooLong : BigInt(significant);
}

/** Go reads the digits as a whole number, as many as 63 bits hold, and scales the unit: its rounding is part of the answer. */
function fraction(digits: string, factor: bigint): bigint {
  const kept = digits.slice(0, BigInt(digits.slice(0, 19)) < tooLong ? 19 : 18);
  return kept === '' ? 0n : BigInt(Math.trunc(Number(kept) * (Number(factor) / 10 ** kept.length)));
}

function bounded(nanoseconds: bigint, text: string): bigint {
  if (nanoseconds >= tooLong || nanoseconds < -tooLong) throw invalid(text);
  return nanoseconds;
}

function invalid(text: string): Fault {
  return new Fault('invalid-request', `time: invalid duration ${quoted(text)}`);
}

/** As Go's time package quotes: the bytes that are no ASCII letters or signs in hexadecimal. */
function quoted(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  return `"${bytes.replace(/["\\]/g, '\\$&').replace(/[^ -\u007f]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
}

/** Go's Duration.String: `0s`, `3h25m19s`, `1.5s`, `500ms`. */
export function formatGoDuration(seconds: number): string {
  const total = ofSeconds(seconds);
  if (total === 0n) return '0s';
  const sign = total < 0n ? '-' : '';
  const size = total < 0n ? -total : total;
  if (size < 1000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < second) return `${sign}${decimal(size, 6)}ms`;
  const hours = size / (3600n * second);
  const minutes = (size / (60n * second)) % 60n;
  const rest = `${decimal(size % (60n * second), 9)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0n ? `${sign}${minutes}m${rest}` : `${sign}${rest}`;
}

/** With the last `places` digits behind the point and no zeros at the end. */
function decimal(value: bigint, places: number): string {
  const digits = String(value).padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, '');
}
