// How long a token or a lease may live: the table of section 3.4 of the contract.

import { describe, expect, it } from 'vitest';
import { calculateTtl, shortDuration, type TtlTerms } from './ttl.ts';

const hour = 3_600;
const day = 24 * hour;
const bounds = { default: 768 * hour, max: 768 * hour };
const created = 1_700_000_000_000;
/** Terms of something that was made `age` seconds ago. */
const grant = (terms: Partial<TtlTerms>, age = 0) => calculateTtl({ bounds, created, now: created + age * 1000, ...terms });

describe('a TTL', () => {
  it.each<[string, Partial<TtlTerms>, number]>([
    ['is the default of the mount where nothing is said', { bounds: { default: day, max: 2 * day } }, day],
    ['is that of the role before the default', { ttl: hour }, hour],
    ['is what was asked for before that of the role', { increment: 2 * hour, ttl: hour }, 2 * hour],
    ['is bounded by the maximum of the mount', { ttl: 3 * day, bounds: { default: hour, max: 2 * day } }, 2 * day],
    [
      'is bounded by the maximum of the role, if that is smaller',
      { ttl: 3 * day, maxTtl: day, bounds: { default: hour, max: 2 * day } },
      day,
    ],
    ['is not stretched by the maximum of the role', { ttl: 3 * day, maxTtl: 9 * day, bounds: { default: hour, max: 2 * day } }, 2 * day],
    ['is bounded by the explicit maximum', { ttl: 3 * day, maxTtl: 2 * day, explicitMaxTtl: hour }, hour],
    ['is the period of something periodic, whatever else is said', { increment: 9 * hour, ttl: 8 * hour, period: hour }, hour],
    ['is a period cut to the maximum of the mount', { period: 3 * day, bounds: { default: hour, max: 2 * day } }, 2 * day],
    ['is a period cut to the explicit maximum', { period: 3 * day, explicitMaxTtl: day }, day],
    [
      'takes zeros for nothing said',
      { increment: 0, ttl: 0, maxTtl: 0, explicitMaxTtl: 0, period: 0, bounds: { default: hour, max: day } },
      hour,
    ],
  ])('%s', (_, terms, ttl) => {
    const granted = grant(terms);
    expect(granted.ttl).toBe(ttl);
    expect(granted.expires).toBe(created + ttl * 1000);
  });

  it('is cut to what is left of the maximum, counted from the beginning', () => {
    expect(grant({ ttl: hour, maxTtl: 2 * hour }, 1.5 * hour)).toMatchObject({ ttl: 0.5 * hour, expires: created + 2 * hour * 1000 });
    expect(grant({ increment: day, maxTtl: 2 * day }, 1.5 * day)).toMatchObject({ ttl: day / 2 });
  });

  it('of something periodic begins anew each time, past every maximum but the explicit one', () => {
    expect(grant({ period: hour, bounds: { default: hour, max: day } }, 100 * day).ttl).toBe(hour);
    expect(grant({ period: hour, maxTtl: day }, 100 * day).ttl).toBe(hour);
    expect(grant({ period: hour, explicitMaxTtl: 2 * hour }, 1.5 * hour).ttl).toBe(hour / 2);
  });

  it('is refused when the maximum has passed', () => {
    const past = { code: 'invalid-request', message: 'past the max TTL, cannot renew' };
    expect(() => grant({ maxTtl: hour }, hour)).toThrow(expect.objectContaining(past));
    expect(() => grant({}, 768 * hour)).toThrow(expect.objectContaining(past));
    expect(() => grant({ period: hour, explicitMaxTtl: 2 * hour }, 2 * hour)).toThrow(expect.objectContaining(past));
  });

  it('never reaches past the maximum, not by the part of a second either', () => {
    const granted = calculateTtl({ bounds, maxTtl: hour, ttl: hour, created, now: created + 400 });
    expect(granted).toMatchObject({ ttl: hour, expires: created + hour * 1000 });
    const last = calculateTtl({ bounds, maxTtl: hour, ttl: hour, created, now: created + hour * 1000 - 300 });
    expect(last).toMatchObject({ ttl: 1, expires: created + hour * 1000 });
  });
});

describe('a warning', () => {
  it('says what was cut, and to what', () => {
    expect(grant({ ttl: 2 * day, maxTtl: day }).warnings).toEqual([
      'TTL of "48h" exceeded the effective max_ttl of "24h"; TTL value is capped accordingly',
    ]);
    expect(grant({ period: 2 * day, explicitMaxTtl: day }).warnings).toEqual([
      'period of "48h" exceeded the effective max_ttl of "24h"; period value is capped accordingly',
    ]);
  });

  it('is not given where everything was granted', () => {
    expect(grant({ ttl: day, maxTtl: day }).warnings).toEqual([]);
    expect(grant({}).warnings).toEqual([]);
  });

  it.each([
    [0, '0s'],
    [45, '45s'],
    [90, '1m30s'],
    [hour, '1h'],
    [hour + 1, '1h1s'],
    [768 * hour, '768h'],
    [hour + 1800, '1h30m'],
  ])('prints %d seconds as %s', (seconds, text) => {
    expect(shortDuration(seconds)).toBe(text);
  });
});
