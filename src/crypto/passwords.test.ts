// Passwords: published vectors, what is refused, and the bound on what runs at a time.

import { describe, expect, it } from 'vitest';
import { createPasswords, passwordHashCost } from './passwords.ts';

const { signal } = new AbortController();
const passwords = createPasswords();

/** Of John the Ripper's and jBCrypt's tests, costs 5 and 6. */
const vectors: readonly (readonly [password: string, hash: string])[] = [
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
  ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
  ['', '$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'],
  ['a', '$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe'],
];

describe('a hash', () => {
  it('of every vector is matched by its password and by no other', async () => {
    expect(vectors).toHaveLength(5);
    for (const [password, hash] of vectors)
      for (const prefix of ['$2a$', '$2b$', '$2y$']) {
        expect(await passwords.matches(password, prefix + hash.slice(4), signal)).toBe(true);
        expect(await passwords.matches(`${password}x`, prefix + hash.slice(4), signal)).toBe(false);
      }
  });

  it('is made with cost 10, anew each time, and tells a NUL from an end', async () => {
    const [one, other] = [await passwords.hash('a\0b', signal), await passwords.hash('a\0b', signal)];
    expect(one).not.toBe(other);
    expect(passwordHashCost(one)).toBe(10);
    expect(await passwords.matches('a\0b', one, signal)).toBe(true);
    expect(await passwords.matches('a', one, signal)).toBe(false);
    expect(await passwords.matches('a\0c', one, signal)).toBe(false);
  });

  it('is made of 72 bytes and not of more', async () => {
    expect(await passwords.matches('x'.repeat(72), await passwords.hash('x'.repeat(72), signal), signal)).toBe(true);
    await expect(passwords.hash('x'.repeat(73), signal)).rejects.toThrow('password length exceeds 72 bytes');
    await expect(passwords.hash('é'.repeat(37), signal)).rejects.toThrow('password length exceeds 72 bytes');
  });

  it('has a cost, and what is no hash has none', async () => {
    expect(passwordHashCost((vectors[0] as readonly [string, string])[1])).toBe(5);
    for (const text of [
      '',
      'x',
      `$2x$05$${'C'.repeat(53)}`,
      `$2a$5$${'C'.repeat(53)}`,
      `$2a$03$${'C'.repeat(53)}`,
      `$2a$05$${'a'.repeat(53)}`,
    ]) {
      expect(passwordHashCost(text)).toBeUndefined();
      expect(await passwords.matches('x', text, signal)).toBe(false);
    }
  });
});

describe('the bound', () => {
  const [, hash] = vectors[0] as readonly [string, string];

  it('sends away who comes when too many wait', async () => {
    const few = createPasswords({ width: 1, waiting: 2 });
    const asked = Array.from({ length: 5 }, () => few.matches('U*U', hash, signal));
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as { code: string }).code))).toEqual(
      [true, true, true, 'rate-limited', 'rate-limited'],
    );
    expect(await few.matches('U*U', hash, signal)).toBe(true);
  });

  it('forgets who no longer waits', async () => {
    const few = createPasswords({ width: 1, waiting: 1 });
    const gone = new AbortController();
    const first = few.matches('U*U', hash, signal);
    const second = few.matches('U*U', hash, gone.signal);
    gone.abort();
    await expect(second).rejects.toThrow('the request was given up');
    const third = few.matches('U*U', hash, signal);
    expect(await Promise.all([first, third])).toEqual([true, true]);
    await expect(few.matches('U*U', hash, gone.signal)).rejects.toThrow('the request was given up');
  });

  it('takes as long for a user that does not exist as for one that does', async () => {
    const took = async (work: () => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    const made = await passwords.hash('pw', signal);
    let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    // In turns, and the quickest of each: what else the machine does meets both.
    for (let round = 0; round < 6; round++) {
      known = Math.min(known, await took(() => passwords.matches('wrong', made, signal)));
      unknown = Math.min(unknown, await took(() => passwords.pretend('wrong', signal)));
    }
    expect(unknown).toBeGreaterThan(known / 4);
  });
});
