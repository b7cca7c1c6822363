// What a server does by itself: at once when it is unsealed, whatever else fails, and not after its end.

import { describe, expect, it } from 'vitest';
import { jsonLog } from '../base/log.ts';
import type { MountRecord } from './mounts/record.ts';
import { runUpkeep, type UpkeepParts } from './upkeep.ts';

function partsOf(done: string[], logged: string[], failing: readonly string[] = []): UpkeepParts {
  const doing = async (what: string): Promise<void> => {
    if (failing.includes(what)) throw new Error(`${what} is broken`);
    done.push(what);
  };
  const kv = (uuid: string, version: string) =>
    ({ uuid, table: 'secret', type: 'kv', path: `${uuid}/`, options: { version } }) as unknown as MountRecord;
  const records = [kv('one', '1'), kv('two', '2')];
  return {
    rotation: { rotateIfDue: () => doing('rotate').then(() => true) } as unknown as UpkeepParts['rotation'],
    versions: { note: () => doing('note'), list: async () => [] },
    mounts: { table: () => ({ format: 1, mounts: records }) } as unknown as UpkeepParts['mounts'],
    count: () => doing('count'),
    lockout: { sweep: () => doing('sweep') } as unknown as UpkeepParts['lockout'],
    router: { open: (record: MountRecord) => doing(`open ${record.uuid}`) } as unknown as UpkeepParts['router'],
    log: jsonLog({ level: 'info', write: (line) => void logged.push(line), now: () => 0 }),
  };
}

describe('upkeep', () => {
  it('notes the version, goes on with upgrades and looks at the keyring as soon as the server is unsealed', async () => {
    const done: string[] = [];
    const ending = new AbortController();
    const running = runUpkeep(partsOf(done, []), ending.signal);
    await expect.poll(() => done).toEqual(['note', 'open two', 'rotate', 'count', 'sweep']);
    ending.abort();
    await running;
  });

  it('does the rest when a part of it fails, and says so', async () => {
    const [done, logged]: [string[], string[]] = [[], []];
    const ending = new AbortController();
    const running = runUpkeep(partsOf(done, logged, ['note', 'open two']), ending.signal);
    await expect.poll(() => done).toEqual(['rotate', 'count', 'sweep']);
    ending.abort();
    await running;
    expect(logged.filter((line) => line.includes('upkeep failed'))).toHaveLength(2);
  });
});
