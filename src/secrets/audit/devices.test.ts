// The table of audit devices: who may change it, what survives, and when a request may go on.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { jsonLog } from '../../base/log.ts';
import { systemRandom } from '../../crypto/random.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Life } from '../core/life.ts';
import { createMetrics } from '../core/metrics.ts';
import { createDevices, type DeviceParts } from './devices.ts';
import type { DeclaredDevice } from './table.ts';
import type { Target } from './target.ts';

let folder = '';
let logged: string[] = [];
let storage = openMemory();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-devices-'));
  logged = [];
  storage = openMemory();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const log = jsonLog({ level: 'info', write: (line) => void logged.push(line), now: () => 0 });
/** Decodes anew each time, as after a change by another process. */
const cached: DeviceParts['cached'] = async (key, decode) => {
  const stored = await storage.get(key);
  return stored === undefined ? undefined : decode(stored);
};
const devices = (changes: Partial<DeviceParts> = {}) =>
  createDevices({
    storage,
    cached,
    random: systemRandom,
    clock: systemClock,
    log,
    metrics: createMetrics(),
    directory: folder,
    ...changes,
  });
const device = (path: string, options: Readonly<Record<string, string>> = {}) => ({
  path,
  type: 'file',
  description: '',
  options: { file_path: `${path.slice(0, -1)}.log`, ...options },
  local: false,
});
const declared = (path: string): DeclaredDevice => ({
  path,
  type: 'file',
  description: '',
  options: { file_path: join(folder, `${path.slice(0, -1)}.log`) },
});
const linesOf = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);

const life = {
  operation: 'read',
  wire: { id: 'one', path: 'kv/a', data: {}, headers: {}, remoteAddress: '', remotePort: 0, token: undefined, wrapTtl: undefined },
} as unknown as Life;

/** Opens targets that behave as their path says. */
const behaving = async ({ path }: { readonly path: string }): Promise<Target> => ({
  write: (bytes) =>
    path.includes('hang')
      ? new Promise(() => {})
      : path.includes('full') && Buffer.from(bytes).includes(broken)
        ? Promise.reject(new Error('no space left on device'))
        : Promise.resolve(bytes.length),
  close: async () => {},
});
/** The probe before a device is enabled passes, later lines do not: those name kv/. */
const broken = 'kv/a';

