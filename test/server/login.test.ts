// What a login leads to, whatever the auth method: entity, token, `auth` block, renewal, wrapping, audit lines.

import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { enableDevice, hashOf, linesFor } from '../audit/lines.ts';
import { door } from './door-method.ts';
import { accessor, between, denied, done, envelope, refused, type Shape, said, serviceToken, stranger, time, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

vi.mock('../../src/secrets/engines/transit/kind.ts', async () => ({ transit: (await import('./door-method.ts')).doorKind }));

const shared = sharedServer();
const { call } = shared;
afterEach(() => door.limits.clear());

beforeAll(async () => {
  await call('POST', 'sys/auth/door', { body: { type: 'door' } });
  await call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
});

const login = (name: string, limits: Shape = {}, terms: Shape = {}, mounted = 'door') =>
  call('POST', `auth/${mounted}/login/${name}`, { token: null, body: { limits, terms } });
const loggedIn = async (name: string, limits: Shape = {}, terms: Shape = {}) => {
  const answer = await login(name, limits, terms);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.auth;
};
const self = (token: string) => call('GET', 'auth/token/lookup-self', { token });
const entity = (id: string) => call('GET', `identity/entity/id/${id}`);
const accessorOf = async (mounted: string) => (await call('GET', `sys/auth/${mounted}`)).body.data.accessor as string;

describe('a login', () => {
  test('answers with everything that clients look for', async () => {
    expect(said(await login('ann', { policies: ['Dev', 'dev', 'app'], ttl: 900 }))).toEqual([
      200,
      envelope({
        auth: {
          client_token: serviceToken,
          accessor,
          policies: ['app', 'default', 'dev'],
          token_policies: ['app', 'default', 'dev'],
          metadata: { username: 'ann' },
          lease_duration: 900,
          renewable: true,
          entity_id: uuid,
          token_type: 'service',
          orphan: true,
          mfa_requirement: null,
          num_uses: 0,
        },
      }),
    ]);
  });

  test('leads to a token that tells where it came from', async () => {
    const auth = await loggedIn('bea', { policies: ['dev'], ttl: 900 });
    expect((await self(auth.client_token)).body.data).toEqual({
      accessor: auth.accessor,
      creation_time: expect.any(Number),
      creation_ttl: 900,
      display_name: 'door-bea',
      entity_id: auth.entity_id,
      expire_time: time,
      explicit_max_ttl: 0,
      id: auth.client_token,
      issue_time: time,
      meta: { username: 'bea' },
      num_uses: 0,
      orphan: true,
      path: 'auth/door/login/bea',
      policies: ['default', 'dev'],
      renewable: true,
      ttl: between(895, 900),
      type: 'service',
    });
  });

  test('makes the entity once, and finds it again whatever the case of the name', async () => {
    const first = await loggedIn('cleo');
    const again = await loggedIn('CLEO');
    expect(again.entity_id).toBe(first.entity_id);
    expect(again.client_token).not.toBe(first.client_token);
    const { body } = await entity(first.entity_id);
    expect(body.data).toMatchObject({
      name: expect.stringMatching(/^entity_[0-9a-f]{8}\.root$/),
      metadata: null,
      aliases: [{ name: 'cleo', mount_accessor: await accessorOf('door'), mount_path: 'auth/door/', mount_type: 'door', local: false }],
    });
  });

  test('makes one entity, however many come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => loggedIn('dora')));
    expect(new Set(answers.map(({ entity_id }) => entity_id)).size).toBe(1);
  });

  test('tells another entity apart for the same name at another mount', async () => {
    await call('POST', 'sys/auth/other', { body: { type: 'door' } });
    const here = await loggedIn('eve');
    const there = await login('eve', {}, {}, 'other');
    expect(there.body.auth.entity_id).not.toBe(here.entity_id);
  });

  test('keeps the metadata that it brought last with the alias', async () => {
    const { entity_id } = await loggedIn('fay', {}, { alias: { name: 'fay', metadata: { team: 'x' } } });
    await loggedIn('fay', {}, { alias: { name: 'fay', metadata: { team: 'y' } } });
    expect((await entity(entity_id)).body.data.aliases[0].metadata).toEqual({ team: 'y' });
  });

  test('has no entity where the method names no alias', async () => {
    const auth = await loggedIn('nobody');
    expect(auth.entity_id).toBe('');
    expect((await self(auth.client_token)).body.data).toMatchObject({ entity_id: '', display_name: 'door-nobody' });
  });

  test('leaves `default` out where the role says so', async () => {
    expect((await loggedIn('gil', { policies: ['dev'], noDefaultPolicy: true })).policies).toEqual(['dev']);
  });

  test.each(['root', 'ROOT'])('never gives the policy %s', async (name) => {
    expect(said(await login('hal', { policies: [name] }))).toEqual(refused(400, 'auth methods cannot create root tokens'));
  });

  test('never gives the policies that the server keeps for itself', async () => {
    expect(said(await login('hal', { policies: ['response-wrapping'] }))).toEqual(refused(400, 'cannot assign policy "response-wrapping"'));
  });

  test('is refused from an address that its token is not for', async () => {
    expect(said(await login('ida', { boundCidrs: ['10.0.0.0/8'] }))).toEqual(stranger);
    const auth = await loggedIn('ida', { boundCidrs: ['127.0.0.0/8'] });
    expect((await self(auth.client_token)).body.data.bound_cidrs).toEqual(['127.0.0.0/8']);
  });

  test('at a mount with slashes in its path has dashes in the display name', async () => {
    await call('POST', 'sys/auth/team/a', { body: { type: 'door' } });
    const { body } = await login('jo', {}, {}, 'team/a');
    expect((await self(body.auth.client_token)).body.data).toMatchObject({ display_name: 'team-a-jo', path: 'auth/team/a/login/jo' });
  });
});

