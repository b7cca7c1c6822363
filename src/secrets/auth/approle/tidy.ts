// Clears away secret ids whose time is over, and those of roles that are gone: every minute, and when it is asked for.

import type { Host } from '../../core/engine.ts';
import { layout } from './roles.ts';
import type { SecretIds } from './secret-ids.ts';

export interface Tidy {
  /** Begins now, in the background; nothing if it runs already. */
  now(): void;
  /** Deletes what belonged to a role, in the background. */
  purge(uid: string): void;
  end(): Promise<void>;
}

const interval = 60_000;
/** More than this between two rounds is a jump of the clock, and what it made old is left for a while: it may come back. */
const tolerance = 60_000;
const patience = 5;

export function createTidy({ storage, clock, log }: Host, secretIds: SecretIds): Tidy {
  const ending = new AbortController();
  const { signal } = ending;
  let running: Promise<void> | undefined;
  let wall = clock.now();
  let steady = clock.monotonic();
  let doubted = 0;

  const round = async (): Promise<void> => {
    try {
      for (const uid of await storage.list(layout.purge)) await secretIds.purge(uid, signal);
      const count = await secretIds.expireDue(signal);
      if (count > 0) log.info('expired secret ids were cleared away', { count });
    } catch (thrown) {
      if (signal.aborted) return;
      log.error('secret ids could not be cleared away and are tried again', { error: thrown });
    }
  };
  const now = (): void => {
    running ??= round().finally(() => {
      running = undefined;
    });
  };
  const tick = (): void => {
    const jump = clock.now() - wall - (clock.monotonic() - steady);
    wall = clock.now();
    steady = clock.monotonic();
    if (jump > tolerance) doubted = patience;
    else if (jump < -tolerance) doubted = 0;
    else if (doubted > 0) doubted -= 1;
    if (doubted === 0) now();
  };
  const timer = setInterval(tick, interval);
  timer.unref();

  return {
    now,
    purge(uid) {
      secretIds.purge(uid, signal).catch((thrown: unknown) => {
        if (!signal.aborted) log.error('secret ids of a deleted role could not be cleared away and are tried again', { error: thrown });
      });
    },
    async end() {
      clearInterval(timer);
      ending.abort();
      await running;
    },
  };
}
