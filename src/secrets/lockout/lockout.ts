// Failed logins, counted in the store by mount and user: who fails too often is locked out for a while.

import type { Clock } from '../../base/clock.ts';
import type { LockoutConfig, LockoutConfigs } from '../../base/config/config.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Cached, LockoutTuning, MountView } from '../core/engine.ts';
import { decodeFailures, encodeFailures, type Failures, failuresKey, layout } from './failures.ts';

export type LoginMount = Pick<MountView, 'accessor' | 'type' | 'config'>;

export interface Lockout {
  /**
   * Runs a login. Throws Fault `permission-denied` without running it for a user who is locked out, and after it when the user
   * was locked out meanwhile; otherwise as `login`, whose `invalid-credentials` are counted.
   */
  watch<T>(mount: LoginMount, alias: string, login: () => Promise<T> | T): Promise<T>;
  /** Those who are locked out now, by mount, sorted. Mounts without any are left out. */
  locked(mounts: readonly LoginMount[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Nobody who is not locked out notices. */
  unlock(accessor: string, alias: string): Promise<void>;
  /** Deletes what no longer counts. Resolves to how many entries that were. */
  sweep(mounts: readonly LoginMount[], signal: AbortSignal): Promise<number>;
}

export interface LockoutParts {
  readonly storage: Storage;
  readonly cached: Cached;
  readonly clock: Clock;
  readonly log: Log;
  readonly configs: LockoutConfigs;
  /** Of the store: names of users do not stand in keys. */
  readonly salt: () => string;
}

/** Methods whose users can be locked out. */
export const lockoutTypes: readonly string[] = ['userpass', 'approle', 'ldap'];

/** Names that do not exist are counted in memory alone, and no more of them than this: anybody can make them up. */
const keptStrangers = 10_000;
/** Milliseconds. A failure further in the future comes from a clock that has been put back, and counts for nothing. */
const skew = 60_000;
const pageSize = 64;

export function createLockout(parts: LockoutParts): Lockout {
  const { storage, cached, clock, log } = parts;
  const strangers = new Map<string, Failures>();

  const keyOf = (accessor: string, alias: string): string => failuresKey(accessor, sha256Hex(`${parts.salt()}${alias}`));
  const isLocked = (failures: Failures | undefined, { threshold, duration }: LockoutConfig): boolean =>
    failures !== undefined && failures.count >= threshold && within(clock.now() - failures.last, duration);
  const oneMore = (before: Failures | undefined, alias: string, config: LockoutConfig): Failures => {
    const now = clock.now();
    const goesOn = before !== undefined && within(now - before.last, config.counterReset) && !isOver(before, config, now);
    return { alias, count: goesOn ? before.count + 1 : 1, last: now };
  };
  const countKnown = async (mount: LoginMount, key: string, alias: string, config: LockoutConfig): Promise<void> => {
    const failures = await storage.transact(async (transaction) => {
      const stored = await transaction.get(key);
      const before = stored === undefined ? undefined : decodeFailures(stored);
      // Who is locked out already is not locked out for longer.
      if (isLocked(before, config)) return undefined;
      const after = oneMore(before, alias, config);
      transaction.put(key, encodeFailures(after));
      return after;
    });
    if (isLocked(failures, config))
      log.warn('a user is locked out after failed logins', { mount_accessor: mount.accessor, alias, seconds: config.duration });
  };
  const countStranger = (key: string, config: LockoutConfig): void => {
    const before = strangers.get(key);
    if (isLocked(before, config)) return;
    strangers.delete(key);
    strangers.set(key, oneMore(before, '', config));
    if (strangers.size > keptStrangers) strangers.delete(strangers.keys().next().value as string);
  };
  const look = async (key: string): Promise<Failures | undefined> => {
    const stored = await storage.get(key);
    return stored === undefined ? undefined : decodeFailures(stored);
  };

  return {
    async watch(mount, alias, login) {
      const config = configFor(parts.configs, mount);
      if (config.disabled) return login();
      const key = keyOf(mount.accessor, alias);
      if (isLocked(strangers.get(key), config) || isLocked(await cached(key, decodeFailures), config)) throw lockedOut();
      const answer = await counting(login, (known) => (known ? countKnown(mount, key, alias, config) : countStranger(key, config)));
      // Read anew: of many guesses at once none may win after the others have used up the tries.
      const failures = await look(key);
      if (isLocked(failures, config)) throw lockedOut();
      if (failures !== undefined) await storage.delete(key);
      return answer;
    },
    async locked(mounts) {
      const found = new Map<string, readonly string[]>();
      for (const mount of mounts) {
        const config = configFor(parts.configs, mount);
        const names: string[] = [];
        for (const name of await storage.list(layout.ofMount(mount.accessor))) {
          const failures = await look(layout.ofMount(mount.accessor) + name);
          if (failures !== undefined && !config.disabled && isLocked(failures, config)) names.push(failures.alias);
        }
        if (names.length > 0) found.set(mount.accessor, names.sort());
      }
      return found;
    },
    async unlock(accessor, alias) {
      const key = keyOf(accessor, alias);
      strangers.delete(key);
      await storage.delete(key);
    },
    async sweep(mounts, signal) {
      let swept = 0;
      for (const level of await storage.list(layout.all)) {
        const mount = mounts.find(({ accessor }) => `${accessor}/` === level);
        const config = mount === undefined ? undefined : configFor(parts.configs, mount);
        const over = (failures: Failures) => config === undefined || isOver(failures, config, clock.now());
        swept += await sweepLevel(storage, layout.all + level, over, signal);
      }
      return swept;
    },
  };
}

/** Resolves as `login`; what it throws is told to `count` where it was a wrong password. */
async function counting<T>(login: () => Promise<T> | T, count: (known: boolean) => Promise<void> | void): Promise<T> {
  try {
    return await login();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'invalid-credentials') await count(thrown.fields?.['account'] === 'known');
    throw thrown;
  }
}

async function sweepLevel(storage: Storage, prefix: string, isOver: (failures: Failures) => boolean, signal: AbortSignal): Promise<number> {
  let swept = 0;
  let after: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const names = await storage.list(prefix, { limit: pageSize, ...(after === undefined ? {} : { after }) });
    if (names.length === 0) return swept;
    after = names.at(-1);
    swept += await storage.transact(async (transaction) => {
      let count = 0;
      for (const name of names) {
        const stored = await transaction.get(prefix + name);
        if (stored === undefined || !isOver(decodeFailures(stored))) continue;
        transaction.delete(prefix + name);
        count += 1;
      }
      return count;
    });
  }
}

function within(elapsed: number, seconds: number): boolean {
  return elapsed > -skew && elapsed < seconds * 1000;
}

/** After a lock has ended the user has all tries again. */
function isOver({ count, last }: Failures, { threshold, duration, counterReset }: LockoutConfig, now: number): boolean {
  return !within(now - last, count >= threshold ? duration : counterReset);
}

function lockedOut(): Fault {
  return new Fault('permission-denied', 'permission denied', { fields: { denial: 'locked_out' } });
}

/** The mount's own, then the method's, then that of all. */
function configFor({ all, methods }: LockoutConfigs, { type, config }: LoginMount): LockoutConfig {
  const method = methods[type] ?? all;
  const tuned: LockoutTuning = config?.user_lockout_config ?? {};
  return {
    threshold: tuned.user_lockout_threshold || method.threshold,
    duration: tuned.user_lockout_duration || method.duration,
    counterReset: tuned.user_lockout_counter_reset_duration || method.counterReset,
    disabled: tuned.user_lockout_disable === true || method.disabled,
  };
}
