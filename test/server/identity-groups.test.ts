// Groups over the API: members, groups in groups, aliases of external ones, and what their policies come to.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { done, framed, nothingThere, refused, type Shape, said, shown, time, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

vi.mock('../../src/secrets/engines/transit/kind.ts', async () => ({ transit: (await import('./door-method.ts')).doorKind }));

const { call } = sharedServer();
const post = (path: string, body: Shape) => call('POST', `identity/${path}`, { body });
const get = (path: string) => call('GET', `identity/${path}`);
let accessor: string;

beforeAll(async () => {
  for (const path of ['group/id', 'group/name', 'group-alias/id'])
    expect(said(await call('LIST', `identity/${path}`))).toEqual(nothingThere);
  await call('POST', 'sys/auth/door', { body: { type: 'door' } });
  accessor = (await call('GET', 'sys/auth/door')).body.data.accessor;
});

let made = 0;
const fresh = (): string => `name-${++made}`;
const makeEntity = async (more: Shape = {}): Promise<string> => (await post('entity', { name: fresh(), ...more })).body.data.id;
async function makeGroup(more: Shape = {}): Promise<{ readonly id: string; readonly name: string }> {
  const name = fresh();
  const answer = await post('group', { name, ...more });
  expect(answer.status, answer.text).toBe(200);
  return { id: answer.body.data.id, name };
}
const group = async (id: string) => (await get(`group/id/${id}`)).body.data;
const entity = async (id: string) => (await get(`entity/id/${id}`)).body.data;

describe('a group', () => {
  test('is made with its id and name told, and read by both', async () => {
    const member = await makeEntity();
    const answer = await post('group', { name: 'Devs', policies: ['GP', 'gp'], metadata: { a: 'b' }, member_entity_ids: [member, member] });
    expect(said(answer)).toEqual(shown({ id: uuid, name: 'Devs' }));
    const whole = shown({
      alias: {},
      creation_time: time,
      id: answer.body.data.id,
      last_update_time: time,
      member_entity_ids: [member],
      member_group_ids: null,
      metadata: { a: 'b' },
      modify_index: 1,
      name: 'Devs',
      namespace_id: 'root',
      parent_group_ids: null,
      policies: ['gp'],
      type: 'internal',
    });
    expect(said(await get(`group/id/${answer.body.data.id}`))).toEqual(whole);
    for (const name of ['Devs', 'DEVS']) {
      expect(said(await get(`group/name/${name}`))).toEqual(whole);
      expect(said(await post('lookup/group', { name }))).toEqual(whole);
    }
  });

  test('without a name gets one', async () => {
    const { body } = await post('group', {});
    expect(body.data.name).toMatch(/^group_[0-9a-f]{8}\.root$/);
  });

  test('is changed by name or id, and keeps what is not sent', async () => {
    const member = await makeEntity();
    const { id, name } = await makeGroup({ policies: ['p'], member_entity_ids: [member] });
    expect(said(await post('group', { name, metadata: { a: '1' } }))).toEqual(done);
    expect(said(await post(`group/name/${name}`, { policies: ['q'] }))).toEqual(done);
    const next = fresh();
    expect(said(await post(`group/id/${id}`, { name: next }))).toEqual(done);
    expect(await group(id)).toMatchObject({
      name: next,
      policies: ['q'],
      metadata: { a: '1' },
      member_entity_ids: [member],
      modify_index: 4,
    });
    expect(said(await get(`group/name/${name}`))).toEqual(nothingThere);
  });

  test('is refused what does not fit', async () => {
    const [one, other] = [await makeGroup(), await makeGroup()];
    const external = await makeGroup({ type: 'external' });
    const member = await makeEntity();
    const cases: readonly (readonly [string, Shape, string])[] = [
      [`group/id/${one.id}`, { name: other.name }, 'group name is already in use'],
      [`group/id/${one.id}`, { type: 'external' }, 'group type cannot be changed'],
      ['group', { name: fresh(), type: 'other' }, 'invalid group type "other"'],
      ['group', { name: fresh(), policies: ['Root'] }, 'policies cannot contain root'],
      ['group', { id: 'none' }, 'invalid group ID'],
      ['group/id/none', {}, 'invalid group ID'],
      ['group', { id: '' }, 'empty group ID'],
      [`group/id/${external.id}`, { member_entity_ids: [member] }, "member entities can't be set manually for external groups"],
      [`group/id/${external.id}`, { member_group_ids: [one.id] }, "member groups can't be set for external groups"],
      [
        'group',
        { name: fresh(), metadata: { 'a b': 'c' } },
        'invalid group metadata: failed to load metadata pair "a b": key contains invalid characters',
      ],
    ];
    for (const [path, body, why] of cases) expect(said(await post(path, body)), why).toEqual(refused(400, why));
  });

  test('is not made at all when a member is not there', async () => {
    const name = fresh();
    expect(said(await post('group', { name, member_entity_ids: ['nope'] }))).toEqual(refused(500, framed('invalid entity ID "nope"')));
    expect(said(await post('group', { name, member_group_ids: ['nope'] }))).toEqual(refused(500, framed('invalid member group ID "nope"')));
    expect(said(await get(`group/name/${name}`))).toEqual(nothingThere);
  });

  test('is listed by id and by name', async () => {
    const member = await makeEntity();
    const inner = await makeGroup({ member_entity_ids: [member] });
    await makeGroup({ member_group_ids: [inner.id] });
    const external = await makeGroup({ type: 'external' });
    const alias = await post('group-alias', { name: fresh(), mount_accessor: accessor, canonical_id: external.id });
    const ids = (await call('LIST', 'identity/group/id')).body.data;
    const names = (await call('LIST', 'identity/group/name')).body.data;
    expect(ids.keys).toContain(inner.id);
    expect(names.keys).toContain(inner.name);
    expect(Object.keys(names)).toEqual(['keys']);
    expect(ids.key_info[inner.id]).toEqual({ name: inner.name, num_member_entities: 1, num_parent_groups: 1 });
    expect(ids.key_info[external.id].alias).toMatchObject({ id: alias.body.data.id, mount_accessor: accessor, mount_type: 'door' });
  });

  test('that is deleted leaves its members, by id or by name', async () => {
    const member = await makeEntity();
    const inner = await makeGroup();
    const outer = await makeGroup({ member_entity_ids: [member], member_group_ids: [inner.id] });
    expect((await entity(member)).direct_group_ids).toEqual([outer.id]);
    expect(said(await call('DELETE', `identity/group/id/${outer.id}`))).toEqual(done);
    expect(said(await get(`group/id/${outer.id}`))).toEqual(nothingThere);
    expect((await entity(member)).direct_group_ids).toEqual([]);
    expect((await group(inner.id)).parent_group_ids).toBeNull();
    expect(said(await call('DELETE', `identity/group/name/${inner.name.toUpperCase()}`))).toEqual(done);
    expect(said(await get(`group/name/${inner.name}`))).toEqual(nothingThere);
    for (const path of ['group/id/none', 'group/name/none']) expect(said(await call('DELETE', `identity/${path}`))).toEqual(done);
  });

  test('loses an entity that is deleted', async () => {
    const [one, other] = [await makeEntity(), await makeEntity()];
    const { id } = await makeGroup({ member_entity_ids: [one, other] });
    await call('DELETE', `identity/entity/id/${one}`);
    expect((await group(id)).member_entity_ids).toEqual([other]);
  });

  test('may be tidied of all its members', async () => {
    const { id } = await makeGroup({ member_entity_ids: [await makeEntity()], member_group_ids: [(await makeGroup()).id] });
    await post(`group/id/${id}`, { member_entity_ids: [], member_group_ids: [] });
    expect(await group(id)).toMatchObject({ member_entity_ids: null, member_group_ids: null });
  });
});

