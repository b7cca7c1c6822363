// What an entity brings to its tokens: template values in policies, capabilities, aliases that tokens are made with.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { denied, done, refused, type Shape, said, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

vi.mock('../../src/secrets/engines/transit/kind.ts', async () => ({ transit: (await import('./door-method.ts')).doorKind }));

const { call } = sharedServer();
const post = (path: string, body: Shape) => call('POST', `identity/${path}`, { body });
let accessor: string;

beforeAll(async () => {
  await call('POST', 'sys/auth/door', { body: { type: 'door' } });
  await call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  accessor = (await call('GET', 'sys/auth/door')).body.data.accessor;
});

let made = 0;
const fresh = (): string => `name-${++made}`;
const write = (name: string, policy: string, more: Shape = {}) => call('PUT', `sys/policies/acl/${name}`, { body: { policy, ...more } });

interface Person {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly accessor: string;
}

/** An entity with a login, and the token of that login. */
async function person(more: Shape = {}, login: string = fresh()): Promise<Person> {
  const name = (more['name'] as string | undefined) ?? fresh();
  const { body } = await post('entity', { name, ...more });
  await post('entity-alias', { name: login, canonical_id: body.data.id, mount_accessor: accessor, custom_metadata: { desk: 'd7' } });
  const answer = await call('POST', `auth/door/login/${encodeURIComponent(login)}`, {
    token: null,
    body: { terms: { alias: { name: login, metadata: { shift: 'night' } } } },
  });
  expect(answer.status, answer.text).toBe(200);
  return { id: body.data.id, name, token: answer.body.auth.client_token, accessor: answer.body.auth.accessor };
}

async function capabilities(token: string, ...paths: string[]): Promise<readonly string[]> {
  const { body } = await call('POST', 'sys/capabilities-self', { token, body: { paths } });
  return paths.map((path) => body.data[path].join());
}

const reads = (path: string) => `path "${path}" { capabilities = ["read"] }`;

