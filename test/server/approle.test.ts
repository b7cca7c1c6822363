// AppRole through a whole server: roles and their fields, secret ids, logins, and what is refused.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { between, done, framed, nothingThere, refused, type Said, type Shape, said, shown, time, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call } = shared;
let mount = '';
let made = 0;
beforeEach(async () => {
  mount = `auth/machines-${++made}`;
  expect(said(await call('POST', `sys/${mount}`, { body: { type: 'approle' } }))).toEqual(done);
});
afterEach(async () => {
  await call('DELETE', `sys/${mount}`);
});

const role = async (body: Shape = {}, name = 'app') => said(await call('POST', `${mount}/role/${name}`, { body }));
const roleId = async (name = 'app') => (await call('GET', `${mount}/role/${name}/role-id`)).body.data.role_id as string;
const secretId = async (body: Shape = {}, name = 'app') =>
  (await call('POST', `${mount}/role/${name}/secret-id`, { body })).body.data as { secret_id: string; secret_id_accessor: string };
const login = (role_id: string, secret_id?: string) =>
  call('POST', `${mount}/login`, { token: null, body: secret_id === undefined ? { role_id } : { role_id, secret_id } });
const wrong: Said = refused(400, 'invalid role or secret ID');

describe('a role', () => {
  test('is read as it was written, under its name in lower case', async () => {
    expect(await role({ token_policies: 'b,a', token_ttl: '20m', secret_id_num_uses: 2, secret_id_ttl: 600 }, 'App')).toEqual(done);
    expect(said(await call('GET', `${mount}/role/app`))).toEqual(
      shown({
        bind_secret_id: true,
        local_secret_ids: false,
        secret_id_bound_cidrs: null,
        secret_id_num_uses: 2,
        secret_id_ttl: 600,
        token_bound_cidrs: [],
        token_explicit_max_ttl: 0,
        token_max_ttl: 0,
        token_no_default_policy: false,
        token_num_uses: 0,
        token_period: 0,
        token_policies: ['b', 'a'],
        token_strictly_bind_ip: false,
        token_ttl: 1200,
        token_type: 'default',
      }),
    );
    expect(said(await call('LIST', `${mount}/role`))).toEqual(shown({ keys: ['app'] }));
    expect(await roleId('APP')).toEqual(uuid);
  });

  test('keeps what is not sent, and shows fields under the old name that they were written by', async () => {
    await role({ policies: 'B,a', period: '1h' });
    await role({ token_ttl: 60 });
    const { data } = (await call('GET', `${mount}/role/app`)).body;
    expect(data).toMatchObject({ policies: ['a', 'b'], token_policies: ['a', 'b'], period: 3600, token_period: 3600, token_ttl: 60 });
    await role({ token_policies: 'c' });
    expect((await call('GET', `${mount}/role/app`)).body.data).not.toHaveProperty('policies');
  });

  test.each<[Shape, Said]>([
    [{ bind_secret_id: false }, refused(500, framed('at least one constraint should be enabled on the role'))],
    [{ token_ttl: '2h', token_max_ttl: '1h' }, refused(400, "'token_ttl' cannot be greater than 'token_max_ttl'")],
    [{ token_type: 'nothing' }, refused(400, 'invalid \'token_type\' value "nothing"')],
    [{ secret_id_num_uses: -1 }, refused(400, 'secret_id_num_uses cannot be negative')],
    [{ token_strictly_bind_ip: true, token_bound_cidrs: '10.0.0.1' }, refused(400, expect.stringContaining('set only one') as never)],
    [{ role_id: '' }, refused(400, 'invalid role_id supplied, or failed to generate a role_id')],
  ])('is refused with %j, and then there is none', async (body, answer) => {
    expect(await role(body)).toEqual(answer);
    expect(said(await call('GET', `${mount}/role/app`))).toEqual(nothingThere);
  });

  test('cannot have a role id that another has, and takes one that is free', async () => {
    await role({ role_id: 'mine' });
    expect(await role({ role_id: 'mine' }, 'second')).toEqual(refused(500, framed('role_id already in use')));
    expect(said(await call('POST', `${mount}/role/app/role-id`, { body: { role_id: 'other' } }))).toEqual(done);
    expect(await role({ role_id: 'mine' }, 'second')).toEqual(done);
    const { secret_id } = await secretId();
    expect((await login('other', secret_id)).status).toBe(200);
    expect(said(await login('mine', secret_id))).toEqual(wrong);
  });

  test('gives no way in once it is deleted, also when another is made under its name and id', async () => {
    await role({ role_id: 'same' });
    const { secret_id, secret_id_accessor } = await secretId();
    expect(said(await call('DELETE', `${mount}/role/app`))).toEqual(done);
    expect(said(await login('same', secret_id))).toEqual(wrong);
    await role({ role_id: 'same' });
    expect(said(await login('same', secret_id))).toEqual(wrong);
    const looked = await call('POST', `${mount}/role/app/secret-id-accessor/lookup`, { body: { secret_id_accessor } });
    expect(looked.status).toBe(404);
  });
});