describe('groups in groups', () => {
  test('hand their policies down, over any number of steps', async () => {
    const member = await makeEntity({ policies: ['own'] });
    const inner = await makeGroup({ policies: ['inner'], member_entity_ids: [member] });
    const middle = await makeGroup({ policies: ['middle'], member_group_ids: [inner.id] });
    const outer = await makeGroup({ policies: ['outer', 'own'], member_group_ids: [middle.id] });
    expect(await entity(member)).toMatchObject({
      direct_group_ids: [inner.id],
      inherited_group_ids: [middle.id, outer.id],
      group_ids: [inner.id, middle.id, outer.id],
    });
    const name = fresh();
    await post('entity-alias', { name, canonical_id: member, mount_accessor: accessor });
    const login = async () => (await call('POST', `auth/door/login/${name}`, { token: null, body: {} })).body.auth;
    const auth = await login();
    expect(auth.identity_policies).toEqual(['inner', 'middle', 'outer', 'own']);
    expect(auth.policies).toEqual(['default', 'inner', 'middle', 'outer', 'own']);
    const self = async () => (await call('GET', 'auth/token/lookup-self', { token: auth.client_token })).body.data.identity_policies;
    expect(await self()).toEqual(['own', 'inner', 'middle', 'outer']);
    await post(`group/id/${middle.id}`, { member_group_ids: [] });
    expect(await self()).toEqual(['own', 'inner']);
  });

  test('counts a group once that is reached twice', async () => {
    const member = await makeEntity();
    const [left, right] = [await makeGroup({ member_entity_ids: [member] }), await makeGroup({ member_entity_ids: [member] })];
    const top = await makeGroup({ policies: ['top'], member_group_ids: [left.id, right.id] });
    expect((await entity(member)).inherited_group_ids).toEqual([top.id]);
  });

  test('are never members of themselves', async () => {
    const inner = await makeGroup();
    const middle = await makeGroup({ member_group_ids: [inner.id] });
    const outer = await makeGroup({ member_group_ids: [middle.id] });
    const circle = refused(400, `cyclic relationship detected for member group ID "${outer.id}"`);
    expect(said(await post(`group/id/${inner.id}`, { member_group_ids: [outer.id] }))).toEqual(circle);
    expect(said(await post(`group/id/${inner.id}`, { member_group_ids: [middle.id] })).at(0)).toBe(400);
    expect(said(await post(`group/id/${inner.id}`, { member_group_ids: [inner.id] }))).toEqual(
      refused(500, framed(`member group ID "${inner.id}" is same as the ID of the group`)),
    );
    expect((await group(inner.id)).member_group_ids).toBeNull();
  });
});

