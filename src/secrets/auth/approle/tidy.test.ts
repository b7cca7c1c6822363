// Clearing away secret ids: by itself every minute, not while the clock is doubted, and not after its end.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jsonLog } from '../../../base/log.ts';
import { openMemory } from '../../../storage/backends/memory.ts';
import type { Host } from '../../core/engine.ts';
import type { SecretIds } from './secret-ids.ts';
import { createTidy, type Tidy } from './tidy.ts';

const minute = 60_000;
let steady = 0;
let ahead = 0;
let rounds = 0;
let failing = false;
const logged: string[] = [];
let tidy: Tidy;

beforeEach(() => {
  vi.useFakeTimers();
  [steady, ahead, rounds, failing] = [0, 0, 0, false];
  logged.length = 0;
  const host = {
    storage: openMemory(),
    clock: { now: () => steady + ahead, monotonic: () => steady },
    log: jsonLog({ level: 'info', write: (line) => void logged.push(line), now: () => 0 }),
  } as unknown as Host;
  const secretIds = {
    async expireDue() {
      rounds += 1;
      if (failing) throw new Error('the disk is gone');
      return 1;
    },
  } as unknown as SecretIds;
  tidy = createTidy(host, secretIds);
});
afterEach(async () => {
  await tidy.end();
  vi.useRealTimers();
});

async function pass(minutes: number): Promise<void> {
  for (let one = 0; one < minutes; one++) {
    steady += minute;
    await vi.advanceTimersByTimeAsync(minute);
  }
}

describe('clearing away', () => {
  it('happens every minute, and goes on after a failure', async () => {
    failing = true;
    await pass(1);
    failing = false;
    await pass(2);
    expect(rounds).toBe(3);
    expect(logged.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      'secret ids could not be cleared away and are tried again',
      'expired secret ids were cleared away',
      'expired secret ids were cleared away',
    ]);
  });

  it('waits for some minutes when the clock jumps forward, or until it has come back', async () => {
    ahead = 60 * minute;
    await pass(5);
    expect(rounds).toBe(0);
    await pass(1);
    expect(rounds).toBe(1);
    ahead = 120 * minute;
    await pass(1);
    ahead = 60 * minute;
    await pass(1);
    expect(rounds).toBe(2);
  });

  it('ends with the mount', async () => {
    await tidy.end();
    await pass(3);
    expect(rounds).toBe(0);
  });
});
