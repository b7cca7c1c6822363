// Entities and their aliases over the API: made, changed, found, listed, deleted.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { done, nothingThere, refused, type Shape, said, shown, time, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

vi.mock('../../src/secrets/engines/transit/kind.ts', async () => ({ transit: (await import('./door-method.ts')).doorKind }));

const { call } = sharedServer();
const post = (path: string, body: Shape) => call('POST', `identity/${path}`, { body });
const get = (path: string) => call('GET', `identity/${path}`);
const accessors: Record<string, string> = {};

beforeAll(async () => {
  expect(said(await call('LIST', 'identity/entity/id'))).toEqual(nothingThere);
  expect(said(await call('LIST', 'identity/entity-alias/id'))).toEqual(nothingThere);
  for (const mounted of ['one', 'two', 'three']) {
    await call('POST', `sys/auth/${mounted}`, { body: { type: 'door', local: mounted === 'three' } });
    accessors[mounted] = (await call('GET', `sys/auth/${mounted}`)).body.data.accessor;
  }
});

let made = 0;
const fresh = (): string => `name-${++made}`;
async function makeEntity(more: Shape = {}): Promise<{ readonly id: string; readonly name: string }> {
  const name = fresh();
  const { body } = await post('entity', { name, ...more });
  return { id: body.data.id, name };
}
async function makeAlias(entity: string, mounted = 'one', more: Shape = {}): Promise<{ readonly id: string; readonly name: string }> {
  const name = fresh();
  const { body } = await post('entity-alias', { name, canonical_id: entity, mount_accessor: accessors[mounted], ...more });
  return { id: body.data.id, name };
}