describe('the alias of a group', () => {
  test('is told whole, alone and with its group', async () => {
    const { id } = await makeGroup({ type: 'external' });
    const name = fresh();
    const answer = await post('group-alias', { name, mount_accessor: accessor, canonical_id: id });
    expect(said(answer)).toEqual(shown({ canonical_id: id, id: uuid }));
    const alias = answer.body.data.id;
    const common = {
      canonical_id: id,
      creation_time: time,
      id: alias,
      last_update_time: time,
      merged_from_canonical_ids: null,
      metadata: null,
      mount_accessor: accessor,
      mount_path: 'auth/door/',
      mount_type: 'door',
      name,
    };
    expect(said(await get(`group-alias/id/${alias}`))).toEqual(
      shown({ ...common, custom_metadata: null, local: false, namespace_id: 'root' }),
    );
    expect((await group(id)).alias).toEqual(common);
    expect((await call('LIST', 'identity/group-alias/id')).body.data.key_info[alias]).toMatchObject({ name, canonical_id: id });
    for (const way of [{ alias_id: alias }, { alias_name: name, alias_mount_accessor: accessor }, { id }])
      expect((await post('lookup/group', way)).body.data.id).toBe(id);
    for (const way of [{ alias_id: 'none' }, { alias_name: 'none', alias_mount_accessor: accessor }, { id: 'none' }])
      expect(said(await post('lookup/group', way))).toEqual(done);
  });

  test('without a group makes an external one', async () => {
    const { body } = await post('group-alias', { name: fresh(), mount_accessor: accessor });
    expect(await group(body.data.canonical_id)).toMatchObject({ type: 'external', alias: { id: body.data.id } });
  });

  test('is refused what does not fit', async () => {
    const [internal, external] = [await makeGroup(), await makeGroup({ type: 'external' })];
    const name = fresh();
    await post('group-alias', { name, mount_accessor: accessor, canonical_id: external.id });
    const cases: readonly (readonly [Shape, string])[] = [
      [{ mount_accessor: accessor }, 'missing alias name'],
      [{ name: fresh() }, 'missing mount_accessor'],
      [{ name: fresh(), mount_accessor: 'nope' }, 'invalid mount accessor "nope"'],
      [{ name: fresh(), mount_accessor: accessor, canonical_id: 'nope' }, "invalid group ID given in 'canonical_id'"],
      [{ name: fresh(), mount_accessor: accessor, canonical_id: internal.id }, "alias can't be set on an internal group"],
      [{ name: name.toUpperCase(), mount_accessor: accessor }, 'combination of mount and group alias name is already in use'],
      [{ id: 'none', name, mount_accessor: accessor }, 'invalid group alias ID'],
      [{ id: '', name, mount_accessor: accessor }, 'empty group alias ID'],
    ];
    for (const [body, why] of cases) expect(said(await post('group-alias', body)), why).toEqual(refused(400, why));
  });

  test('is renamed and moved by its id', async () => {
    const [from, to] = [await makeGroup({ type: 'external' }), await makeGroup({ type: 'external' })];
    const { body } = await post('group-alias', { name: fresh(), mount_accessor: accessor, canonical_id: from.id });
    const { id } = body.data;
    const name = fresh();
    expect(said(await post(`group-alias/id/${id}`, { name, mount_accessor: accessor }))).toEqual(shown({ canonical_id: from.id, id }));
    expect(said(await post(`group-alias/id/${id}`, { name, mount_accessor: accessor }))).toEqual(done);
    expect(said(await post('group-alias', { id, name, mount_accessor: accessor, canonical_id: to.id }))).toEqual(
      shown({ canonical_id: to.id, id }),
    );
    expect((await group(from.id)).alias).toEqual({});
    expect((await group(to.id)).alias).toMatchObject({ id, name });
  });

  test('is gone with a word, or with its group', async () => {
    const { id } = await makeGroup({ type: 'external' });
    const make = async () => (await post('group-alias', { name: fresh(), mount_accessor: accessor, canonical_id: id })).body.data.id;
    const first = await make();
    expect(said(await call('DELETE', `identity/group-alias/id/${first}`))).toEqual(done);
    expect(said(await call('DELETE', `identity/group-alias/id/${first}`))).toEqual(done);
    expect(said(await get(`group-alias/id/${first}`))).toEqual(nothingThere);
    expect((await group(id)).alias).toEqual({});
    const second = await make();
    await call('DELETE', `identity/group/id/${id}`);
    expect(said(await get(`group-alias/id/${second}`))).toEqual(nothingThere);
  });
});