describe('one field of a role', () => {
  test.each<[path: string, sent: Shape, read: Shape, reset: Shape]>([
    ['policies', { token_policies: 'B,a' }, { token_policies: ['a', 'b'] }, { token_policies: [] }],
    ['period', { token_period: '1h' }, { token_period: 3600 }, { token_period: 0 }],
    ['token-ttl', { token_ttl: '5m' }, { token_ttl: 300 }, { token_ttl: 0 }],
    ['token-max-ttl', { token_max_ttl: '5m' }, { token_max_ttl: 300 }, { token_max_ttl: 0 }],
    ['token-num-uses', { token_num_uses: 3 }, { token_num_uses: 3 }, { token_num_uses: 0 }],
    ['token-bound-cidrs', { token_bound_cidrs: '10.0.0.1/32' }, { token_bound_cidrs: ['10.0.0.1'] }, { token_bound_cidrs: [] }],
    ['bind-secret-id', { bind_secret_id: true }, { bind_secret_id: true }, { bind_secret_id: true }],
    [
      'secret-id-bound-cidrs',
      { secret_id_bound_cidrs: '10.0.0.0/8' },
      { secret_id_bound_cidrs: ['10.0.0.0/8'] },
      { secret_id_bound_cidrs: null },
    ],
    ['secret-id-num-uses', { secret_id_num_uses: 4 }, { secret_id_num_uses: 4 }, { secret_id_num_uses: 0 }],
    ['secret-id-ttl', { secret_id_ttl: '2m' }, { secret_id_ttl: 120 }, { secret_id_ttl: 0 }],
  ])('is written, read and reset alone: %s', async (path, sent, read, reset) => {
    const at = `${mount}/role/app/${path}`;
    expect(said(await call('GET', at))).toEqual(nothingThere);
    expect(said(await call('POST', at, { body: sent }))).toEqual(refused(404, framed('unsupported path')));
    await role();
    expect((await call('POST', at, { body: {} })).status).toBe(400);
    expect(said(await call('POST', at, { body: sent }))).toEqual(done);
    expect(said(await call('GET', at))).toEqual(shown(read));
    expect((await call('GET', `${mount}/role/app`)).body.data).toMatchObject(read);
    expect(said(await call('DELETE', at))).toEqual(done);
    expect(said(await call('GET', at))).toEqual(shown(reset));
  });

  test('is refused where the role would ask for nothing', async () => {
    await role({ secret_id_bound_cidrs: '127.0.0.1/32', bind_secret_id: false });
    expect((await call('DELETE', `${mount}/role/app/secret-id-bound-cidrs`)).status).toBe(500);
    expect((await call('GET', `${mount}/role/app`)).body.data.secret_id_bound_cidrs).toEqual(['127.0.0.1/32']);
  });
});