describe('the life of its token', () => {
  const ttlOf = async (limits: Shape) => (await loggedIn('kim', limits)).lease_duration;

  test('is what the role says, the mount allows, and the system has else', async () => {
    expect(await ttlOf({})).toBe(768 * 3600);
    expect(await ttlOf({ ttl: 60 })).toBe(60);
    expect(await ttlOf({ ttl: 600, maxTtl: 60 })).toBe(60);
    expect(await ttlOf({ ttl: 600, explicitMaxTtl: 60 })).toBe(60);
    expect(await ttlOf({ ttl: 600, period: 120 })).toBe(120);
  });

  test('follows the tuning of the mount', async () => {
    await call('POST', 'sys/auth/tuned', { body: { type: 'door', config: { default_lease_ttl: '10m', max_lease_ttl: '20m' } } });
    const first = await login('kim', {}, {}, 'tuned');
    expect(first.body.auth.lease_duration).toBe(600);
    const long = await login('kim', { ttl: 3600 }, {}, 'tuned');
    expect(long.body).toMatchObject({
      auth: { lease_duration: 1200 },
      warnings: ['TTL of "1h" exceeded the effective max_ttl of "20m"; TTL value is capped accordingly'],
    });
    await call('POST', 'sys/auth/tuned/tune', { body: { max_lease_ttl: '15m' } });
    expect((await login('kim', { ttl: 3600 }, {}, 'tuned')).body.auth.lease_duration).toBe(900);
  });

  test('ends after its uses', async () => {
    const auth = await loggedIn('lea', { numUses: 2 });
    expect(auth.num_uses).toBe(2);
    expect((await self(auth.client_token)).status).toBe(200);
    expect((await self(auth.client_token)).status).toBe(200);
    expect(said(await self(auth.client_token))).toEqual(stranger);
  });

  test('ends with the mount', async () => {
    await call('POST', 'sys/auth/passing', { body: { type: 'door' } });
    const { body } = await login('mia', {}, {}, 'passing');
    await call('DELETE', 'sys/auth/passing');
    await vi.waitFor(async () => expect(said(await self(body.auth.client_token))).toEqual(stranger), 10_000);
  });
});

describe('batch tokens', () => {
  test('come from a role that says so, with the entity in them', async () => {
    const auth = await loggedIn('nia', { type: 'batch', ttl: 60, numUses: 3, policies: ['dev'] });
    expect(auth).toMatchObject({
      client_token: expect.stringMatching(/^hvb\./),
      accessor: '',
      renewable: false,
      token_type: 'batch',
      num_uses: 0,
      entity_id: uuid,
    });
    expect((await self(auth.client_token)).body.data).toMatchObject({
      type: 'batch',
      entity_id: auth.entity_id,
      path: 'auth/door/login/nia',
    });
  });

  const types = [
    ['default-batch', 'default', 'batch'],
    ['default-batch', 'service', 'service'],
    ['default-service', 'default-batch', 'batch'],
    ['default-service', 'default', 'service'],
    ['batch', 'service', 'batch'],
    ['service', 'batch', 'service'],
  ] as const;
  test.each(types)('at a mount tuned to %s, a role of type %s gives %s', async (ofMount, ofRole, made) => {
    const path = `type-${ofMount}-${ofRole}`;
    await call('POST', `sys/auth/${path}`, { body: { type: 'door', config: { token_type: ofMount } } });
    const { body } = await login('olga', { type: ofRole, ttl: 60 }, {}, path);
    expect(body.auth.token_type).toBe(made);
  });
});

