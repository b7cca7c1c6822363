// Ends leases and tokens whose time is over: reads the due part of the expiry index and nothing else.

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Storage } from '../../storage/storage.ts';
import { createClockGuard } from './clock-guard.ts';
import { decodeDue, leaseLayout } from './lease-record.ts';
import type { LeasedTokens, Leases } from './leases.ts';

export interface ExpiryParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Log;
  readonly leases: Pick<Leases, 'expire'>;
  readonly tokens: Pick<LeasedTokens, 'expire'>;
  /** Finishes revocations that were left in the queue. */
  readonly resume: () => Promise<void>;
  /** False while another process has this duty. */
  readonly onDuty: () => Promise<boolean>;
}

export interface Expiry {
  /** Ends what is due now; resolves to how many index entries it worked off. 0 while the clock is doubted. */
  expireDue(): Promise<number>;
  /** Expires and resumes until the signal. Resolves when the last pass has ended. */
  run(signal: AbortSignal): Promise<void>;
}

/** Index entries of one pass, and how many of them are worked off side by side. */
const pageSize = 64;
const width = 16;
const interval = 1_000;
/** Passes between two looks at the revocation queue. */
const resumeEvery = 60;

export function createExpiry(parts: ExpiryParts): Expiry {
  const { storage, clock, log } = parts;
  const guard = createClockGuard(clock, log);

  const expireDue = async (): Promise<number> => {
    if (guard.holds()) return 0;
    const due = await dueKeys(storage, clock.now());
    for (let start = 0; start < due.length; start += width)
      await Promise.all(due.slice(start, start + width).map((key) => expireOne(parts, key)));
    return due.length;
  };

  const pass = async (count: number): Promise<boolean> => {
    try {
      if (!(await parts.onDuty())) return false;
      if (count % resumeEvery === 0) await parts.resume();
      return (await expireDue()) >= pageSize;
    } catch (thrown) {
      log.error('a pass over the expired leases failed and is tried again', { error: thrown });
      return false;
    }
  };

  return {
    expireDue,
    async run(signal) {
      for (let count = 0; !signal.aborted; count++) {
        const more = await pass(count);
        if (!more) await pause(interval, signal);
      }
    },
  };
}

async function dueKeys(storage: Storage, now: number): Promise<string[]> {
  const keys: string[] = [];
  for (const level of await storage.list(leaseLayout.byExpiry, { limit: pageSize })) {
    if (Number(level.slice(0, -1)) > now || keys.length >= pageSize) break;
    const prefix = leaseLayout.byExpiry + level;
    for (const name of await storage.list(prefix, { limit: pageSize })) keys.push(prefix + name);
  }
  return keys;
}

/** What failed stays in the index, as far as it was not put off, and so is tried again. */
async function expireOne({ storage, leases, tokens, log }: ExpiryParts, key: string): Promise<void> {
  try {
    const stored = await storage.get(key);
    if (stored === undefined) return;
    const due = decodeDue(stored);
    if ('token' in due) await tokens.expire(due.token);
    else await leases.expire(due.lease);
    // Whatever it named is gone or stands elsewhere in the index by now.
    await storage.delete(key);
  } catch (thrown) {
    log.error('an expired entry could not be ended and is tried again', { error: thrown });
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
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
