// Durations are read and written as Go does it, to the nanosecond, and absurd ones are refused.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readVectors } from '../../test/vectors/vectors.ts';
import { formatGoDuration, parseDurationMilliseconds, parseDurationSeconds } from './durations.ts';
import { Fault } from './fault.ts';

interface GoDurations {
  readonly parse: readonly { readonly input: string; readonly nanoseconds?: string; readonly error?: string }[];
  readonly format: readonly { readonly nanoseconds: string; readonly text: string }[];
}

const go = readVectors<GoDurations>('go-durations');

function refusal(value: string | number): Fault {
  try {
    parseDurationSeconds(value);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return thrown as Fault;
  }
  throw new Error(`${String(value)} was accepted`);
}

describe('a duration from a client', () => {
  it.each([
    [0, 0],
    [30, 30],
    [-1, -1],
    [2_764_800, 2_764_800],
    [1.9, 1],
    ['', 0],
    ['0', 0],
    ['30', 30],
    ['+30', 30],
    ['-1', -1],
    ['0030', 30],
    ['2d', 172_800],
    ['+2d', 172_800],
    ['-2d', -172_800],
    ['0d', 0],
    ['1h30m', 5400],
    ['1h', 3600],
    ['90m', 5400],
    ['768h', 2_764_800],
    ['1500ms', 1],
    ['999ms', 0],
    ['1us', 0],
    ['-1500ms', -1],
    ['-0', 0],
    ['-0.5s', 0],
    ['4294967297', 4_294_967_297],
    ['9223372036', 9_223_372_036],
    [9_223_372_035, 9_223_372_035],
    ['106751d', 9_223_286_400],
    [`${'0'.repeat(30)}7`, 7],
    [`${'0'.repeat(30)}7m`, 420],
  ])('of %j is %d seconds', (value, seconds) => {
    expect(parseDurationSeconds(value)).toBe(seconds);
  });

  it.each([
    ['1y', 'time: unknown unit "y" in duration "1y"'],
    ['9999999h', 'time: invalid duration "9999999h"'],
    ['9223372037', 'time: invalid duration "9223372037"'],
    ['-9223372037', 'time: invalid duration "-9223372037"'],
    ['106752d', 'time: invalid duration "106752d"'],
    ['99999999999999999999999999', 'time: invalid duration "99999999999999999999999999"'],
    [`1${'0'.repeat(400)}d`, `time: invalid duration "1${'0'.repeat(400)}d"`],
    [`1${'0'.repeat(400)}h`, `time: invalid duration "1${'0'.repeat(400)}h"`],
    [Number.NaN, 'time: invalid duration "NaN"'],
    [Number.POSITIVE_INFINITY, 'time: invalid duration "Infinity"'],
    [1e300, 'time: invalid duration "1e+300"'],
    ['1h2', 'time: missing unit in duration "1h2"'],
    ['1.5', 'time: missing unit in duration "1.5"'],
    ['2d12h', 'time: unknown unit "d" in duration "2d12h"'],
    ['d', 'time: invalid duration "d"'],
    ['-', 'time: invalid duration "-"'],
    ['forever', 'time: invalid duration "forever"'],
    [' 30', 'time: invalid duration " 30"'],
    ['30 ', 'time: unknown unit " " in duration "30 "'],
  ])('of %j is refused', (value, message) => {
    expect(refusal(value)).toMatchObject({ code: 'invalid-request', message });
  });

  it('keeps milliseconds where they are asked for', () => {
    expect(parseDurationMilliseconds('1h30m')).toBe(5_400_000);
    expect(parseDurationMilliseconds('1.5s')).toBe(1500);
    expect(parseDurationMilliseconds('250us')).toBe(0.25);
    expect(parseDurationMilliseconds(2)).toBe(2000);
    expect(parseDurationMilliseconds('')).toBe(0);
  });

  it('of millions of digits is refused at once', () => {
    const digits = '9'.repeat(4_000_000);
    const started = performance.now();
    for (const value of [digits, `${digits}h`, `${digits}d`, `1.${digits}`]) refusal(value);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("Go's durations", () => {
  it('are read to the nanosecond, and refused with the same words', () => {
    // Go reads no bare numbers and no days; Vault does.
    const ours = go.parse.filter(({ input }) => !/^[+-]?\d+d?$/.test(input) && input !== '');
    for (const { input, nanoseconds, error } of ours) {
      if (error !== undefined) expect(refusal(input).message, input).toBe(error);
      else expect(parseDurationMilliseconds(input), input).toBe(Number(nanoseconds) / 1e6);
    }
    expect(ours).toHaveLength(81);
    expect(ours.filter(({ error }) => error !== undefined)).toHaveLength(32);
  });

  it('are written alike', () => {
    for (const { nanoseconds, text } of go.format) expect(formatGoDuration(Number(nanoseconds) / 1e9), text).toBe(text);
    expect(go.format).toHaveLength(27);
  });

  it('come back from their text', () => {
    fc.assert(
      fc.property(fc.integer({ min: -9_223_372_036, max: 9_223_372_036 }), (seconds) => {
        expect(parseDurationSeconds(formatGoDuration(seconds))).toBe(seconds);
        expect(parseDurationSeconds(String(seconds))).toBe(seconds);
        expect(parseDurationSeconds(seconds)).toBe(seconds);
      }),
    );
  });

  it('are written without noise, however the seconds were computed', () => {
    expect(formatGoDuration(59.9999999999)).toBe('1m0s');
    expect(formatGoDuration(0.1 + 0.2)).toBe('300ms');
    expect(formatGoDuration(-0)).toBe('0s');
  });
});

it('reads any text as a duration or refuses it with a fault', () => {
  const pieces = fc.constantFrom('1', '9', '0', '.', '-', '+', 'h', 'm', 's', 'ms', 'us', 'ns', 'µs', 'd', ' ', 'e', '\0', '😀');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          expect(Number.isInteger(parseDurationSeconds(text))).toBe(true);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
        }
      },
    ),
  );
});
