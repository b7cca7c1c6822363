// A roster: its order, and that it holds and lets go what a Set would.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRoster, type Place } from './roster.ts';

describe('a roster', () => {
  it('keeps what is in, in the order in which it came', () => {
    const roster = createRoster<string>();
    expect(roster.first()).toBeUndefined();
    const [a, , c] = ['a', 'b', 'c'].map((name) => roster.add(name)) as [Place<string>, Place<string>, Place<string>];
    expect([...roster]).toEqual(['a', 'b', 'c']);
    roster.remove(a);
    roster.remove(a);
    expect([...roster]).toEqual(['b', 'c']);
    expect(roster.first()).toBe('b');
    roster.remove(c);
    roster.add('d');
    expect([...roster]).toEqual(['b', 'd']);
    expect([roster.shift(), roster.shift(), roster.shift()]).toEqual(['b', 'd', undefined]);
    expect([...roster]).toEqual([]);
    roster.add('e');
    expect([...roster]).toEqual(['e']);
  });

  it('does as a Set does, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (steps) => {
        const roster = createRoster<object>();
        const set = new Set<object>();
        const places: [Place<object>, object][] = [];
        for (const step of steps) {
          const place = places[step];
          if (place === undefined) {
            const value = {};
            places.push([roster.add(value), value]);
            set.add(value);
          } else {
            roster.remove(place[0]);
            set.delete(place[1]);
          }
          expect([...roster].every((value, index) => value === [...set][index])).toBe(true);
          expect([...roster]).toHaveLength(set.size);
        }
      }),
    );
  });

  it('leaves nothing that what is out holds, or that points to what is in', () => {
    const roster = createRoster<string>();
    roster.add('before');
    const out = roster.add('out');
    roster.add('after');
    roster.remove(out);
    expect(Object.values(out).filter((held) => held !== out && held !== undefined)).toEqual([]);
  });

  it('may be changed by whoever walks along it', () => {
    const roster = createRoster<Place<unknown>>();
    const places: Place<unknown>[] = [];
    for (let count = 0; count < 3; count++) places.push(roster.add(undefined as never));
    let seen = 0;
    for (const _ of roster) roster.remove(places[seen++] as Place<never>);
    expect(seen).toBe(3);
  });
});
