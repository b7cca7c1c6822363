// Token roles: what tokens made from them are held to; and tokens that are counted or bound to addresses.

import { describe, expect, test } from 'vitest';
import { denied, done, nothingThere, refused, type Shape, said, shown, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, tokenOf } = shared;
let made = 0;

async function role(terms: Shape): Promise<string> {
  const name = `role-${++made}`;
  expect(said(await call('POST', `auth/token/roles/${name}`, { body: terms }))).toEqual(done);
  return name;
}

const createFrom = (name: string, body: Shape = {}, token?: string) =>
  call('POST', `auth/token/create/${name}`, { body, ...(token === undefined ? {} : { token }) });
const self = (token: string) => call('GET', 'auth/token/lookup-self', { token });

describe('a token role', () => {
  test('is found in a list, which is nothing where there is none', async () => {
    expect(said(await call('LIST', 'auth/token/roles'))).toEqual(nothingThere);
    const name = await role({ orphan: true });
    expect(said(await call('LIST', 'auth/token/roles'))).toEqual(shown({ keys: [name] }));
  });

  test('is read as it was written, changes in what is given, and is listed', async () => {
    const name = await role({ allowed_policies: 'default,Dev', period: '10m', orphan: true, path_suffix: 'sfx' });
    const fields = {
      allowed_entity_aliases: null,
      allowed_policies: ['default', 'dev'],
      allowed_policies_glob: [],
      disallowed_policies: [],
      disallowed_policies_glob: [],
      explicit_max_ttl: 0,
      name,
      orphan: true,
      path_suffix: 'sfx',
      period: 600,
      renewable: true,
      token_explicit_max_ttl: 0,
      token_no_default_policy: false,
      token_period: 600,
      token_type: 'default-service',
    };
    expect(said(await call('GET', `auth/token/roles/${name}`))).toEqual(shown(fields));
    await call('POST', `auth/token/roles/${name}`, {
      body: { token_explicit_max_ttl: '1h', token_num_uses: 3, token_bound_cidrs: ['127.0.0.1'] },
    });
    expect((await call('GET', `auth/token/roles/${name}`)).body.data).toEqual({
      ...fields,
      bound_cidrs: ['127.0.0.1'],
      explicit_max_ttl: 3600,
      token_bound_cidrs: ['127.0.0.1'],
      token_explicit_max_ttl: 3600,
      token_num_uses: 3,
    });
    expect((await call('LIST', 'auth/token/roles')).body.data.keys).toContain(name);
    expect(said(await call('DELETE', `auth/token/roles/${name}`))).toEqual(done);
    expect(said(await call('GET', `auth/token/roles/${name}`))).toEqual(nothingThere);
    expect(said(await createFrom(name))).toEqual(refused(400, `unknown role ${name}`));
  });

  test.each([
    [{ token_type: 'other' }, /token_type/],
    [{ path_suffix: 'a b' }, /suffix/],
    [{ token_bound_cidrs: ['nowhere'] }, /cidr/],
    [{ token_type: 'batch', renewable: true, orphan: true }, /'token_type' cannot be 'batch'/],
  ])('of %j is refused', async (terms, text) => {
    const answer = await call('POST', 'auth/token/roles/refused', { body: terms });
    expect([answer.status, answer.body.errors]).toEqual([400, [expect.stringMatching(text)]]);
    expect(said(await call('GET', 'auth/token/roles/refused'))).toEqual(nothingThere);
  });
});

