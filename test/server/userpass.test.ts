// Userpass through a whole server: users, their passwords and hashes, and logins.

import { beforeAll, describe, expect, test } from 'vitest';
import { done, framed, nothingThere, refused, type Said, type Shape, said, shown, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call } = shared;
beforeAll(async () => {
  expect(said(await call('POST', 'sys/auth/people', { body: { type: 'userpass' } }))).toEqual(done);
});

const user = async (name: string, body: Shape) => said(await call('POST', `auth/people/users/${name}`, { body }));
const login = (name: string, password: string) => call('POST', `auth/people/login/${name}`, { token: null, body: { password } });
/** Of the password U*U, with a salt and of cost 5: a published vector. */
const tail = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const quick = { password_hash: `$2a$05$${tail}` };
const wrong: Said = refused(400, 'invalid username or password');

describe('a user', () => {
  test('is read without the password, under the name in lower case', async () => {
    expect(await user('Ann', { password: 'pw', token_policies: ['dev'], ttl: '15m' })).toEqual(done);
    expect(said(await call('GET', 'auth/people/users/ANN'))).toEqual(
      shown({
        token_bound_cidrs: [],
        token_explicit_max_ttl: 0,
        token_max_ttl: 0,
        token_no_default_policy: false,
        token_num_uses: 0,
        token_period: 0,
        token_policies: ['dev'],
        token_strictly_bind_ip: false,
        token_ttl: 900,
        token_type: 'default',
        ttl: 900,
      }),
    );
    expect((await call('LIST', 'auth/people/users')).body.data.keys).toContain('ann');
  });

  test('can be deleted, and then cannot log in', async () => {
    await user('gone', quick);
    expect(said(await call('DELETE', 'auth/people/users/gone'))).toEqual(done);
    expect(said(await call('GET', 'auth/people/users/gone'))).toEqual(nothingThere);
    expect(said(await login('gone', 'U*U'))).toEqual(wrong);
  });

  test.each<[Shape, string]>([
    [{}, 'must provide either password or password_hash'],
    [{ password: 'x', password_hash: 'y' }, 'only one of password or password_hash may be provided'],
    [{ password_hash: `$2a$05$${'a'.repeat(53)}` }, 'password_hash is not a valid bcrypt hash'],
    [{ password_hash: 'y' }, 'password_hash is not a valid bcrypt hash'],
    [{ password_hash: `$2a$04$${tail}` }, 'bcrypt cost of 4 is too low, want 5 at minimum'],
    [{ password_hash: `$2a$31$${tail}` }, 'bcrypt cost of 31 exceeds maximum cost of 12'],
    [{ password: 'é'.repeat(37) }, 'password length exceeds 72 bytes'],
    [{ password: 'pw', token_type: 'nothing' }, 'invalid \'token_type\' value "nothing"'],
  ])('is refused with %j', async (body, text) => {
    expect(await user('bob', body)).toEqual(refused(400, text));
    expect(said(await call('GET', 'auth/people/users/bob'))).toEqual(nothingThere);
  });

  test('keeps the password when other things are changed', async () => {
    await user('keeps', quick);
    expect(await user('keeps', { token_ttl: 60 })).toEqual(done);
    expect((await login('keeps', 'U*U')).body.auth.lease_duration).toBe(60);
  });
});

describe('a password', () => {
  test('is changed, and the old one is none any more', async () => {
    await user('changes', { password: 'old' });
    expect(said(await call('POST', 'auth/people/users/changes/password', { body: { password: 'new' } }))).toEqual(done);
    expect(said(await login('changes', 'old'))).toEqual(wrong);
    expect((await login('changes', 'new')).status).toBe(200);
    const absent = await call('POST', 'auth/people/users/absent/password', { body: { password: 'new' } });
    expect(said(absent)).toEqual(refused(500, framed('username does not exist')));
  });

  test('can come as the hash that htpasswd makes of it', async () => {
    // htpasswd -nbB -C 5 x 'U*U', and the same bytes under the prefix of others.
    for (const prefix of ['$2y$05$', '$2a$05$', '$2b$05$']) {
      expect(await user('hashed', { password_hash: prefix + tail })).toEqual(done);
      expect((await login('hashed', 'U*U')).status).toBe(200);
      expect(said(await login('hashed', 'U*V'))).toEqual(wrong);
    }
  });
});

describe('a login', () => {
  test('gives a token that bears the name', async () => {
    await user('cleo', { password: 'pw', token_policies: 'dev', token_ttl: '15m' });
    const { status, body } = await login('Cleo', 'pw');
    expect(status).toBe(200);
    expect(body.auth).toMatchObject({ policies: ['default', 'dev'], metadata: { username: 'cleo' }, entity_id: uuid, lease_duration: 900 });
    const looked = await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token });
    expect(looked.body.data).toMatchObject({ display_name: 'people-cleo', path: 'auth/people/login/Cleo', meta: { username: 'cleo' } });
  });

  test('is refused in the same words for a wrong password and an unknown name', async () => {
    await user('dora', quick);
    expect(said(await login('dora', 'u*u'))).toEqual(wrong);
    expect(said(await login('nobody', 'pw'))).toEqual(wrong);
    expect(said(await login('dora', ''))).toEqual(refused(500, 'missing password'));
    for (const odd of ['x'.repeat(3_000), 'a%20b', '%C3%A9', '__proto__']) expect(said(await login(odd, 'pw'))).toEqual(wrong);
  });

  test('costs an unknown name the time of a known one', async () => {
    await user('timed', { password: 'pw' });
    const took = async (name: string) => {
      const times: number[] = [];
      for (let round = 0; round < 3; round++) {
        const started = performance.now();
        await login(name, 'wrong');
        times.push(performance.now() - started);
      }
      return Math.min(...times);
    };
    const [known, unknown] = [await took('timed'), await took('nobody-at-all')];
    expect(unknown).toBeGreaterThan(known / 2);
  });

  test('from an address that the user is not bound to is refused', async () => {
    await user('far', { ...quick, token_bound_cidrs: '10.0.0.0/8' });
    expect(said(await login('far', 'U*U'))).toEqual(refused(403, 'permission denied'));
  });

  test('gives a token that cannot be renewed after the policies changed, or the user went', async () => {
    await user('moves', { ...quick, token_policies: 'a' });
    const { client_token: token } = (await login('moves', 'U*U')).body.auth;
    const renew = () => call('POST', 'auth/token/renew-self', { token, body: {} });
    expect((await renew()).status).toBe(200);
    expect(said(await call('POST', 'auth/people/users/moves/policies', { body: { token_policies: 'a,b' } }))).toEqual(done);
    expect((await renew()).text).toContain('policies have changed, not renewing');
    await call('POST', 'auth/people/users/moves/policies', { body: { policies: 'default,a' } });
    expect((await renew()).status).toBe(200);
    await call('DELETE', 'auth/people/users/moves');
    expect((await renew()).status).toBe(400);
  });
});

describe('a flood of logins', () => {
  test('leaves other requests their speed', async () => {
    await user('flooded', { password: 'pw' });
    await shared.server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
    await call('POST', 'kv/a', { body: { x: '1' } });
    const flood = Array.from({ length: 24 }, () => login('flooded', 'pw'));
    let answered = 0;
    for (const one of flood) void one.then(() => answered++);
    for (let round = 0; round < 20; round++) expect((await call('GET', 'kv/a')).status).toBe(200);
    // Hashed on the event loop, nearly every read would have waited for one of them.
    expect(answered).toBeLessThan(flood.length / 2);
    expect((await Promise.all(flood)).map(({ status }) => status)).toEqual(flood.map(() => 200));
  });
});