describe('templates', () => {
  test('stand for what is known of the entity, its aliases and its groups', async () => {
    const policy = fresh();
    const ann = await person({ metadata: { team: 'x' }, policies: [policy] });
    const { body: group } = await post('group', { name: 'crew.one', metadata: { floor: '3' }, member_entity_ids: [ann.id] });
    const { body: outer } = await post('group', { name: 'staff', member_group_ids: [group.data.id] });
    const { data } = (await call('GET', `identity/entity/id/${ann.id}`)).body;
    const alias = data.aliases[0];
    const variables: Readonly<Record<string, string>> = {
      'identity.entity.id': ann.id,
      'identity.entity.name': ann.name,
      'identity.entity.metadata.team': 'x',
      [`identity.entity.aliases.${accessor}.id`]: alias.id,
      [`identity.entity.aliases.${accessor}.name`]: alias.name,
      [`identity.entity.aliases.${accessor}.metadata.shift`]: 'night',
      [`identity.entity.aliases.${accessor}.custom_metadata.desk`]: 'd7',
      [`identity.groups.ids.${group.data.id}.name`]: 'crew.one',
      [`identity.groups.ids.${group.data.id}.metadata.floor`]: '3',
      'identity.groups.names.crew.one.id': group.data.id,
      [`identity.groups.names.staff.id`]: outer.data.id,
    };
    const entries = Object.entries(variables).map(([variable, value], at) => ({ variable, value, below: `kv/${at}` }));
    await write(policy, entries.map(({ variable, below }) => reads(`${below}/{{ ${variable} }}/*`)).join('\n'));
    for (const { variable, value, below } of entries)
      expect(await capabilities(ann.token, `${below}/${value}/a`, `${below}/other/a`), variable).toEqual(['read', 'deny']);
  });

  test('that stand for nothing grant nothing', async () => {
    const policy = fresh();
    const ann = await person({ policies: [policy] });
    await post('group', { name: 'not-hers' });
    const nothing = [
      'identity.entity.metadata.none',
      'identity.entity.aliases.none.name',
      'identity.entity.other',
      'identity.entity.metadata.constructor',
      'identity.groups.names.not-hers.id',
      'identity.groups.ids.none.name',
      'other',
      '',
    ];
    await write(policy, nothing.map((variable, at) => reads(`kv/${at}/{{${variable}}}*`)).join('\n'));
    expect(new Set(await capabilities(ann.token, ...nothing.map((_, at) => `kv/${at}/a`)))).toEqual(new Set(['deny']));
  });

  test('follow the entity with the next request', async () => {
    const policy = fresh();
    const ann = await person({ metadata: { team: 'x' }, policies: [policy] });
    await write(policy, reads('kv/{{identity.entity.metadata.team}}/*'));
    expect(await capabilities(ann.token, 'kv/x/a', 'kv/y/a')).toEqual(['read', 'deny']);
    await post(`entity/id/${ann.id}`, { metadata: { team: 'y' } });
    expect(await capabilities(ann.token, 'kv/x/a', 'kv/y/a')).toEqual(['deny', 'read']);
    await call('POST', 'kv/y/a', { body: { x: '1' } });
    expect((await call('GET', 'kv/y/a', { token: ann.token })).status).toBe(200);
    expect(said(await call('GET', 'kv/x/a', { token: ann.token }))).toEqual(denied);
  });

  test('of one entity are not those of another with the same policies', async () => {
    const policy = fresh();
    await write(policy, reads('kv/{{identity.entity.name}}/*'));
    const [ann, bob] = [await person({ policies: [policy] }), await person({ policies: [policy] })];
    for (const [mine, theirs] of [
      [ann, bob],
      [bob, ann],
    ] as const)
      expect(await capabilities(mine.token, `kv/${mine.name}/a`, `kv/${theirs.name}/a`)).toEqual(['read', 'deny']);
  });

  test.each(['*', 'a*', '+', 'a/b'])('refuse the value %s, unless the policy gives leave', async (value) => {
    const policy = fresh();
    const ann = await person({ metadata: { k: value }, policies: [policy] });
    const rules = reads('kv/{{identity.entity.metadata.k}}/end');
    const path = `kv/${value.replace('*', '').replace('+', 'any')}/end`;
    const literal = value === 'a/b' ? path : `kv/${value}/end`;
    await write(policy, rules);
    expect(await capabilities(ann.token, literal)).toEqual(['deny']);
    const leave = value === 'a/b' ? 'allow_slashes_in_identity_templates' : 'allow_wildcards_in_identity_templates';
    const wrong = value === 'a/b' ? 'allow_wildcards_in_identity_templates' : 'allow_slashes_in_identity_templates';
    await write(policy, rules, { [wrong]: true });
    expect(await capabilities(ann.token, literal)).toEqual(['deny']);
    expect(said(await write(policy, rules, { [leave]: true }))).toEqual(done);
    expect(await capabilities(ann.token, literal)).toEqual(['read']);
    expect((await call('GET', `sys/policies/acl/${policy}`)).body.data).toMatchObject({ [leave]: true, [wrong]: false });
    await write(policy, rules);
    expect(await capabilities(ann.token, literal)).toEqual(['deny']);
    expect((await call('GET', `sys/policy/${policy}`)).body.data).toMatchObject({ [leave]: false });
  });

  test('let everybody read their own entity, and nobody that of others, with the default policy', async () => {
    const [ann, bob] = [await person(), await person()];
    for (const path of [`identity/entity/id/${ann.id}`, `identity/entity/name/${ann.name}`]) {
      expect((await call('GET', path, { token: ann.token })).body.data.id).toBe(ann.id);
      expect(said(await call('GET', path, { token: bob.token }))).toEqual(denied);
    }
    expect(said(await call('POST', `identity/entity/id/${ann.id}`, { token: ann.token, body: { policies: ['root'] } }))).toEqual(denied);
  });
});

