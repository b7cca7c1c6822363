// What an unsealed server does by itself beside expiring leases: notes its version, finishes upgrades, rotates the keyring.

import type { Log } from '../base/log.ts';
import type { Rotation } from './barrier/rotation.ts';
import type { Lockout } from './lockout/lockout.ts';
import type { Mounts } from './mounts/mounts.ts';
import type { Router } from './mounts/router.ts';
import { loginMounts } from './system/locked-users.ts';
import type { VersionHistory } from './system/version-history.ts';

export interface UpkeepParts {
  readonly rotation: Rotation;
  readonly versions: VersionHistory;
  readonly mounts: Mounts;
  readonly router: Router;
  readonly lockout: Lockout;
  /** Counts the leases, for the metrics. */
  readonly count: (signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/** Milliseconds between two looks at the keyring, as Vault has it. */
const interval = 5 * 60_000;

/** Until the signal; resolves when nothing of it runs any more. Never rejects. */
export async function runUpkeep(
  { rotation, versions, mounts, router, lockout, count, log }: UpkeepParts,
  signal: AbortSignal,
): Promise<void> {
  const trying = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) log.error('upkeep failed and is tried again', { what, error });
    }
  };
  await trying('version history', () => versions.note());
  await trying('upgrades of kv mounts', async () => {
    for (const mount of (await mounts.table()).mounts) {
      if (signal.aborted) return;
      // An engine goes on with its upgrade when it is opened.
      if (mount.type === 'kv' && mount.options?.['version'] === '2') await router.open(mount);
    }
  });
  while (!signal.aborted) {
    await trying('rotation of the keyring', () => rotation.rotateIfDue());
    await trying('count of leases', () => count(signal));
    await trying('failed logins', async () => lockout.sweep(loginMounts(await mounts.table()), signal));
    await pause(interval, signal);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    timer.unref();
    signal.addEventListener('abort', end, { once: true });
  });
}
