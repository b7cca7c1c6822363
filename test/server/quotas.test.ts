// Rate limits: which rule counts for a request, what is told to whoever sends too much, and that rules hold in every server at once.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer } from '../suites/server.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { done, nothingThere, refused, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

const limit = (name: string, body: unknown) => call('POST', `sys/quotas/rate-limit/${name}`, { body });
const defaults = {
  enable_rate_limit_audit_logging: false,
  enable_rate_limit_response_headers: false,
  rate_limit_exempt_paths: ['sys/'],
};
/** Rules are made and taken back through sys/, which must not count here. */
const configure = (more: Readonly<Record<string, unknown>> = {}) => call('POST', 'sys/quotas/config', { body: { ...defaults, ...more } });
const rules = async (): Promise<readonly string[]> => (await call('LIST', 'sys/quotas/rate-limit')).body.data?.keys ?? [];
const overTheRate = (path: string) => refused(429, `request path ${JSON.stringify(path)}: rate limit quota exceeded`);
/** Statuses of so many reads of one path. */
const reads = async (path: string, times: number): Promise<readonly number[]> => {
  const statuses: number[] = [];
  for (let time = 0; time < times; time++) statuses.push((await call('GET', path)).status);
  return statuses;
};

afterEach(async () => {
  await configure();
  for (const name of await rules()) await call('DELETE', `sys/quotas/rate-limit/${name}`);
});

beforeAll(() => configure());

describe('a rule', () => {
  test('is read as it was written, listed and deleted', async () => {
    const kv = await mount('kv');
    expect(said(await call('LIST', 'sys/quotas/rate-limit'))).toEqual(nothingThere);
    expect(said(await limit('all', { rate: 1000 }))).toEqual(done);
    expect(said(await limit('some', { rate: '2.5', interval: '2m', block_interval: 30, path: `/${kv}/team/*` }))).toEqual(done);
    const all = { block_interval: 0, inheritable: true, interval: 1, name: 'all', path: '', rate: 1000, role: '', type: 'rate-limit' };
    expect(said(await call('GET', 'sys/quotas/rate-limit/all'))).toEqual(shown(all));
    const some = {
      block_interval: 30,
      inheritable: false,
      interval: 120,
      name: 'some',
      path: `${kv}/team/*`,
      rate: 2.5,
      role: '',
      type: 'rate-limit',
    };
    expect(said(await call('GET', 'sys/quotas/rate-limit/some'))).toEqual(shown(some));
    expect(await rules()).toEqual(['all', 'some']);
    expect(said(await call('DELETE', 'sys/quotas/rate-limit/all'))).toEqual(done);
    expect(said(await call('GET', 'sys/quotas/rate-limit/all'))).toEqual(nothingThere);
  });

  test.each([
    [{ rate: -1 }, "'rate' is invalid"],
    [{ rate: 0 }, "'rate' is invalid"],
    [{ rate: 'many' }, "'rate' is invalid"],
    [{}, "'rate' is invalid"],
    [
      { rate: 1, block_interval: -1 },
      'Field validation failed: error converting input for field "block_interval": cannot provide negative value \'-1\'',
    ],
    [{ rate: 1, path: 'nowhere/below' }, 'invalid mount path "nowhere/below/"'],
    [
      { rate: 1, path: 'cubbyhole', role: 'r' },
      'Mount path "cubbyhole/" is not a valid auth method and therefore unsuitable for use with role-based quotas',
    ],
    [{ rate: 1, path: 'auth/token', role: 'r' }, 'Mount path "auth/token/" does not support use with role-based quotas'],
  ])('of %j is refused', async (body, error) => {
    expect(said(await limit('bad', body))).toEqual(refused(400, error));
  });

  test('does not stand beside another one for the same requests', async () => {
    const kv = await mount('kv');
    await limit('first', { rate: 1, path: kv });
    expect(said(await limit('second', { rate: 2, path: `${kv}/` }))).toEqual(
      refused(400, 'quota rule with similar properties exists under the name "first"'),
    );
    expect(said(await limit('first', { rate: 2, path: kv }))).toEqual(done);
  });

  test('moves with its mount, and is gone when the mount is', async () => {
    const kv = await mount('kv');
    await limit('moving', { rate: 1, interval: '1h', path: kv });
    await call('POST', 'sys/remount', { body: { from: kv, to: 'moved-away' } });
    expect((await call('GET', 'sys/quotas/rate-limit/moving')).body.data.path).toBe('moved-away/');
    expect(await reads('moved-away/a', 2)).toEqual([404, 429]);
    await call('DELETE', 'sys/mounts/moved-away');
    expect(said(await call('GET', 'sys/quotas/rate-limit/moving'))).toEqual(nothingThere);
    await limit('other', { rate: 1000 });
    expect(await rules()).toEqual(['other']);
  });
});