describe('what a token may do', () => {
  test('is told to others with the policies of its entity', async () => {
    const policy = fresh();
    await write(policy, reads('kv/a'));
    const ann = await person({ policies: [policy] });
    const asked = [
      ['sys/capabilities', { token: ann.token }],
      ['sys/capabilities-accessor', { accessor: ann.accessor }],
    ] as const;
    for (const [path, way] of asked)
      expect((await call('POST', path, { body: { ...way, paths: ['kv/a'] } })).body.data['kv/a']).toEqual(['read']);
    for (const path of ['auth/token/lookup', 'auth/token/lookup-accessor']) {
      const { body } = await call('POST', path, { body: path.endsWith('accessor') ? { accessor: ann.accessor } : { token: ann.token } });
      expect(body.data).toMatchObject({ policies: ['default'], identity_policies: [policy], entity_id: ann.id });
    }
  });

  test('is nothing more than its own once it is a child policy', async () => {
    const [own, brought] = [fresh(), fresh()];
    const ann = await person({ policies: [own] });
    await write(own, 'path "auth/token/create" { capabilities = ["update"] }');
    const make = (policies: readonly string[]) => call('POST', 'auth/token/create', { token: ann.token, body: { policies } });
    expect(said(await make([brought]))).toEqual(refused(400, 'child policies must be subset of parent'));
    expect(said(await make([own]))).toEqual(refused(400, 'child policies must be subset of parent'));
    const { body } = await make(['default']);
    expect(body.auth).toMatchObject({
      policies: ['default', own],
      token_policies: ['default'],
      identity_policies: [own],
      entity_id: ann.id,
    });
  });
});

describe('a token made with an entity alias', () => {
  const create = (role: string, alias: string) => call('POST', `auth/token/create/${role}`, { body: { entity_alias: alias } });

  test('stands for that entity, which is made where there is none', async () => {
    await call('POST', 'auth/token/roles/agents', { body: { allowed_entity_aliases: 'web,build-*', allowed_policies: 'default' } });
    const first = (await create('agents', 'web')).body.auth;
    expect((await create('agents', 'WEB')).body.auth.entity_id).toBe(first.entity_id);
    const other = (await create('agents', 'build-7')).body.auth;
    expect(other.entity_id).not.toBe(first.entity_id);
    const { body } = await call('GET', `identity/entity/id/${first.entity_id}`);
    expect(body.data.aliases).toMatchObject([{ name: 'web', mount_path: 'auth/token/', mount_type: 'token' }]);
    await post(`entity/id/${first.entity_id}`, { policies: ['brought'] });
    expect((await create('agents', 'web')).body.auth).toMatchObject({ identity_policies: ['brought'], policies: ['brought', 'default'] });
  });

  test('is refused without a role, for an alias that the role does not name, and for a disabled entity', async () => {
    await call('POST', 'auth/token/roles/one', { body: { allowed_entity_aliases: 'only' } });
    expect(said(await call('POST', 'auth/token/create', { body: { entity_alias: 'only' } }))).toEqual(
      refused(400, "'entity_alias' is only allowed in combination with token role"),
    );
    expect(said(await create('one', 'another'))).toEqual(refused(400, "invalid 'entity_alias' value"));
    const { body } = await create('one', 'only');
    await post(`entity/id/${body.auth.entity_id}`, { disabled: true });
    expect(said(await create('one', 'only'))).toEqual(refused(403, 'entity from given entity alias is disabled'));
    expect(said(await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token }))).toEqual(stranger);
  });
});

test('routes of identity are guarded like any others', async () => {
  const ann = await person();
  expect(said(await call('LIST', 'identity/entity/id', { token: ann.token }))).toEqual(denied);
  expect(said(await call('LIST', 'identity/entity/id', { token: null }))).toEqual(stranger);
  expect(said(await call('GET', 'identity/entity/name', {})).at(0)).toBe(405);
});
