// Auth methods as mounts: enabled, shown, tuned, moved and disabled, and what that means for logins and their tokens.

import { describe, expect, test } from 'vitest';
import { between, done, refused, type Shape, said } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call } = shared;

const quick = { password_hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' };
const enable = async (path: string, more: Shape = {}) =>
  said(await call('POST', `sys/auth/${path}`, { body: { type: 'userpass', ...more } }));
const user = (path: string, more: Shape = {}) => call('POST', `auth/${path}/users/ann`, { body: { ...quick, ...more } });
const login = (path: string) => call('POST', `auth/${path}/login/ann`, { token: null, body: { password: 'U*U' } });

describe('an auth method', () => {
  test('is enabled at a path of several segments, and lies neither above nor below another', async () => {
    expect(await enable('team/people')).toEqual(done);
    expect((await enable('team/people/more'))[0]).toBe(400);
    expect((await enable('team'))[0]).toBe(400);
    await user('team/people');
    const { body } = await login('team/people');
    expect(body.auth.metadata).toEqual({ username: 'ann' });
    const looked = await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token });
    expect(looked.body.data.display_name).toBe('team-people-ann');
  });

  test('is shown, and tuned below sys/auth and below sys/mounts alike', async () => {
    expect(await enable('tuned', { description: 'for people', config: { token_type: 'batch' } })).toEqual(done);
    expect((await call('GET', 'sys/auth/tuned')).body.data).toMatchObject({
      type: 'userpass',
      description: 'for people',
      accessor: expect.stringMatching(/^auth_userpass_[0-9a-z]{8}$/),
      config: { token_type: 'batch' },
    });
    for (const path of ['sys/auth/tuned/tune', 'sys/mounts/auth/tuned/tune']) {
      expect(said(await call('POST', path, { body: { default_lease_ttl: '10m', allowed_response_headers: 'X-Out' } }))).toEqual(done);
      expect((await call('GET', path)).body.data).toMatchObject({
        default_lease_ttl: 600,
        token_type: 'batch',
        allowed_response_headers: ['X-Out'],
      });
      expect((await call('POST', path, { body: { token_type: 'nothing' } })).status).toBe(400);
    }
  });

  test('gives tokens as its mount is tuned', async () => {
    await enable('kinds', { config: { default_lease_ttl: '10m', max_lease_ttl: '20m' } });
    await user('kinds');
    const first = (await login('kinds')).body.auth;
    expect(first).toMatchObject({ token_type: 'service', lease_duration: 600 });
    const renewed = await call('POST', 'auth/token/renew-self', { token: first.client_token, body: { increment: '1h' } });
    expect(renewed.body.auth.lease_duration).toEqual(between(1195, 1200));
    await call('POST', 'sys/auth/kinds/tune', { body: { token_type: 'batch' } });
    expect((await login('kinds')).body.auth).toMatchObject({ token_type: 'batch', renewable: false });
    await call('POST', 'sys/auth/kinds/tune', { body: { token_type: 'default-batch' } });
    await user('kinds', { token_type: 'service' });
    expect((await login('kinds')).body.auth.token_type).toBe('service');
  });

  test('is shown to everybody where it is tuned to be', async () => {
    await enable('listed', { config: { listing_visibility: 'unauth' } });
    const seen = async () => Object.keys((await call('GET', 'sys/internal/ui/mounts', { token: null })).body.data.auth);
    expect(await seen()).toEqual(['listed/']);
    await call('POST', 'sys/auth/listed/tune', { body: { listing_visibility: 'hidden' } });
    expect(await seen()).toEqual([]);
  });

  test('is moved with its users, and its tokens stay good', async () => {
    await enable('here');
    await user('here', { token_ttl: '5m' });
    const { client_token: token } = (await login('here')).body.auth;
    expect((await call('POST', 'sys/remount', { body: { from: 'auth/here', to: 'auth/there' } })).status).toBe(200);
    expect((await login('here')).status).not.toBe(200);
    expect((await login('there')).status).toBe(200);
    expect((await call('GET', 'auth/token/lookup-self', { token })).status).toBe(200);
    expect((await call('POST', 'auth/token/renew-self', { token, body: {} })).status).toBe(200);
  });

  test('takes its tokens along when it is disabled, and its users', async () => {
    await enable('ends');
    await user('ends');
    const { client_token: token } = (await login('ends')).body.auth;
    expect(said(await call('DELETE', 'sys/auth/ends'))).toEqual(done);
    await expect.poll(async () => (await call('GET', 'auth/token/lookup-self', { token })).status).toBe(403);
    await enable('ends');
    expect(said(await login('ends'))).toEqual(refused(400, 'invalid username or password'));
  });

  test('needs sudo to be enabled and disabled, beside the capability', async () => {
    const weak = await shared.tokenWith('path "sys/auth/*" { capabilities = ["create", "update", "delete"] }');
    const strong = await shared.tokenWith('path "sys/auth/*" { capabilities = ["create", "update", "delete", "sudo"] }');
    const ask = async (token: string) => (await call('POST', 'sys/auth/by-token', { token, body: { type: 'userpass' } })).status;
    expect([await ask(weak), await ask(strong)]).toEqual([403, 204]);
    expect((await call('DELETE', 'sys/auth/by-token', { token: weak })).status).toBe(403);
    expect((await call('DELETE', 'sys/auth/token')).status).toBe(400);
  });
});