describe('the table', () => {
  it('is there again after a restart, with the same hashes', async () => {
    const before = devices();
    await before.start([]);
    await before.enable(device('one/', { prefix: 'p' }));
    await before.setHeader('X-Forwarded-For', true);
    const hash = before.hash('one/', 'value');
    await before.stop();
    expect(before.active).toBe(false);
    const after = devices();
    await after.start([]);
    expect(after.list()).toMatchObject([{ path: 'one/', options: { file_path: join(folder, 'one.log'), prefix: 'p' } }]);
    expect(Object.entries(after.headers())).toStrictEqual([['x-forwarded-for', true]]);
    expect(after.headers()['constructor']).toBeUndefined();
    expect(after.hash('one/', 'value')).toBe(hash);
    expect(hash).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
    await after.stop();
  });

  it('has no two devices whose paths lie in each other, even when they come at once', async () => {
    const own = devices();
    await own.start([]);
    const results = await Promise.allSettled([
      own.enable(device('a/')),
      own.enable(device('a/')),
      own.enable(device('a/b/', { file_path: 'b' })),
    ]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(own.list()).toHaveLength(1);
    await expect(own.enable(device('/'))).rejects.toThrow('backend path must be specified');
    await own.stop();
  });

  it('hashes with a salt of each device', async () => {
    const own = devices();
    await own.start([]);
    await own.enable(device('a/'));
    await own.enable(device('b/'));
    expect(own.hash('a/', 'v')).not.toBe(own.hash('b/', 'v'));
    expect(() => own.hash('c/', 'v')).toThrow('unknown audit backend: "c/"');
    await own.stop();
  });

  it('takes no device that cannot take a line', async () => {
    const own = devices({ openTarget: async () => ({ write: () => Promise.reject(new Error('no')), close: async () => {} }) });
    await own.start([]);
    await expect(own.enable(device('a/'))).rejects.toThrow('audit backend failed test message');
    expect(own.list()).toHaveLength(0);
    expect(own.active).toBe(false);
  });
});

describe('declared devices', () => {
  it('are there at the start, cannot be disabled, and go with the configuration', async () => {
    const first = devices({ directory: undefined });
    await first.start([declared('own/')]);
    expect(first.list()).toMatchObject([{ path: 'own/', declared: true }]);
    await first.request(life);
    await expect(first.disable('own/')).rejects.toThrow('declared in the configuration');
    const hash = first.hash('own/', 'v');
    await first.stop();
    const second = devices();
    await second.start([declared('own/'), declared('other/')]);
    expect(second.hash('own/', 'v')).toBe(hash);
    await second.enable(device('api/'));
    await second.stop();
    const third = devices();
    await third.start([]);
    expect(third.list()).toMatchObject([{ path: 'api/' }]);
    await third.stop();
    expect(linesOf('own.log')).toHaveLength(1);
  });

  it('take the place of a device of the same name', async () => {
    const first = devices();
    await first.start([]);
    await first.enable(device('own/'));
    await first.stop();
    const second = devices();
    await second.start([declared('own/')]);
    expect(second.list()).toHaveLength(1);
    await second.stop();
  });
});

describe('opening', () => {
  it('fails when no device can be opened, so that nothing is answered unseen', async () => {
    const own = devices();
    await expect(own.start([{ ...declared('own/'), options: { file_path: join(folder, 'missing', 'a.log') } }])).rejects.toThrow(
      'none of the audit devices can be opened',
    );
    expect(logged.join('')).toContain('"an audit device cannot be opened"');
    expect(logged.join('')).toContain('"own/"');
  });

  it('goes on with the devices that can be opened', async () => {
    const own = devices();
    await own.start([{ ...declared('bad/'), options: { file_path: join(folder, 'missing', 'a.log') } }, declared('good/')]);
    await own.request(life);
    expect(linesOf('good.log')).toHaveLength(1);
    await own.stop();
  });
});

describe('a request', () => {
  it('goes on when one of several devices took its line', async () => {
    const own = devices({ openTarget: behaving, deadline: 40 });
    await own.start([]);
    await own.enable(device('full/'));
    await own.enable(device('fine/'));
    await own.request(life);
    await own.response(life);
    await own.stop();
  });

  it('ends when none took it, with an error that says nothing', async () => {
    const own = devices({ openTarget: behaving });
    await own.start([]);
    await own.enable(device('full/'));
    await expect(own.request(life)).rejects.toMatchObject({ code: 'internal', message: 'internal error' });
    await own.stop();
  });

  it('is held by a hanging device once, for the deadline, and then no more', async () => {
    const own = devices({ openTarget: behaving, deadline: 60 });
    await own.start([declared('hang/'), declared('fine/')]);
    const started = performance.now();
    await own.request(life);
    const first = performance.now() - started;
    await own.request(life);
    const second = performance.now() - started - first;
    expect(first).toBeGreaterThanOrEqual(55);
    expect(first).toBeLessThan(1_000);
    expect(second).toBeLessThan(55);
    await own.stop();
  });

  it('that was missed is told of in the log when it begins and when it ends, not at each line', async () => {
    let works = false;
    const target: Target = {
      write: async (bytes) => (works ? bytes.length : Promise.reject(new Error('no space left'))),
      close: async () => {},
    };
    const own = devices({ openTarget: async () => target });
    await own.start([declared('own/')]);
    for (let line = 0; line < 3; line++) await expect(own.request(life)).rejects.toThrow('internal error');
    works = true;
    await own.request(life);
    await own.request(life);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { message: 'an audit device does not take lines', device: 'own/' },
      { message: 'an audit device takes lines again', device: 'own/', missed: 3 },
    ]);
    await own.stop();
  });

  it('is not gathered for while there is no device', async () => {
    const own = devices();
    await own.start([]);
    expect(own.active).toBe(false);
    await own.request(life);
  });
});
