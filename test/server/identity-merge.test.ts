// Entities made one: what goes over, what is asked, what is refused.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { done, nothingThere, refused, type Shape, said } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

vi.mock('../../src/secrets/engines/transit/kind.ts', async () => ({ transit: (await import('./door-method.ts')).doorKind }));

const { call } = sharedServer();
const post = (path: string, body: Shape) => call('POST', `identity/${path}`, { body });
const get = (path: string) => call('GET', `identity/${path}`);
const accessors: Record<string, string> = {};

beforeAll(async () => {
  await call('POST', 'sys/auth/one', { body: { type: 'door' } });
  accessors['one'] = (await call('GET', 'sys/auth/one')).body.data.accessor;
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

describe('merging', () => {
  const merge = (into: string, from: readonly string[], more: Shape = {}) =>
    post('entity/merge', { to_entity_id: into, from_entity_ids: from, ...more });

  test('brings aliases, groups and tokens under one entity', async () => {
    const [into, from] = [await makeEntity({ policies: ['kept'] }), await makeEntity({ policies: ['lost'] })];
    const alias = await makeAlias(from.id);
    const { body: group } = await post('group', { name: fresh(), policies: ['grouped'], member_entity_ids: [from.id] });
    const { body: before } = await call('POST', `auth/one/login/${alias.name}`, { token: null, body: {} });
    expect(said(await merge(into.id, [from.id]))).toEqual(done);
    expect(said(await get(`entity/id/${from.id}`))).toEqual(nothingThere);
    expect(said(await get(`entity/name/${from.name}`))).toEqual(nothingThere);
    const { body } = await get(`entity/id/${into.id}`);
    expect(body.data).toMatchObject({
      merged_entity_ids: [from.id],
      direct_group_ids: [group.data.id],
      policies: ['kept'],
      aliases: [{ id: alias.id, canonical_id: into.id, merged_from_canonical_ids: [from.id] }],
    });
    expect((await get(`group/id/${group.data.id}`)).body.data.member_entity_ids).toEqual([into.id]);
    const self = await call('GET', 'auth/token/lookup-self', { token: before.auth.client_token });
    expect(self.body.data.identity_policies).toEqual(['kept', 'grouped']);
    const { body: after } = await call('POST', `auth/one/login/${alias.name}`, { token: null, body: {} });
    expect(after.auth.entity_id).toBe(into.id);
  });

  test('twice still leads the first tokens to the last entity', async () => {
    const [last, middle, first] = [await makeEntity({ policies: ['last'] }), await makeEntity(), await makeEntity()];
    const alias = await makeAlias(first.id);
    const { body } = await call('POST', `auth/one/login/${alias.name}`, { token: null, body: {} });
    await merge(middle.id, [first.id]);
    await merge(last.id, [middle.id]);
    expect((await get(`entity/id/${last.id}`)).body.data.merged_entity_ids).toEqual([first.id, middle.id]);
    const self = () => call('GET', 'auth/token/lookup-self', { token: body.auth.client_token });
    expect((await self()).body.data.identity_policies).toEqual(['last']);
    await call('DELETE', `identity/entity/id/${last.id}`);
    expect((await self()).status).toBe(403);
  });

  test('asks which alias to keep where both have one of the same mount', async () => {
    const [into, from] = [await makeEntity(), await makeEntity()];
    const [mine, theirs] = [await makeAlias(into.id), await makeAlias(from.id)];
    const clash = await merge(into.id, [from.id]);
    expect(clash.status).toBe(400);
    expect(clash.body.errors[0]).toBe(
      '2 errors occurred:\n\t* toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge request specifying exactly one fromEntity, clashes: ' +
        `\n\t* mountAccessor: ${accessors['one']}, toEntity ID: ${into.id}, fromEntity ID: ${from.id}, conflicting toEntity alias ID: ${mine.id}, conflicting fromEntity alias ID: ${theirs.id}\n\n`,
    );
    expect(clash.body.data).toEqual([
      { alias: mine.name, entity: into.name, entity_id: into.id, mount: 'door', mount_path: 'auth/one/' },
      { alias: theirs.name, entity: from.name, entity_id: from.id, mount: 'door', mount_path: 'auth/one/' },
    ]);
    expect((await merge(into.id, [from.id], { conflicting_alias_ids_to_keep: ['neither'] })).status).toBe(400);
    expect((await get(`entity/id/${from.id}`)).status).toBe(200);
    expect(said(await merge(into.id, [from.id], { conflicting_alias_ids_to_keep: [theirs.id] }))).toEqual(done);
    expect((await get(`entity/id/${into.id}`)).body.data.aliases).toMatchObject([{ id: theirs.id }]);
    expect(said(await get(`entity-alias/id/${mine.id}`))).toEqual(nothingThere);
  });

  test('keeps the alias of the entity that is left, when that is the one to keep', async () => {
    const [into, from] = [await makeEntity(), await makeEntity()];
    const [mine, theirs] = [await makeAlias(into.id), await makeAlias(from.id)];
    await merge(into.id, [from.id], { conflicting_alias_ids_to_keep: [mine.id] });
    expect((await get(`entity/id/${into.id}`)).body.data.aliases).toMatchObject([{ id: mine.id }]);
    expect(said(await get(`entity-alias/id/${theirs.id}`))).toEqual(nothingThere);
  });

  test('is refused for what cannot be merged', async () => {
    const [into, from, third] = [await makeEntity(), await makeEntity(), await makeEntity()];
    await makeAlias(from.id);
    await makeAlias(third.id);
    expect(said(await post('entity/merge', { from_entity_ids: [from.id] }))).toEqual(refused(400, 'missing entity id to merge to'));
    expect(said(await post('entity/merge', { to_entity_id: into.id }))).toEqual(refused(400, 'missing entity ids to merge from'));
    expect(said(await merge('none', [from.id]))).toEqual(refused(400, 'entity id to merge to is invalid'));
    expect(said(await merge(into.id, ['none']))).toEqual(refused(400, 'entity id to merge from is invalid'));
    expect(said(await merge(into.id, [into.id]))).toEqual(refused(400, 'to_entity_id should not be present in from_entity_ids'));
    expect(said(await merge(into.id, [from.id, third.id]))).toEqual(
      refused(400, `mount accessor ${accessors['one']} found in multiple fromEntities, merge should be done with one fromEntity at a time`),
    );
    expect(said(await merge(into.id, [from.id, third.id], { conflicting_alias_ids_to_keep: ['a', 'b'] }))).toEqual(
      refused(400, 'aliases conflicts cannot be resolved with multiple from entity ids - merge one entity at a time'),
    );
  });
});
