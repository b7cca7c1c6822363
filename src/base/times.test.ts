// Times are printed as Go prints them.

import { expect, it } from 'vitest';
import { rfc3339 } from './times.ts';

it.each([
  [Date.UTC(2018, 7, 15, 21, 58, 0), '2018-08-15T21:58:00Z'],
  [Date.UTC(2018, 7, 15, 21, 58, 10, 409), '2018-08-15T21:58:10.409Z'],
  [Date.UTC(2018, 7, 15, 21, 58, 10, 400), '2018-08-15T21:58:10.4Z'],
  [Date.UTC(2018, 7, 15, 21, 58, 10, 40), '2018-08-15T21:58:10.04Z'],
  [Date.UTC(2018, 7, 15, 21, 58, 10, 1), '2018-08-15T21:58:10.001Z'],
  [Date.UTC(2020, 9, 10, 10, 10, 10, 100), '2020-10-10T10:10:10.1Z'],
  [Date.UTC(2020, 9, 10, 10, 10, 0), '2020-10-10T10:10:00Z'],
  [0, '1970-01-01T00:00:00Z'],
  [-1, '1969-12-31T23:59:59.999Z'],
  [1.9, '1970-01-01T00:00:00.001Z'],
])('%d ms is %s', (milliseconds, printed) => {
  expect(rfc3339(milliseconds)).toBe(printed);
  expect(Date.parse(printed)).toBe(Math.trunc(milliseconds));
});

it('is the same whatever was printed before', () => {
  const moments = [0, 999, 1000, 999, -1, 0, 86_400_000, 1500, 86_400_000, -1000, -1001];
  for (const moment of moments)
    expect(rfc3339(moment)).toBe(
      new Date(moment)
        .toISOString()
        .replace('.000Z', 'Z')
        .replace(/(\.\d*[1-9])0*Z$/, '$1Z'),
    );
});