describe('an entity', () => {
  test('is made with its id and name told, and read by both', async () => {
    const answer = await post('entity', { name: 'Ann', metadata: { team: 'x' }, policies: ['P1', 'p2', 'p1'] });
    expect(said(answer)).toEqual(shown({ aliases: null, id: uuid, name: 'Ann' }));
    const whole = shown({
      aliases: [],
      creation_time: time,
      direct_group_ids: [],
      disabled: false,
      group_ids: [],
      id: answer.body.data.id,
      inherited_group_ids: [],
      last_update_time: time,
      merged_entity_ids: null,
      metadata: { team: 'x' },
      name: 'Ann',
      namespace_id: 'root',
      policies: ['p1', 'p2'],
    });
    expect(said(await get(`entity/id/${answer.body.data.id}`))).toEqual(whole);
    for (const name of ['Ann', 'ann', 'ANN']) expect(said(await get(`entity/name/${name}`))).toEqual(whole);
  });

  test('without a name gets one', async () => {
    const { body } = await post('entity', {});
    expect(body.data.name).toMatch(/^entity_[0-9a-f]{8}\.root$/);
  });

  test('may have slashes in its name', async () => {
    const { body } = await post('entity/name/team/a', { policies: ['x'] });
    expect((await get('entity/name/team/a')).body.data).toMatchObject({ id: body.data.id, name: 'team/a', policies: ['x'] });
    expect(said(await call('DELETE', 'identity/entity/name/team/a'))).toEqual(done);
    expect(said(await get('entity/name/team/a'))).toEqual(nothingThere);
  });

  test('is changed by name or id, and keeps what is not sent', async () => {
    const { id, name } = await makeEntity({ metadata: { a: '1' }, policies: ['p'] });
    expect(said(await post('entity', { name: name.toUpperCase(), disabled: true }))).toEqual(done);
    expect((await get(`entity/id/${id}`)).body.data).toMatchObject({
      name: name.toUpperCase(),
      metadata: { a: '1' },
      policies: ['p'],
      disabled: true,
    });
    expect(said(await post('entity', { id, metadata: { b: '2' } }))).toEqual(done);
    expect(said(await post(`entity/id/${id}`, { policies: [], disabled: false }))).toEqual(done);
    expect((await get(`entity/id/${id}`)).body.data).toMatchObject({ metadata: { b: '2' }, policies: [], disabled: false });
  });

  test('is found by its new name only, once it is renamed', async () => {
    const { id, name } = await makeEntity();
    const next = fresh();
    await post(`entity/id/${id}`, { name: next });
    expect(said(await get(`entity/name/${name}`))).toEqual(nothingThere);
    expect((await get(`entity/name/${next}`)).body.data.id).toBe(id);
    const heir = await post('entity', { name });
    expect(heir.body.data.id).not.toBe(id);
  });

  test('cannot take the name of another', async () => {
    const [one, other] = [await makeEntity(), await makeEntity()];
    expect(said(await post(`entity/id/${one.id}`, { name: other.name }))).toEqual(refused(400, 'entity name is already in use'));
    expect(said(await post('entity', { id: one.id, name: other.name.toUpperCase() }))).toEqual(
      refused(400, 'entity name is already in use'),
    );
  });

  test.each(['root', ' Root '])('cannot have the policy %j', async (policy) => {
    expect(said(await post('entity', { name: fresh(), policies: [policy] }))).toEqual(refused(400, 'policies cannot contain root'));
  });

  const tooMany = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 'v']));
  test.each([
    [tooMany, 'metadata cannot contain more than 64 key/value pairs'],
    [{ 'a b': 'v' }, 'failed to load metadata pair "a b": key contains invalid characters'],
    [{ 'vault-x': 'v' }, 'failed to load metadata pair "vault-x": key prefix "vault-" is reserved for internal use'],
    [{ '': 'v' }, 'failed to load metadata pair "": key cannot be blank'],
    [{ k: 'v'.repeat(513) }, 'failed to load metadata pair "k": value is too long (limit: 512 characters)'],
    [{ ['k'.repeat(129)]: 'v' }, `failed to load metadata pair "${'k'.repeat(128)}": key is too long (limit: 128 characters)`],
  ])('has bounded metadata (%#)', async (metadata, why) => {
    expect(said(await post('entity', { name: fresh(), metadata }))).toEqual(refused(400, `invalid entity metadata: ${why}`));
  });

  test('that is not there cannot be changed by id, and its end is no news', async () => {
    expect(said(await post('entity/id/none', { name: fresh() }))).toEqual(refused(400, 'entity not found from id'));
    expect(said(await post('entity', { id: 'none' }))).toEqual(refused(400, 'entity not found from id'));
    for (const path of ['entity/id/none', 'entity/name/none']) {
      expect(said(await get(path))).toEqual(nothingThere);
      expect(said(await call('DELETE', `identity/${path}`))).toEqual(done);
    }
  });

  test('is listed by id and by name, with its aliases', async () => {
    const { id, name } = await makeEntity();
    const alias = await makeAlias(id);
    const ids = (await call('LIST', 'identity/entity/id')).body.data;
    const names = (await call('LIST', 'identity/entity/name')).body.data;
    expect(ids.keys).toContain(id);
    expect(names.keys).toContain(name);
    const info = { id: alias.id, name: alias.name, mount_accessor: accessors['one'], mount_path: 'auth/one/', mount_type: 'door' };
    expect(ids.key_info[id]).toEqual({ name, aliases: [info] });
    expect(Object.keys(names)).toEqual(['keys']);
  });

  test('goes alone or with others', async () => {
    const all = await Promise.all([makeEntity(), makeEntity(), makeEntity()]);
    const ids = all.map(({ id }) => id);
    expect(said(await post('entity/batch-delete', { entity_ids: [...ids, 'none'] }))).toEqual(done);
    for (const { id, name } of all) {
      expect(said(await get(`entity/id/${id}`))).toEqual(nothingThere);
      expect(said(await get(`entity/name/${name}`))).toEqual(nothingThere);
    }
    expect(said(await post('entity/batch-delete', {}))).toEqual(refused(400, 'missing entity ids to delete'));
  });
});

