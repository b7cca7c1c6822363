// Lockout by a clock that is moved: how long it lasts, what counts, what is swept, and that two processes share one count.

import { beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../base/clock.ts';
import type { LockoutConfig } from '../../base/config/config.ts';
import { Fault } from '../../base/fault.ts';
import { jsonLog } from '../../base/log.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Storage } from '../../storage/storage.ts';
import { createCache } from '../core/cache.ts';
import { createLockout, type Lockout, type LoginMount } from './lockout.ts';

const mount: LoginMount = { accessor: 'auth_userpass_1', type: 'userpass' };
const config: LockoutConfig = { threshold: 3, duration: 60, counterReset: 30, disabled: false };
const second = 1000;

let storage: Storage;
let clock: ReturnType<typeof manualClock>;
let logged: string[];
let one: Lockout;
/** Another process over the same store. */
let other: Lockout;
beforeEach(() => {
  storage = openMemory();
  clock = manualClock();
  logged = [];
  const make = () => {
    const cache = createCache({ storage, limit: 2 ** 20 });
    const lockout = createLockout({
      storage,
      cached: (key, decode) => cache.get(key, decode),
      clock,
      log: jsonLog({ level: 'debug', write: (line) => void logged.push(line), now: () => 0 }),
      configs: { all: config, methods: {} },
      salt: () => 'salt',
    });
    // As the pipeline does before each request.
    const watch: Lockout['watch'] = async (...of) => {
      await cache.refresh();
      return lockout.watch(...of);
    };
    return { ...lockout, watch };
  };
  one = make();
  other = make();
});

const outcome = async (login: Promise<string>): Promise<string> => {
  try {
    return await login;
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.code : 'thrown';
  }
};
const wrong =
  (account = 'known') =>
  () => {
    throw new Fault('invalid-credentials', 'wrong', { fields: { account } });
  };
const fail = (lockout = one, alias = 'ann', account = 'known') => outcome(lockout.watch(mount, alias, wrong(account)));
const succeed = (lockout = one, alias = 'ann') => outcome(lockout.watch(mount, alias, async () => 'in'));

describe('a lock', () => {
  it('begins with the failure that is one too many, and ends in time however often it is tried', async () => {
    expect([await fail(), await fail()]).toEqual(['invalid-credentials', 'invalid-credentials']);
    expect(await succeed()).toBe('in');
    for (let time = 0; time < 3; time++) await fail();
    for (let elapsed = 0; elapsed < 59; elapsed++) {
      clock.advance(second);
      expect(await fail()).toBe('permission-denied');
    }
    clock.advance(second);
    expect(await succeed()).toBe('in');
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('"alias":"ann"');
  });

  it('leaves all tries after its end', async () => {
    for (let time = 0; time < 3; time++) await fail();
    clock.advance(60 * second);
    for (let time = 0; time < 3; time++) expect(await fail()).toBe('invalid-credentials');
    expect(await fail()).toBe('permission-denied');
  });

  it('does not begin when the failures lie far apart', async () => {
    for (let time = 0; time < 9; time++) {
      expect(await fail()).toBe('invalid-credentials');
      clock.advance(31 * second);
    }
  });

  it('holds in every process, and is counted in all of them together', async () => {
    await fail(one);
    await fail(other);
    await fail(one);
    expect([await succeed(one), await succeed(other)]).toEqual(['permission-denied', 'permission-denied']);
    await other.unlock(mount.accessor, 'ann');
    expect([await succeed(one), await succeed(other)]).toEqual(['in', 'in']);
  });

  it('is for one mount and one user', async () => {
    for (let time = 0; time < 3; time++) await fail();
    expect(await succeed(one, 'bob')).toBe('in');
    expect(await outcome(one.watch({ ...mount, accessor: 'auth_userpass_2' }, 'ann', async () => 'in'))).toBe('in');
  });

  it('is not begun by other refusals', async () => {
    for (let time = 0; time < 9; time++)
      await outcome(
        one.watch(mount, 'ann', () => {
          throw new Fault('permission-denied', 'elsewhere');
        }),
      );
    expect(await succeed()).toBe('in');
  });

  it('holds no longer when the clock is put back by an hour', async () => {
    for (let time = 0; time < 3; time++) await fail();
    clock.advance(-3600 * second);
    expect(await succeed()).toBe('in');
  });

  it('is not made longer by a failure that was under way when it began', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const late = outcome(one.watch(mount, 'ann', () => gate.then(wrong())));
    for (let time = 0; time < 3; time++) await fail();
    clock.advance(20 * second);
    release();
    expect(await late).toBe('invalid-credentials');
    clock.advance(40 * second);
    expect(await succeed()).toBe('in');
  });

  it('is refused even to the right password that came among the wrong ones', async () => {
    const guesses = [wrong(), wrong(), wrong(), async () => 'in'];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const outcomes = guesses.map((guess, index) =>
      outcome(
        one.watch(mount, 'ann', async () => {
          if (index === 3) await gate;
          return guess();
        }),
      ),
    );
    await Promise.all(outcomes.slice(0, 3));
    release();
    expect(await outcomes[3]).toBe('permission-denied');
  });
});

describe('names that do not exist', () => {
  it('are locked like others, and leave nothing in the store', async () => {
    for (let time = 0; time < 3; time++) expect(await fail(one, 'nobody', 'none')).toBe('invalid-credentials');
    expect(await fail(one, 'nobody', 'none')).toBe('permission-denied');
    expect(await storage.list('')).toEqual([]);
    clock.advance(60 * second);
    expect(await fail(one, 'nobody', 'none')).toBe('invalid-credentials');
  });
});

describe('what is kept', () => {
  it('names those who are locked out now', async () => {
    for (const name of ['bob', 'ann', 'ann', 'bob', 'ann', 'bob', 'cleo']) await fail(one, name);
    expect([...(await other.locked([mount]))]).toEqual([[mount.accessor, ['ann', 'bob']]]);
    clock.advance(60 * second);
    expect([...(await other.locked([mount]))]).toEqual([]);
  });

  it('is swept when it no longer counts, or its mount is gone', async () => {
    const { signal } = new AbortController();
    for (let number = 0; number < 70; number++) await fail(one, `user-${number}`);
    for (let time = 0; time < 3; time++) await fail(one, 'ann');
    expect(await one.sweep([mount], signal)).toBe(0);
    clock.advance(31 * second);
    expect(await one.sweep([mount], signal)).toBe(70);
    expect(await fail(one, 'ann')).toBe('permission-denied');
    expect(await one.sweep([], signal)).toBe(1);
    expect(await storage.list('')).toEqual([]);
  });
});