describe('renewing its token', () => {
  const renew = (token: string, increment?: number) => call('POST', 'auth/token/renew-self', { token, body: { increment } });

  test('is held to what the role says now', async () => {
    const auth = await loggedIn('pia', { ttl: 600 });
    door.limits.set('pia', { ttl: 120 });
    expect((await renew(auth.client_token)).body.auth).toMatchObject({
      lease_duration: 120,
      policies: ['default'],
      metadata: { username: 'pia' },
      entity_id: auth.entity_id,
    });
    door.limits.set('pia', { ttl: 600, maxTtl: 300 });
    expect((await renew(auth.client_token, 500)).body).toMatchObject({
      auth: { lease_duration: between(295, 300) },
      warnings: [expect.any(String)],
    });
    door.limits.set('pia', { period: 200 });
    expect((await renew(auth.client_token, 500)).body.auth.lease_duration).toBe(200);
  });

  test('is refused when the role is gone', async () => {
    const auth = await loggedIn('quin', { ttl: 600 });
    door.limits.delete('quin');
    expect(said(await renew(auth.client_token))).toEqual(refused(400, 'role "quin" does not exist during renewal'));
    expect((await self(auth.client_token)).status).toBe(200);
  });

  test('never passes the explicit maximum that it began with', async () => {
    const auth = await loggedIn('rosa', { ttl: 60, explicitMaxTtl: 100 });
    door.limits.set('rosa', { ttl: 600, explicitMaxTtl: 600 });
    expect((await renew(auth.client_token, 500)).body.auth.lease_duration).toEqual(between(95, 100));
  });

  test('is for others to ask too', async () => {
    const auth = await loggedIn('sam', { ttl: 600 });
    const { body } = await call('POST', 'auth/token/renew-accessor', { body: { accessor: auth.accessor } });
    expect(body.auth).toMatchObject({ client_token: '', lease_duration: 600 });
  });
});

describe('wrapping a login', () => {
  test('hides the token, and tells its accessor', async () => {
    const answer = await call('POST', 'auth/door/login/tom', { token: null, headers: { 'X-Vault-Wrap-TTL': '60' }, body: {} });
    expect(answer.body).toMatchObject({
      auth: null,
      wrap_info: { ttl: 60, creation_path: 'auth/door/login/tom', wrapped_accessor: accessor },
    });
    const { body } = await call('POST', 'sys/wrapping/unwrap', { token: answer.body.wrap_info.token });
    expect(body.auth.accessor).toBe(answer.body.wrap_info.wrapped_accessor);
    expect((await self(body.auth.client_token)).body.data.meta).toEqual({ username: 'tom' });
  });
});

describe('the audit lines of a login', () => {
  test('name who logged in, on the line of the answer', async () => {
    await enableDevice(shared.server, 'logins');
    const group = await call('POST', 'identity/group', { body: { name: 'audited', policies: ['gp'] } });
    const known = await loggedIn('uma');
    await call('POST', `identity/group/id/${group.body.data.id}`, { body: { member_entity_ids: [known.entity_id] } });
    const auth = await loggedIn('uma', { policies: ['dev'] });
    const [request, response] = linesFor(join(shared.server.folder, 'logins.log'), 'auth/door/login/uma').slice(-2);
    expect(request?.auth).toEqual({ token_type: 'default' });
    expect(response?.auth).toMatchObject({
      client_token: await hashOf(shared.server, 'logins', auth.client_token),
      accessor: await hashOf(shared.server, 'logins', auth.accessor),
      display_name: 'door-uma',
      policies: ['default', 'dev', 'gp'],
      token_policies: ['default', 'dev'],
      identity_policies: ['gp'],
      entity_id: auth.entity_id,
      metadata: { username: 'uma' },
    });
    expect(response?.request.client_token).toBeUndefined();
    expect(response?.response.auth).toMatchObject({
      client_token: await hashOf(shared.server, 'logins', auth.client_token),
      identity_policies: ['gp'],
      entity_id: auth.entity_id,
    });
    await call('DELETE', 'sys/audit/logins');
  });
});

