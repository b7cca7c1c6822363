// Cells of tables are what Go prints.

import { describe, expect, it } from 'vitest';
import { fieldText, goQuotedList, goText, goTime, humanDuration } from './go-value.ts';

describe('a value in a cell', () => {
  it.each([
    [null, '<nil>'],
    ['', ''],
    ['a b', 'a b'],
    [true, 'true'],
    [10, '10'],
    [JSON.rawJSON('12345678901234567890'), '12345678901234567890'],
    [[], '[]'],
    [['a', 'b', null], '[a b <nil>]'],
    [{}, 'map[]'],
    [{ team: 'x', owner: 'me', nested: { a: [1] } }, 'map[nested:map[a:[1]] owner:me team:x]'],
  ])('%j is %s', (value, text) => expect(goText(value)).toBe(text));

  it('is a list of quoted texts for policies', () => {
    expect(goQuotedList(['default', 'a"b'])).toBe('["default" "a\\"b"]');
    expect(goQuotedList(null)).toBe('[]');
  });
});

describe('a duration in a cell', () => {
  it.each([
    [0, '0s'],
    [59, '59s'],
    [60, '1m'],
    [600, '10m'],
    [3600, '1h'],
    [3605, '1h5s'],
    [5400, '1h30m'],
    [36_000, '10h'],
    [36_600, '10h10m'],
    [72_005, '20h5s'],
    [2_764_800, '768h'],
    [-60, '-1m'],
  ])('of %i seconds is %s', (seconds, text) => expect(humanDuration(seconds)).toBe(text));

  it.each(['ttl', 'creation_ttl', 'period', 'token_period', 'duration', 'lease_duration', 'lease_max', 'ttl_max'])(
    'is known by the name %s',
    (name) => expect(fieldText(name, 600)).toBe('10m'),
  );

  it.each([
    ['num_uses', 600, '600'],
    ['throttle', 600, '600'],
    ['ttl', '600', '600'],
    ['ttl', 1.5, '1.5'],
    ['ttl', null, '<nil>'],
  ])('is none: %s %j', (name, value, text) => expect(fieldText(name, value)).toBe(text));
});

describe('a time in a cell', () => {
  it.each([
    ['2026-11-23T10:51:00.500Z', '2026-11-23 10:51:00.5 +0000 UTC'],
    ['2026-11-23T10:51:00.123456789Z', '2026-11-23 10:51:00.123456789 +0000 UTC'],
    ['2026-11-23T10:51:00Z', '2026-11-23 10:51:00 +0000 UTC'],
    ['2026-11-23T10:51:00-05:00', '2026-11-23 10:51:00 -0500 -0500'],
    ['soon', 'soon'],
  ])('%s is %s', (text, shown) => expect(goTime(text)).toBe(shown));
});