describe('an alias', () => {
  test('is told whole, under all three names of its routes', async () => {
    const { id: entity } = await makeEntity();
    const name = fresh();
    const answer = await post('entity-alias', {
      name,
      canonical_id: entity,
      mount_accessor: accessors['one'],
      custom_metadata: { k: 'v' },
    });
    expect(said(answer)).toEqual(shown({ canonical_id: entity, id: uuid }));
    const { id } = answer.body.data;
    const whole = shown({
      canonical_id: entity,
      creation_time: time,
      custom_metadata: { k: 'v' },
      id,
      last_update_time: time,
      local: false,
      merged_from_canonical_ids: null,
      metadata: null,
      mount_accessor: accessors['one'],
      mount_path: 'auth/one/',
      mount_type: 'door',
      name,
      namespace_id: 'root',
    });
    for (const word of ['entity-alias', 'alias', 'persona']) {
      expect(said(await get(`${word}/id/${id}`))).toEqual(whole);
      expect((await call('LIST', `identity/${word}/id`)).body.data.key_info[id]).toEqual({
        canonical_id: entity,
        custom_metadata: { k: 'v' },
        local: false,
        metadata: null,
        mount_accessor: accessors['one'],
        mount_path: 'auth/one/',
        mount_type: 'door',
        name,
      });
    }
    const { namespace_id: _, ...within } = (whole[1] as { data: Shape }).data as Shape & { namespace_id: string };
    expect((await get(`entity/id/${entity}`)).body.data.aliases).toEqual([within]);
  });

  test('leads the login of that name to its entity', async () => {
    const { id } = await makeEntity({ policies: ['brought'] });
    const { name } = await makeAlias(id);
    const { body } = await call('POST', `auth/one/login/${name}`, { token: null, body: {} });
    expect(body.auth).toMatchObject({ entity_id: id, identity_policies: ['brought'] });
  });

  test('without an entity makes one', async () => {
    const { body } = await post('persona', { name: fresh(), mount_accessor: accessors['one'] });
    expect((await get(`entity/id/${body.data.canonical_id}`)).body.data.aliases).toHaveLength(1);
  });

  test('takes the older name of its owner', async () => {
    const { id } = await makeEntity();
    const { body } = await post('alias', { name: fresh(), mount_accessor: accessors['one'], entity_id: id });
    expect(body.data.canonical_id).toBe(id);
  });

  test('is refused for what is not there', async () => {
    const { id } = await makeEntity();
    const [name, mount_accessor] = [fresh(), accessors['one']];
    expect(said(await post('entity-alias', { name, canonical_id: id, mount_accessor: 'nope' }))).toEqual(
      refused(400, 'invalid mount accessor "nope"'),
    );
    expect(said(await post('entity-alias', { name, canonical_id: 'nope', mount_accessor }))).toEqual(refused(400, 'invalid canonical ID'));
    expect(said(await post('entity-alias', { name }))).toEqual(refused(400, "'id' or 'mount_accessor' and 'name' must be provided"));
    expect(said(await post('entity-alias/id/none', { name }))).toEqual(refused(400, 'invalid alias ID provided'));
    expect(said(await get('entity-alias/id/none'))).toEqual(nothingThere);
    expect(said(await call('DELETE', 'identity/entity-alias/id/none'))).toEqual(done);
  });

  test('stands alone at its mount and in its entity', async () => {
    const [one, other] = [await makeEntity(), await makeEntity()];
    const [first, second] = [await makeAlias(one.id), await makeAlias(other.id)];
    expect(said(await post('entity-alias', { name: fresh(), canonical_id: one.id, mount_accessor: accessors['one'] }))).toEqual(
      refused(400, 'Alias already exists for requested entity and mount accessor'),
    );
    expect(said(await post(`entity-alias/id/${first.id}`, { name: second.name.toUpperCase() }))).toEqual(
      refused(400, 'alias with combination of mount accessor and name already exists'),
    );
    expect(said(await post(`entity-alias/id/${first.id}`, { canonical_id: other.id }))).toEqual(
      refused(400, 'Alias cannot be updated as the given entity already has an alias for this mount '),
    );
    await makeAlias(one.id, 'two');
    expect(said(await post(`entity-alias/id/${first.id}`, { mount_accessor: accessors['two'] }))).toEqual(
      refused(400, "Alias cannot be updated as the entity already has an alias for the given 'mount_accessor' "),
    );
  });

  test('is renamed, and found by its new name only', async () => {
    const { id: entity } = await makeEntity();
    const alias = await makeAlias(entity);
    const next = fresh();
    expect(said(await post(`entity-alias/id/${alias.id}`, { name: next }))).toEqual(shown({ canonical_id: entity, id: alias.id }));
    const lookup = (name: string) => post('lookup/entity', { alias_name: name, alias_mount_accessor: accessors['one'] as string });
    expect((await lookup(next)).body.data.id).toBe(entity);
    expect(said(await lookup(alias.name))).toEqual(done);
    expect(said(await post(`entity-alias/id/${alias.id}`, { name: next }))).toEqual(done);
  });

  test('moves to another entity', async () => {
    const [from, to] = [await makeEntity(), await makeEntity()];
    const alias = await makeAlias(from.id);
    expect(said(await post('entity-alias', { name: alias.name, mount_accessor: accessors['one'], canonical_id: to.id }))).toEqual(
      shown({ canonical_id: to.id, id: alias.id }),
    );
    expect((await get(`entity/id/${from.id}`)).body.data.aliases).toEqual([]);
    expect((await get(`entity-alias/id/${alias.id}`)).body.data.canonical_id).toBe(to.id);
    const { body } = await call('POST', `auth/one/login/${alias.name}`, { token: null, body: {} });
    expect(body.auth.entity_id).toBe(to.id);
  });

  test('of a local mount says so, and stays where it is', async () => {
    const [from, to] = [await makeEntity(), await makeEntity()];
    const alias = await makeAlias(from.id, 'three');
    expect((await get(`entity-alias/id/${alias.id}`)).body.data.local).toBe(true);
    expect(said(await post(`entity-alias/id/${alias.id}`, { canonical_id: to.id }))).toEqual(
      refused(400, "local aliases can't be moved between entities"),
    );
  });

  test('has bounded custom metadata', async () => {
    const { id } = await makeEntity();
    const answer = await post('entity-alias', {
      name: fresh(),
      canonical_id: id,
      mount_accessor: accessors['one'],
      custom_metadata: { k: '' },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0]).toMatch(/^custom_metadata validation failed/);
  });

  test('is gone with a word, and the next login makes a new entity', async () => {
    const { id } = await makeEntity();
    const alias = await makeAlias(id);
    expect(said(await call('DELETE', `identity/entity-alias/id/${alias.id}`))).toEqual(done);
    expect((await get(`entity/id/${id}`)).body.data.aliases).toEqual([]);
    const { body } = await call('POST', `auth/one/login/${alias.name}`, { token: null, body: {} });
    expect(body.auth.entity_id).not.toBe(id);
  });

  test('goes with its entity', async () => {
    const { id } = await makeEntity();
    const alias = await makeAlias(id);
    await call('DELETE', `identity/entity/id/${id}`);
    expect(said(await get(`entity-alias/id/${alias.id}`))).toEqual(nothingThere);
    expect((await makeAlias(await makeEntity().then((entity) => entity.id), 'one', { name: alias.name })).id).not.toBe(alias.id);
  });
});

