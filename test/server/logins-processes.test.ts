// Two server processes over one store: what is used up, destroyed or locked in one is so in the other.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, startServerProcess } from './server-process.ts';

let folder: string;
let servers: readonly [ServerProcess, ServerProcess];
let token: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-logins-'));
  const more = { user_lockout: { userpass: { lockout_threshold: 3 }, approle: { disable_lockout: true } } };
  servers = await Promise.all([startServerProcess(folder, 'one', more), startServerProcess(folder, 'other', more)]);
  const { body } = await servers[0].call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  token = body.root_token;
  for (const server of servers) await server.call('PUT', 'sys/unseal', { body: { key: body.keys[0] } });
  for (const type of ['approle', 'userpass']) await ask(0, 'POST', `sys/auth/${type}`, { type });
});
afterAll(async () => {
  await Promise.all((servers ?? []).map((server) => server.end()));
  rmSync(folder, { recursive: true, force: true });
});

const ask = (which: number, method: string, path: string, body: unknown = {}) =>
  (servers[which % 2] as ServerProcess).call(method, path, { token, body });
const login = (which: number, path: string, body: unknown) =>
  (servers[which % 2] as ServerProcess).call('POST', `auth/${path}`, { token: null, body });

describe('two processes', () => {
  test('give no more logins for a secret id than it has uses, between them', async () => {
    await ask(0, 'POST', 'auth/approle/role/app', { role_id: 'the-app', secret_id_num_uses: 10 });
    const { secret_id } = (await ask(1, 'POST', 'auth/approle/role/app/secret-id')).body.data;
    const logins = Array.from({ length: 30 }, (_, index) => login(index, 'approle/login', { role_id: 'the-app', secret_id }));
    const statuses = (await Promise.all(logins)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 400)).toHaveLength(20);
  });

  test('know at once what the other destroyed, changed or deleted', async () => {
    for (const here of [0, 1]) {
      await ask(here, 'POST', 'auth/approle/role/app', { role_id: 'the-app', secret_id_num_uses: 0 });
      const { secret_id } = (await ask(here, 'POST', 'auth/approle/role/app/secret-id')).body.data;
      const there = async () => (await login(here + 1, 'approle/login', { role_id: 'the-app', secret_id })).status;
      expect(await there()).toBe(200);
      await ask(here, 'POST', 'auth/approle/role/app/secret-id/destroy', { secret_id });
      expect(await there()).toBe(400);
    }
    await ask(0, 'POST', 'auth/userpass/users/ann', { password: 'one' });
    expect((await login(1, 'userpass/login/ann', { password: 'one' })).status).toBe(200);
    await ask(0, 'POST', 'auth/userpass/users/ann/password', { password: 'two' });
    expect((await login(1, 'userpass/login/ann', { password: 'one' })).status).toBe(400);
    expect((await login(1, 'userpass/login/ann', { password: 'two' })).status).toBe(200);
  });

  test('count failed logins together', async () => {
    for (let index = 0; index < 3; index++) expect((await login(index, 'userpass/login/ann', { password: 'x' })).status).toBe(400);
    for (const index of [0, 1]) expect((await login(index, 'userpass/login/ann', { password: 'two' })).status).toBe(403);
  });
});