describe('a token from a role', () => {
  test('is an orphan, periodic, and has the path and the name of its role', async () => {
    const name = await role({ period: '10m', orphan: true, path_suffix: 'sfx' });
    const { body } = await createFrom(name, { policies: ['default'] });
    expect(body.auth).toMatchObject({ orphan: true, lease_duration: 600, renewable: true });
    expect((await self(body.auth.client_token)).body.data).toMatchObject({
      path: `auth/token/create/${name}/sfx`,
      role: name,
      orphan: true,
      ttl: 600,
    });
  });

  test('has the policies that the role allows', async () => {
    const name = await role({ allowed_policies: ['default', 'dev'], allowed_policies_glob: ['team-*'] });
    const policies = async (wanted: readonly string[]) => (await createFrom(name, { policies: wanted })).body.auth.policies;
    expect(await policies([])).toEqual(['default', 'dev']);
    expect(await policies(['dev'])).toEqual(['default', 'dev']);
    expect(await policies(['team-a'])).toEqual(['default', 'team-a']);
    expect(said(await createFrom(name, { policies: ['prod'] }))).toEqual(
      refused(
        400,
        'token policies (["default" "prod"]) must be subset of the role\'s allowed policies (["default" "dev"]) or glob policies (["team-*"])',
      ),
    );
  });

  test('has none of the policies that the role forbids', async () => {
    const name = await role({ disallowed_policies: ['prod'], disallowed_policies_glob: ['secret-*'] });
    for (const policy of ['prod', 'secret-a'])
      expect(said(await createFrom(name, { policies: [policy] })), policy).toEqual(
        refused(400, `token policy "${policy}" is disallowed by this role`),
      );
    expect((await createFrom(name, { policies: ['dev'] })).body.auth.policies).toEqual(['default', 'dev']);
  });

  test('may have policies that its maker has not, which is what roles are for', async () => {
    const name = await role({ allowed_policies: ['beyond'], token_no_default_policy: true });
    const maker = await shared.tokenWith(`path "auth/token/create/${name}" { capabilities = ["update"] }`);
    expect((await createFrom(name, {}, maker)).body.auth.policies).toEqual(['beyond']);
    const other = await role({ allowed_policies: ['beyond'] });
    expect(said(await createFrom(other, {}, maker))).toEqual(denied);
  });

  test('lives no longer than the role says, and renewals obey the role of today', async () => {
    const name = await role({ token_explicit_max_ttl: '1h' });
    const { body } = await createFrom(name, { policies: ['default'], ttl: '2h' });
    expect(body.auth.lease_duration).toBe(3600);
    const token = body.auth.client_token;
    await call('POST', `auth/token/roles/${name}`, { body: { token_explicit_max_ttl: '30m' } });
    const { body: renewed } = await call('POST', 'auth/token/renew-self', { token, body: { increment: '50m' } });
    expect(renewed.auth.lease_duration).toBeLessThanOrEqual(1800);
    await call('DELETE', `auth/token/roles/${name}`);
    expect(said(await call('POST', 'auth/token/renew-self', { token }))).toEqual(
      refused(400, `original token role "${name}" could not be found, not renewing`),
    );
    expect((await self(token)).status).toBe(200);
  });

  test('is not renewable, or is a batch token, where the role says so', async () => {
    const fixed = await role({ renewable: false });
    expect((await createFrom(fixed, { policies: ['default'] })).body.auth.renewable).toBe(false);
    const batch = await role({ token_type: 'batch', renewable: false, orphan: true });
    expect((await createFrom(batch, { policies: ['default'] })).body.auth.token_type).toBe('batch');
    const usually = await role({ token_type: 'default-batch', renewable: false, orphan: true });
    expect((await createFrom(usually, { policies: ['default'] })).body.auth.token_type).toBe('batch');
    expect((await createFrom(usually, { policies: ['default'], type: 'service' })).body.auth.token_type).toBe('service');
  });

  test('may be tied to an alias only where the role allows that alias', async () => {
    const name = await role({ allowed_entity_aliases: ['web-*'] });
    expect(said(await createFrom(name, { entity_alias: 'db-1' }))).toEqual(refused(400, "invalid 'entity_alias' value"));
    expect(said(await call('POST', 'auth/token/create', { body: { entity_alias: 'web-1' } }))).toEqual(
      refused(400, "'entity_alias' is only allowed in combination with token role"),
    );
  });
});

describe('a token with a number of uses', () => {
  test('counts down, tells its last use as -1, and is gone after it', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], num_uses: 3 });
    const left = async () => (await self(token)).body.data?.num_uses;
    expect([await left(), await left(), await left()]).toEqual([2, 1, -1]);
    expect(said(await self(token))).toEqual(stranger);
  });

  test('counts what was denied, and what was not there', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], num_uses: 3 });
    expect(said(await call('GET', 'sys/mounts', { token }))).toEqual(denied);
    expect(said(await call('GET', 'cubbyhole/none', { token }))).toEqual(nothingThere);
    expect((await self(token)).body.data.num_uses).toBe(-1);
    expect(said(await self(token))).toEqual(stranger);
  });

  test('is not used up by being looked at', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], num_uses: 1 });
    for (let times = 0; times < 3; times++)
      expect((await call('POST', 'auth/token/lookup', { body: { token } })).body.data.num_uses).toBe(1);
    expect((await self(token)).status).toBe(200);
  });

  test('serves no more requests than it has uses, however many come at once', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], num_uses: 3 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('GET', 'auth/token/lookup-self', { token })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(7);
  });
});

describe('a token that is bound to addresses', () => {
  test('works from there and nowhere else', async () => {
    const here = await role({ token_bound_cidrs: ['127.0.0.0/8', '10.0.0.1'] });
    const elsewhere = await role({ token_bound_cidrs: ['10.0.0.0/8'] });
    const { body: good } = await createFrom(here, { policies: ['default'] });
    const { body: bad } = await createFrom(elsewhere, { policies: ['default'] });
    expect((await self(good.auth.client_token)).body.data.bound_cidrs).toEqual(['127.0.0.0/8', '10.0.0.1']);
    expect(said(await self(bad.auth.client_token))).toEqual(stranger);
    expect((await call('POST', 'auth/token/lookup', { body: { token: bad.auth.client_token } })).body.data.bound_cidrs).toEqual([
      '10.0.0.0/8',
    ]);
  });

  test('hands its bounds down to its children', async () => {
    const here = await role({ token_bound_cidrs: ['127.0.0.1/32'] });
    const { body } = await createFrom(here, { policies: ['root'], ttl: '1h' });
    const child = await tokenOf({ policies: ['default'] }, body.auth.client_token);
    expect((await self(child.client_token)).body.data.bound_cidrs).toEqual(['127.0.0.1/32']);
  });

  test('loses no use when it is tried from elsewhere', async () => {
    const elsewhere = await role({ token_bound_cidrs: ['10.0.0.0/8'], token_num_uses: 2 });
    const { body } = await createFrom(elsewhere, { policies: ['default'] });
    for (let times = 0; times < 3; times++) expect(said(await self(body.auth.client_token))).toEqual(stranger);
    expect((await call('POST', 'auth/token/lookup', { body: { token: body.auth.client_token } })).body.data.num_uses).toBe(2);
  });
});