describe('looking an entity up', () => {
  test('takes one way, whichever', async () => {
    const { id, name } = await makeEntity();
    const alias = await makeAlias(id);
    const ways: readonly Shape[] = [
      { id },
      { name },
      { alias_id: alias.id },
      { alias_name: alias.name.toUpperCase(), alias_mount_accessor: accessors['one'] },
    ];
    for (const way of ways) expect((await post('lookup/entity', way)).body.data).toMatchObject({ id, name });
  });

  test('finds nothing quietly', async () => {
    for (const way of [
      { id: 'none' },
      { name: 'none' },
      { alias_id: 'none' },
      { alias_name: 'none', alias_mount_accessor: 'none' },
      { name: '' },
    ])
      expect(said(await post('lookup/entity', way))).toEqual(done);
  });

  test('is refused with none, several, or half a way', async () => {
    const conflict = refused(400, 'query parameter conflict; please supply distinct set of query parameters');
    const half = refused(400, "both 'alias_name' and 'alias_mount_accessor' needs to be set");
    for (const path of ['lookup/entity', 'lookup/group']) {
      expect(said(await post(path, {}))).toEqual(refused(400, 'query parameter not supplied'));
      expect(said(await post(path, { id: 'a', name: 'b' }))).toEqual(conflict);
      expect(said(await post(path, { id: 'a', alias_name: 'b', alias_mount_accessor: 'c' }))).toEqual(conflict);
      expect(said(await post(path, { alias_name: 'b' }))).toEqual(half);
      expect(said(await post(path, { alias_mount_accessor: 'b' }))).toEqual(half);
    }
  });
});
