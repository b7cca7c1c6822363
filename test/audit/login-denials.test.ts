// Why a login or a token was refused although its secret is right: the audit line says so, the caller is told nothing of it.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refused, said } from '../server/shapes.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { enableDevice, linesFor } from './lines.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await enableDevice(server, 'f');
  await server.call('POST', 'sys/auth/userpass', { body: { type: 'userpass' } });
  await server.call('POST', 'sys/auth/approle', { body: { type: 'approle' } });
});
afterAll(() => server.end());

const denied = refused(403, 'permission denied');
const lines = (path: string) => linesFor(join(server.folder, 'f.log'), path).slice(-2);
const disable = (id: string, disabled = true) => server.call('POST', `identity/entity/id/${id}`, { body: { disabled } });
const self = (token: string) => server.call('GET', 'auth/token/lookup-self', { token });

/** Two ways to log in, each answering as the wire does. */
const methods = {
  async userpass(name: string) {
    await server.call('POST', `auth/userpass/users/${name}`, { body: { password: 'pw' } });
    const path = `auth/userpass/login/${name}`;
    return { path, login: () => server.call('POST', path, { token: null, body: { password: 'pw' } }) };
  },
  async approle(name: string) {
    await server.call('POST', `auth/approle/role/${name}`, { body: {} });
    const { role_id } = (await server.call('GET', `auth/approle/role/${name}/role-id`)).body.data;
    const { secret_id } = (await server.call('POST', `auth/approle/role/${name}/secret-id`, { body: {} })).body.data;
    return {
      path: 'auth/approle/login',
      login: () => server.call('POST', 'auth/approle/login', { token: null, body: { role_id, secret_id } }),
    };
  },
};

describe.each(Object.entries(methods))('with %s, the entity that is disabled', (_name, prepare) => {
  it('does not log in, and the line of the response says why', async () => {
    const { path, login } = await prepare('ann');
    const { entity_id, client_token } = (await login()).body.auth;
    await disable(entity_id);
    expect(said(await login())).toEqual(denied);
    const [request, response] = lines(path);
    expect([request?.type, response?.type]).toEqual(['request', 'response']);
    expect(response?.auth.denial).toStrictEqual({ reason: 'entity_disabled' });
    expect(response?.error).toContain('permission denied');
    // No token came of it.
    expect([response?.auth.client_token, response?.auth.accessor]).toEqual([undefined, undefined]);
    await disable(entity_id, false);
    expect((await login()).status).toBe(200);
    expect(lines(path)[1]?.auth).not.toHaveProperty('denial');
    expect((await self(client_token)).status).toBe(200);
  });

  it('is refused with every token that it has, and with their children', async () => {
    await server.call('PUT', 'sys/policies/acl/maker', { body: { policy: 'path "auth/token/create" { capabilities = ["update"] }' } });
    const { login } = await prepare('bea');
    const { entity_id, client_token } = (await login()).body.auth;
    await server.call('POST', `identity/entity/id/${entity_id}`, { body: { policies: ['maker'] } });
    const make = async (type: string) =>
      (await server.call('POST', 'auth/token/create', { token: client_token, body: { type, ttl: '1h' } })).body.auth.client_token;
    const tokens = [client_token, await make('service'), await make('batch')];
    await disable(entity_id);
    for (const token of tokens) {
      expect(said(await self(token))).toEqual(denied);
      const [request, response] = lines('auth/token/lookup-self');
      for (const line of [request, response]) expect(line?.auth.denial).toStrictEqual({ reason: 'entity_disabled' });
      // Whose token it was, so that an operator can see who is still knocking.
      expect(response?.auth.entity_id).toBe(entity_id);
      expect(JSON.stringify([request, response])).not.toContain(token);
    }
    await disable(entity_id, false);
    for (const token of tokens) expect((await self(token)).status).toBe(200);
  });
});

it('of an entity that is gone, a token is refused for the same reason', async () => {
  const { login } = await methods.userpass('cleo');
  const { entity_id, client_token } = (await login()).body.auth;
  await server.call('DELETE', `identity/entity/id/${entity_id}`);
  expect(said(await self(client_token))).toEqual(denied);
  expect(lines('auth/token/lookup-self')[1]?.auth.denial).toStrictEqual({ reason: 'entity_disabled' });
});

it('from an address that its tokens are not for, a user does not log in, and the line says why', async () => {
  await server.call('POST', 'auth/userpass/users/dora', { body: { password: 'pw', token_bound_cidrs: ['10.0.0.0/8'] } });
  const path = 'auth/userpass/login/dora';
  expect(said(await server.call('POST', path, { token: null, body: { password: 'pw' } }))).toEqual(denied);
  expect(lines(path)[1]?.auth.denial).toStrictEqual({ reason: 'bound_cidrs' });
});