describe('external groups', () => {
  const externalGroup = async (name: string, mounted = 'door') => {
    const group = await call('POST', 'identity/group', { body: { name: `ext-${name}`, type: 'external', policies: [`policy-${name}`] } });
    const { id } = group.body.data;
    await call('POST', 'identity/group-alias', { body: { name, mount_accessor: await accessorOf(mounted), canonical_id: id } });
    return id as string;
  };
  const members = async (id: string) => (await call('GET', `identity/group/id/${id}`)).body.data.member_entity_ids;

  test('take whoever the login counts to them, and let go of whoever it no longer does', async () => {
    const [ops, dev] = [await externalGroup('ops'), await externalGroup('dev')];
    const first = await loggedIn('vera', {}, { groups: ['ops', 'unknown'] });
    expect(first.identity_policies).toEqual(['policy-ops']);
    expect(await members(ops)).toEqual([first.entity_id]);
    const second = await loggedIn('vera', {}, { groups: ['dev'] });
    expect(second.identity_policies).toEqual(['policy-dev']);
    expect([await members(ops), await members(dev)]).toEqual([null, [first.entity_id]]);
    expect((await loggedIn('vera')).identity_policies).toBeUndefined();
  });

  test('of another mount, and internal ones, are none of its business', async () => {
    await call('POST', 'sys/auth/elsewhere', { body: { type: 'door' } });
    const there = await externalGroup('far', 'elsewhere');
    const auth = await loggedIn('wanda', {}, { groups: ['far'] });
    expect(auth.identity_policies).toBeUndefined();
    expect(await members(there)).toBeNull();
    await call('POST', 'identity/entity-alias', {
      body: { name: 'wanda', canonical_id: auth.entity_id, mount_accessor: await accessorOf('elsewhere') },
    });
    await login('wanda', {}, { groups: ['far'] }, 'elsewhere');
    expect((await loggedIn('wanda', {}, { groups: [] })).identity_policies).toEqual(['policy-far']);
    await login('wanda', {}, { groups: [] }, 'elsewhere');
    await call('POST', 'identity/group', { body: { name: 'inner', policies: ['inner'], member_entity_ids: [auth.entity_id] } });
    expect((await loggedIn('wanda', {}, { groups: [] })).identity_policies).toEqual(['inner']);
  });
});

describe('the entity of a token', () => {
  test('gives its policies with the next request, and takes them with the next', async () => {
    await call('PUT', 'sys/policies/acl/kv-all', { body: { policy: 'path "kv/*" { capabilities = ["create", "read", "update"] }' } });
    const { client_token: token, entity_id: id } = await loggedIn('xena');
    const attempt = async () => said(await call('POST', 'kv/a', { token, body: { x: '1' } }));
    expect(await attempt()).toEqual(denied);
    await call('POST', `identity/entity/id/${id}`, { body: { policies: ['kv-all'] } });
    expect(await attempt()).toEqual(done);
    expect((await self(token)).body.data).toMatchObject({
      policies: ['default'],
      identity_policies: ['kv-all'],
      external_namespace_policies: {},
    });
    await call('POST', `identity/entity/id/${id}`, { body: { policies: [] } });
    expect(await attempt()).toEqual(denied);
  });

  test('keeps its tokens out while it is disabled, and the login too', async () => {
    const { client_token: token, entity_id: id } = await loggedIn('yara');
    await call('POST', `identity/entity/id/${id}`, { body: { disabled: true } });
    expect(said(await self(token))).toEqual(stranger);
    expect(said(await login('yara'))).toEqual(stranger);
    await call('POST', `identity/entity/id/${id}`, { body: { disabled: false } });
    expect((await self(token)).status).toBe(200);
  });

  test('takes its tokens along when it is deleted, and the next login makes another', async () => {
    const { client_token: token, entity_id: id } = await loggedIn('zoe');
    const batch = await loggedIn('zoe', { type: 'batch', ttl: 60 });
    await call('DELETE', `identity/entity/id/${id}`);
    for (const one of [token, batch.client_token]) expect(said(await self(one))).toEqual(stranger);
    expect((await loggedIn('zoe')).entity_id).not.toBe(id);
  });

  test('goes over to children of the token, and not to orphans', async () => {
    const parent = await loggedIn('ana', { policies: ['maker'] });
    await call('PUT', 'sys/policies/acl/maker', { body: { policy: 'path "auth/token/*" { capabilities = ["update", "sudo"] }' } });
    const make = async (path: string) =>
      (await call('POST', path, { token: parent.client_token, body: { policies: ['default'] } })).body.auth.entity_id;
    expect(await make('auth/token/create')).toBe(parent.entity_id);
    expect(await make('auth/token/create-orphan')).toBe('');
  });
});