describe('a client that sends too much', () => {
  test('is told so before anybody asks who it is, and what it sends has no effect', async () => {
    const kv = await mount('kv');
    await limit('tight', { rate: 1, interval: '1h', path: kv });
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    expect(said(await call('POST', `${kv}/a`, { body: { x: '2' } }))).toEqual(overTheRate(`${kv}/a`));
    expect(said(await call('GET', `${kv}/a`, { token: 'no such token' }))).toEqual(overTheRate(`${kv}/a`));
    await call('DELETE', 'sys/quotas/rate-limit/tight');
    expect((await call('GET', `${kv}/a`)).body.data).toEqual({ x: '1' });
  });

  test('learns when to come back, and of what is left where answers are to say so', async () => {
    const kv = await mount('kv');
    await limit('tight', { rate: 2, interval: 100, path: kv });
    const quiet = await call('GET', `${kv}/a`);
    expect(Object.keys(quiet.headers).filter((name) => /ratelimit|retry/.test(name))).toEqual([]);
    await configure({ enable_rate_limit_response_headers: true });
    const second = await call('GET', `${kv}/a`);
    expect(second.headers).toMatchObject({ 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '100' });
    expect(second.headers['retry-after']).toBeUndefined();
    const third = await call('GET', `${kv}/a`);
    expect(third.status).toBe(429);
    expect(third.headers).toMatchObject({ 'x-ratelimit-remaining': '0', 'retry-after': '100' });
  });

  test('is counted, and heard of by audit devices only where that is wanted', async () => {
    const kv = await mount('kv');
    await call('PUT', 'sys/audit/quota', { body: { type: 'file', options: { file_path: 'quota.log', log_raw: 'true' } } });
    const lines = () =>
      readFileSync(join(shared.server.folder, 'quota.log'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('rate limit quota exceeded'));
    await limit('tight', { rate: 1, interval: '1h', path: kv });
    await reads(`${kv}/a`, 2);
    expect(lines()).toEqual([]);
    await configure({ enable_rate_limit_audit_logging: true });
    await reads(`${kv}/a`, 1);
    expect(lines().length).toBeGreaterThan(0);
    await call('DELETE', 'sys/audit/quota');
    expect((await call('GET', 'sys/metrics?format=prometheus')).text).toContain('vault_quota_rate_limit_violation{name="tight"}');
  });
});

describe('of several rules', () => {
  test('the most specific one counts, and no other', async () => {
    const kv = await mount('kv');
    const hourly = { interval: '1h' };
    await limit('all', { rate: 5, ...hourly });
    await limit('mount', { rate: 4, path: kv, ...hourly });
    await limit('short', { rate: 3, path: `${kv}/team/*`, ...hourly });
    await limit('long', { rate: 2, path: `${kv}/team/blue*`, ...hourly });
    await limit('exact', { rate: 1, path: `${kv}/team/blue/one`, ...hourly });
    const other = await mount('kv');
    const allowed = async (path: string) => (await reads(path, 7)).filter((status) => status !== 429).length;
    expect(await allowed(`${kv}/team/blue/one`)).toBe(1);
    expect(await allowed(`${kv}/team/blue/two`)).toBe(2);
    expect(await allowed(`${kv}/team/red`)).toBe(3);
    expect(await allowed(`${kv}/else`)).toBe(4);
    expect(await allowed(`${other}/else`)).toBe(5);
  });

  test('a changed one starts over, and the others go on counting', async () => {
    const [one, two] = [await mount('kv'), await mount('kv')];
    await limit('one', { rate: 1, interval: '1h', path: one });
    await limit('two', { rate: 1, interval: '1h', path: two });
    for (const kv of [one, two]) expect(await reads(`${kv}/a`, 2)).toEqual([404, 429]);
    await limit('one', { rate: 2, interval: '1h', path: one });
    expect(await reads(`${one}/a`, 3)).toEqual([404, 404, 429]);
    expect(await reads(`${two}/a`, 1)).toEqual([429]);
  });
});

describe('a rule for a role', () => {
  const hourly = { rate: 1, interval: '1h' };
  const statuses = async (path: string, bodies: readonly unknown[]) => {
    const all: number[] = [];
    for (const body of bodies) all.push((await call('POST', path, { token: null, body })).status);
    return all;
  };

  test('counts the logins under that role and no others', async () => {
    await call('POST', 'sys/auth/machines', { body: { type: 'approle' } });
    const idOf = async (role: string) => {
      await call('POST', `auth/machines/role/${role}`, { body: { bind_secret_id: false, token_bound_cidrs: '127.0.0.1' } });
      return (await call('GET', `auth/machines/role/${role}/role-id`)).body.data.role_id as string;
    };
    const [busy, other] = [await idOf('busy'), await idOf('other')];
    expect(said(await limit('logins', { ...hourly, path: 'auth/machines', role: 'busy' }))).toEqual(done);
    expect(said(await limit('below', { ...hourly, path: 'auth/machines/login', role: 'busy' }))).toEqual(
      refused(
        400,
        'Quotas cannot contain both a path suffix and a role. If a role is provided, path must be a valid auth mount with a concept of roles',
      ),
    );
    const login = 'auth/machines/login';
    const limited = (all: readonly number[]) => all.map((status) => status === 429);
    expect(
      limited(
        await statuses(
          login,
          [busy, other, busy, other].map((id) => ({ role_id: id })),
        ),
      ),
    ).toEqual([false, false, true, false]);
    expect(limited(await statuses(login, [{ role_id: 'nobody' }, {}, { role_id: [busy] }]))).toEqual([false, false, false]);
    expect((await call('GET', 'auth/machines/role/busy')).status).toBe(200);
  });

  test('of userpass counts the logins of a user', async () => {
    await call('POST', 'sys/auth/people', { body: { type: 'userpass' } });
    await limit('ada', { ...hourly, path: 'auth/people', role: 'ada' });
    const attempts = [];
    for (const name of ['ada', 'bob', 'Ada', 'bob'])
      attempts.push(...(await statuses(`auth/people/login/${name}`, [{ password: 'wrong' }])));
    expect(attempts.map((status) => status === 429)).toEqual([false, false, true, false]);
  });
});

describe('exempt paths', () => {
  test('are not counted, the longest beginning decides, and a write replaces them all', async () => {
    const kv = await mount('kv');
    await limit('tight', { rate: 1, interval: '1h', path: kv });
    await configure({ rate_limit_exempt_paths: ['sys/', `${kv}/free`, `!${kv}/free/not`] });
    expect(await reads(`${kv}/free/a`, 3)).toEqual([404, 404, 404]);
    expect(await reads(`${kv}/free/not/a`, 2)).toEqual([404, 429]);
    await call('POST', 'sys/quotas/config', { body: {} });
    expect((await call('GET', 'sys/quotas/config')).body.data).toEqual({ ...defaults, rate_limit_exempt_paths: [] });
    expect(await reads(`${kv}/free/a`, 1)).toEqual([429]);
  });

  test('of a new server are those that it needs to come up', async () => {
    const fresh = await startTestServer();
    const { body } = await fresh.call('GET', 'sys/quotas/config');
    await fresh.end();
    expect(body.data.rate_limit_exempt_paths).toEqual([
      'sys/generate-recovery-token/attempt',
      'sys/generate-recovery-token/update',
      'sys/generate-root/attempt',
      'sys/generate-root/update',
      'sys/health',
      'sys/seal-status',
      'sys/unseal',
    ]);
  });
});

describe('two servers over one store', () => {
  let folder: string;
  let servers: readonly ServerProcess[];
  let token: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'casemate-quotas-'));
    servers = await Promise.all([startServerProcess(folder, 'one'), startServerProcess(folder, 'other')]);
    const { body } = await (servers[0] as ServerProcess).call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
    token = body.root_token;
    for (const server of servers) await server.call('PUT', 'sys/unseal', { body: { key: body.keys[0] } });
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.end()));
    rmSync(folder, { recursive: true, force: true });
  });

  test('share the rules from the next request on, and count each for itself', async () => {
    const [one, other] = servers as [ServerProcess, ServerProcess];
    await other.call('GET', 'cubbyhole/a', { token });
    await one.call('POST', 'sys/quotas/rate-limit/tight', { token, body: { rate: 1, interval: '1h', path: 'cubbyhole' } });
    for (const server of servers)
      expect(
        [await server.call('GET', 'cubbyhole/a', { token }), await server.call('GET', 'cubbyhole/a', { token })].map(
          ({ status }) => status,
        ),
      ).toEqual([404, 429]);
    await other.call('DELETE', 'sys/quotas/rate-limit/tight', { token });
    expect((await one.call('GET', 'cubbyhole/a', { token })).status).toBe(404);
  });
});