describe('a secret id', () => {
  test('comes with an accessor, which lists it, looks it up and destroys it', async () => {
    await role({ secret_id_ttl: '10m', secret_id_num_uses: 2 });
    const answer = await call('POST', `${mount}/role/app/secret-id`, { body: { metadata: '{"tag":"1"}' } });
    expect(said(answer)).toEqual(shown({ secret_id: uuid, secret_id_accessor: uuid, secret_id_num_uses: 2, secret_id_ttl: 600 }));
    const { secret_id, secret_id_accessor } = answer.body.data;
    expect(said(await call('LIST', `${mount}/role/app/secret-id`))).toEqual(shown({ keys: [secret_id_accessor] }));
    const known = shown({
      cidr_list: [],
      creation_time: time,
      expiration_time: time,
      last_updated_time: time,
      metadata: { tag: '1' },
      secret_id_accessor,
      secret_id_num_uses: 2,
      secret_id_ttl: 600,
      token_bound_cidrs: [],
    });
    expect(said(await call('POST', `${mount}/role/app/secret-id/lookup`, { body: { secret_id } }))).toEqual(known);
    expect(said(await call('POST', `${mount}/role/app/secret-id-accessor/lookup`, { body: { secret_id_accessor } }))).toEqual(known);
    expect(said(await call('POST', `${mount}/role/app/secret-id-accessor/destroy`, { body: { secret_id_accessor } }))).toEqual(done);
    expect(said(await call('POST', `${mount}/role/app/secret-id/lookup`, { body: { secret_id } }))).toEqual(done);
    expect(said(await call('LIST', `${mount}/role/app/secret-id`))).toEqual(nothingThere);
    expect(said(await login(await roleId(), secret_id))).toEqual(wrong);
  });

  test('is good for as many logins as it says, however many come at once', async () => {
    await role({ secret_id_num_uses: 5 });
    const { secret_id } = await secretId();
    const id = await roleId();
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await login(id, secret_id)).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(said(await call('LIST', `${mount}/role/app/secret-id`))).toEqual(nothingThere);
  });

  test('is wrapped with its accessor beside it', async () => {
    await role();
    const { body } = await call('POST', `${mount}/role/app/secret-id`, { headers: { 'x-vault-wrap-ttl': '60' } });
    const opened = await call('POST', 'sys/wrapping/unwrap', { body: { token: body.wrap_info.token } });
    expect(opened.body.data.secret_id_accessor).toBe(body.wrap_info.wrapped_accessor);
    expect((await login(await roleId(), opened.body.data.secret_id)).status).toBe(200);
  });

  test('can be chosen, once, and be destroyed by itself', async () => {
    await role();
    const choose = () => call('POST', `${mount}/role/app/custom-secret-id`, { body: { secret_id: 'my own' } });
    expect((await choose()).body.data).toMatchObject({ secret_id: 'my own', secret_id_ttl: 0 });
    expect((await choose()).status).toBe(500);
    expect((await login(await roleId(), ' my own ')).status).toBe(200);
    expect(said(await call('DELETE', `${mount}/role/app/secret-id/destroy?secret_id=my%20own`))).toEqual(done);
    expect(said(await login(await roleId(), 'my own'))).toEqual(wrong);
    expect((await choose()).status).toBe(200);
  });

  test('cannot be good for more than the role says', async () => {
    await role({ secret_id_num_uses: 3, secret_id_ttl: 60, secret_id_bound_cidrs: '10.0.0.0/8', token_bound_cidrs: '10.1.0.0/16' });
    const ask = async (body: Shape) => said(await call('POST', `${mount}/role/app/secret-id`, { body }));
    for (const num_uses of [0, 4])
      expect(await ask({ num_uses })).toEqual(refused(400, "num_uses cannot be higher than the role's secret_id_num_uses"));
    for (const ttl of [0, '2m']) expect(await ask({ ttl })).toEqual(refused(400, "ttl cannot be longer than the role's secret_id_ttl"));
    for (const body of [{ cidr_list: '11.0.0.0/8' }, { cidr_list: '0.0.0.0/0' }, { token_bound_cidrs: '10.0.0.0/8' }])
      expect((await ask(body))[0]).toBe(500);
    expect((await ask({ num_uses: 1, ttl: 5, cidr_list: '10.2.0.0/16', token_bound_cidrs: '10.1.1.1' }))[0]).toBe(200);
  });

  test('is not made for a role that asks for none, or that is not there', async () => {
    await role({ bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1' });
    const at = (name: string) => call('POST', `${mount}/role/${name}/secret-id`);
    expect(said(await at('app'))).toEqual(refused(400, 'bind_secret_id is not set on the role'));
    expect(said(await at('none'))).toEqual(refused(404, 'role "none" does not exist'));
  });

  test('ends in time, and is cleared away', async () => {
    await role();
    const { secret_id } = await secretId({ ttl: 1 });
    await secretId();
    expect((await login(await roleId(), secret_id)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect(said(await login(await roleId(), secret_id))).toEqual(wrong);
    expect((await call('LIST', `${mount}/role/app/secret-id`)).body.data.keys).toHaveLength(2);
    expect((await call('POST', `${mount}/tidy/secret-id`)).status).toBe(202);
    await expect.poll(async () => (await call('LIST', `${mount}/role/app/secret-id`)).body.data.keys).toHaveLength(1);
  });
});

describe('a login', () => {
  test('gives a token as the role says, with the metadata of the secret id', async () => {
    await role({ token_policies: 'dev', token_ttl: '20m', token_max_ttl: '30m' });
    const { secret_id } = await secretId({ metadata: 'tag=1,who=ci' });
    const { status, body } = await login(await roleId(), secret_id);
    expect(status).toBe(200);
    expect(body.auth).toMatchObject({
      policies: ['default', 'dev'],
      metadata: { role_name: 'app', tag: '1', who: 'ci' },
      lease_duration: 1200,
      renewable: true,
      orphan: true,
      token_type: 'service',
      entity_id: uuid,
    });
    const looked = await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token });
    expect(looked.body.data).toMatchObject({
      path: `${mount}/login`,
      ttl: between(1195, 1200),
      meta: { role_name: 'app', tag: '1', who: 'ci' },
    });
    const renewed = await call('POST', 'auth/token/renew-self', { token: body.auth.client_token, body: { increment: '1h' } });
    expect(renewed.body.auth.lease_duration).toEqual(between(1795, 1800));
  });

  test('gives a token that cannot be renewed once the role is gone', async () => {
    await role({ token_ttl: '20m' });
    const { secret_id } = await secretId();
    const { body } = await login(await roleId(), secret_id);
    await call('DELETE', `${mount}/role/app`);
    const renewed = await call('POST', 'auth/token/renew-self', { token: body.auth.client_token, body: {} });
    expect([renewed.status, renewed.text]).toEqual([400, expect.stringContaining('does not exist during renewal')]);
  });

  test('gives a batch token where the role wants one, and counts the uses of a token', async () => {
    await role({ token_type: 'batch', token_ttl: '5m' });
    const { body } = await login(await roleId(), (await secretId()).secret_id);
    expect(body.auth).toMatchObject({ token_type: 'batch', renewable: false, lease_duration: 300 });
    await role({ token_num_uses: 1 }, 'once');
    const once = await login(await roleId('once'), (await secretId({}, 'once')).secret_id);
    const token = once.body.auth.client_token;
    expect((await call('GET', 'auth/token/lookup-self', { token })).status).toBe(200);
    expect((await call('GET', 'auth/token/lookup-self', { token })).status).toBe(403);
  });

  test('says the same for an unknown role as for a wrong secret id', async () => {
    await role();
    const { secret_id } = await secretId();
    expect(said(await login('nobody', secret_id))).toEqual(wrong);
    expect(said(await login(await roleId(), 'wrong'))).toEqual(wrong);
    expect(said(await login(await roleId(), 'x'.repeat(10_000)))).toEqual(wrong);
    expect(said(await login(await roleId()))).toEqual(refused(400, 'missing secret_id'));
    expect(said(await call('POST', `${mount}/login`, { token: null, body: { secret_id } }))).toEqual(refused(500, 'missing role_id'));
  });

  test('with the secret id of another role is refused', async () => {
    await role();
    await role({}, 'second');
    expect(said(await login(await roleId(), (await secretId({}, 'second')).secret_id))).toEqual(wrong);
  });

  test('needs no secret id where the role asks for an address alone', async () => {
    await role({ bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32' });
    expect((await login(await roleId())).status).toBe(200);
    await role({ bind_secret_id: false, secret_id_bound_cidrs: '10.0.0.0/8' });
    expect(said(await login(await roleId()))).toEqual(refused(400, expect.stringContaining('on the role') as never));
  });

  test('from a wrong address costs no use', async () => {
    await role({ secret_id_num_uses: 1 });
    const { secret_id } = await secretId();
    await call('POST', `${mount}/role/app/secret-id-bound-cidrs`, { body: { secret_id_bound_cidrs: '10.0.0.0/8' } });
    expect((await login(await roleId(), secret_id)).status).toBe(400);
    await call('DELETE', `${mount}/role/app/secret-id-bound-cidrs`);
    expect((await login(await roleId(), secret_id)).status).toBe(200);
  });

  test('binds its token to where it came from, if the role says so', async () => {
    await role({ token_strictly_bind_ip: true });
    const { body } = await login(await roleId(), (await secretId()).secret_id);
    const looked = await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token });
    expect(looked.body.data.bound_cidrs).toEqual(['127.0.0.1']);
  });
});
