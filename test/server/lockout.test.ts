// Lockout through a whole server: who fails too often is refused for a while, is listed, is let in again; the log says why.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { done, refused, said } from './shapes.ts';

const locked = refused(403, 'permission denied');
const wrong = refused(400, 'invalid username or password');
let server: TestServer;
let accessor = '';
beforeAll(async () => {
  const all = { threshold: 3, duration: 600, counterReset: 600, disabled: false };
  server = await startTestServer({ settings: { lockouts: { all, methods: {} } } });
  await server.call('POST', 'sys/auth/people', { body: { type: 'userpass' } });
  await server.call('POST', 'sys/auth/machines', { body: { type: 'approle' } });
  await server.call('PUT', 'sys/audit/file', { body: { type: 'file', options: { file_path: 'audit.log' } } });
  accessor = (await server.call('GET', 'sys/auth/people')).body.data.accessor;
});
afterAll(() => server.end());

const user = (name: string) =>
  // Cost 5, so that the tests are quick: the password is U*U.
  server.call('POST', `auth/people/users/${name}`, {
    body: { password_hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' },
  });
const login = (name: string, password = 'U*U') => server.call('POST', `auth/people/login/${name}`, { token: null, body: { password } });
const fail = async (name: string, times: number) => {
  for (let time = 0; time < times; time++) expect(said(await login(name, 'wrong'))).toEqual(wrong);
};
const listed = async (query = '') => (await server.call('GET', `sys/locked-users${query}`)).body.data;

describe('a user who fails too often', () => {
  test('is refused with the right password too, in the words of any refusal', async () => {
    await user('ann');
    await fail('ann', 3);
    expect(said(await login('ann'))).toEqual(locked);
    expect(said(await login('Ann', 'wrong'))).toEqual(locked);
  });

  test('is listed by mount, and let in again by an operator', async () => {
    const row = { mount_accessor: accessor, counts: 1, alias_identifiers: ['ann'] };
    const shownAs = { by_namespace: [{ namespace_id: 'root', namespace_path: '', counts: 1, mount_accessors: [row] }], total: 1 };
    expect(await listed()).toEqual(shownAs);
    expect(await listed(`?mount_accessor=${accessor}`)).toEqual(shownAs);
    expect((await listed('?mount_accessor=none')).total).toBe(0);
    expect(said(await server.call('POST', `sys/locked-users/${accessor}/unlock/ann`))).toEqual(done);
    expect((await listed()).total).toBe(0);
    expect((await login('ann')).status).toBe(200);
  });

  test('has all tries again after a login that went well', async () => {
    await user('bob');
    for (let round = 0; round < 3; round++) {
      await fail('bob', 2);
      expect((await login('bob')).status).toBe(200);
    }
  });

  test('shuts nobody else out', async () => {
    await user('cleo');
    await user('dora');
    await fail('cleo', 3);
    expect((await login('dora')).status).toBe(200);
  });

  test('is named in the audit log as locked out, and in the log of the server', async () => {
    const lines = readFileSync(join(server.folder, 'audit.log'), 'utf8').split('\n');
    const reasons = lines.filter((line) => line.includes('"denial"')).map((line) => JSON.parse(line).auth.denial.reason);
    expect(reasons).toContain('locked_out');
    expect(server.logged()).toMatch(/a user is locked out after failed logins.*"alias":"cleo"/);
  });

  test('wins nothing by guessing many times at once', async () => {
    await user('eve');
    const guesses = Array.from({ length: 20 }, (_, index) => login('eve', index === 19 ? 'U*U' : `guess ${index}`));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.at(-1)).toBe(403);
    expect((await listed()).by_namespace[0].mount_accessors[0].alias_identifiers).toContain('eve');
  });
});

describe('a name that does not exist', () => {
  test('is refused like one that does, and listed nowhere', async () => {
    await fail('nobody', 3);
    expect(said(await login('nobody', 'wrong'))).toEqual(locked);
    expect(JSON.stringify(await listed())).not.toContain('nobody');
  });
});

describe('a role', () => {
  test('is locked out by wrong secret ids, under its role id', async () => {
    await server.call('POST', 'auth/machines/role/app', { body: { role_id: 'the/role' } });
    const { secret_id } = (await server.call('POST', 'auth/machines/role/app/secret-id')).body.data;
    const enter = (secret: string) =>
      server.call('POST', 'auth/machines/login', { token: null, body: { role_id: 'the/role', secret_id: secret } });
    for (let time = 0; time < 3; time++) expect((await enter('wrong')).status).toBe(400);
    expect(said(await enter(secret_id))).toEqual(locked);
    const machines = (await server.call('GET', 'sys/auth/machines')).body.data.accessor;
    expect((await listed(`?mount_accessor=${machines}`)).by_namespace[0].mount_accessors[0].alias_identifiers).toEqual(['the/role']);
    expect(said(await server.call('POST', `sys/locked-users/${machines}/unlock/the/role`))).toEqual(done);
    expect((await enter(secret_id)).status).toBe(200);
  });

  test('is not locked out by secret ids whose time is over', async () => {
    await server.call('POST', 'auth/machines/role/late', { body: { role_id: 'late' } });
    const { secret_id } = (await server.call('POST', 'auth/machines/role/late/secret-id', { body: { ttl: 1 } })).body.data;
    const good = (await server.call('POST', 'auth/machines/role/late/secret-id')).body.data.secret_id;
    const enter = (secret: string) =>
      server.call('POST', 'auth/machines/login', { token: null, body: { role_id: 'late', secret_id: secret } });
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    for (let time = 0; time < 5; time++) expect((await enter(secret_id)).status).toBe(400);
    expect((await enter(good)).status).toBe(200);
  });
});

describe('a mount', () => {
  const tune = (config: Readonly<Record<string, unknown>>) =>
    server.call('POST', 'sys/auth/people/tune', { body: { user_lockout_config: config } });

  test('is tuned to its own numbers, and shows them', async () => {
    expect(said(await tune({ lockout_threshold: '1', lockout_duration: '1s', lockout_counter_reset_duration: '5m' }))).toEqual(done);
    const config = {
      user_lockout_threshold: 1,
      user_lockout_duration: 1,
      user_lockout_counter_reset_duration: 300,
      user_lockout_disable: false,
    };
    expect((await server.call('GET', 'sys/auth/people/tune')).body.data).toMatchObject(config);
    expect((await server.call('GET', 'sys/auth')).body.data['people/'].config.user_lockout_config).toEqual(config);
    await user('fay');
    await fail('fay', 1);
    expect(said(await login('fay'))).toEqual(locked);
    // Over, however often it was tried meanwhile.
    await expect.poll(async () => (await login('fay')).status, { timeout: 3_000, interval: 100 }).toBe(200);
  });

  test('can lock nobody out', async () => {
    await tune({ lockout_disable: true });
    await user('gus');
    await fail('gus', 5);
    expect((await login('gus')).status).toBe(200);
    await tune({ lockout_disable: false, lockout_threshold: '', lockout_duration: 'system' });
    expect((await server.call('GET', 'sys/auth/people/tune')).body.data.user_lockout_duration).toBe(0);
  });

  test('of another method cannot be tuned so', async () => {
    const answer = await server.call('POST', 'sys/auth/token/tune', { body: { user_lockout_config: { lockout_threshold: 3 } } });
    expect(said(answer)).toEqual(refused(400, 'tuning of user lockout configuration for auth type "token" not allowed'));
    expect((await tune({ lockout_threshold: 'many' })).status).toBe(400);
    expect((await tune({ lockout_duration: '-1s' })).status).toBe(400);
  });
});
