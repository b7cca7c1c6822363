// The sound requests of the identity store. Names, metadata and policies are no secrets: what is marked here is what would be one by mistake.

import { type Call, type Known, marked } from './canary.ts';

/** What the first part brings and the second one needs. */
const ids = { accessor: '', entity: '', other: '', alias: '', group: '', groupAlias: '' };
type Id = keyof typeof ids;

const learns =
  (name: Id): NonNullable<Call['learn']> =>
  ({ body }) => {
    ids[name] = body.data.id;
  };

export const identityMounts = (_known: Known): readonly Call[] => [
  {
    route: 'sys-mounts.auth.read',
    path: 'sys/auth/token',
    learn: ({ body }) => {
      ids.accessor = body.data.accessor;
    },
  },
  { route: 'identity.entity.write', path: 'identity/entity', body: { name: 'ann', metadata: { team: 'x' } }, learn: learns('entity') },
  { route: 'identity.entityByName.write', path: 'identity/entity/name/bob', body: { policies: ['p'] }, learn: learns('other') },
  {
    route: 'identity.entity.write',
    path: 'identity/entity',
    body: { name: 'cleo', metadata: { 'not a key': marked('metadata') } },
    status: 400,
  },
];

export const identityMade = (_known: Known): readonly Call[] => [
  {
    route: 'identity.entityAlias.write',
    path: 'identity/entity-alias',
    body: { name: 'ann', canonical_id: ids.entity, mount_accessor: ids.accessor },
    learn: learns('alias'),
  },
  { route: 'identity.alias.write', path: 'identity/alias', body: { name: 'bo', mount_accessor: ids.accessor } },
  { route: 'identity.persona.write', path: 'identity/persona', body: { name: 'cy', mount_accessor: ids.accessor } },
  {
    route: 'identity.group.write',
    path: 'identity/group',
    body: { name: 'devs', type: 'external' },
    learn: learns('group'),
  },
  { route: 'identity.groupByName.write', path: 'identity/group/name/ops', body: { member_entity_ids: [ids.entity] } },
  {
    route: 'identity.groupAlias.write',
    path: 'identity/group-alias',
    body: { name: 'devs', canonical_id: ids.group, mount_accessor: ids.accessor },
    learn: learns('groupAlias'),
  },
];

const aliasCalls = (route: 'entityAlias' | 'alias' | 'persona', path: string): readonly Call[] => [
  { route: `identity.${route}ById.read`, path: `identity/${path}/id/${ids.alias}` },
  { route: `identity.${route}ById.write`, path: `identity/${path}/id/${ids.alias}`, body: { name: `ann-${path}` } },
  { route: `identity.${route}Ids.list`, path: `identity/${path}/id` },
];

export const identityUsed = (_known: Known): readonly Call[] => [
  { route: 'identity.entityById.read', path: `identity/entity/id/${ids.entity}` },
  { route: 'identity.entityById.write', path: `identity/entity/id/${ids.entity}`, body: { disabled: false } },
  { route: 'identity.entityByName.read', path: 'identity/entity/name/ann' },
  { route: 'identity.entityIds.list', path: 'identity/entity/id' },
  { route: 'identity.entityNames.list', path: 'identity/entity/name' },
  ...aliasCalls('entityAlias', 'entity-alias'),
  ...aliasCalls('alias', 'alias'),
  ...aliasCalls('persona', 'persona'),
  { route: 'identity.groupById.read', path: `identity/group/id/${ids.group}` },
  { route: 'identity.groupById.write', path: `identity/group/id/${ids.group}`, body: { policies: ['p'] } },
  { route: 'identity.groupByName.read', path: 'identity/group/name/ops' },
  { route: 'identity.groupIds.list', path: 'identity/group/id' },
  { route: 'identity.groupNames.list', path: 'identity/group/name' },
  { route: 'identity.groupAliasById.read', path: `identity/group-alias/id/${ids.groupAlias}` },
  {
    route: 'identity.groupAliasById.write',
    path: `identity/group-alias/id/${ids.groupAlias}`,
    body: { name: 'developers', mount_accessor: ids.accessor },
  },
  { route: 'identity.groupAliasIds.list', path: 'identity/group-alias/id' },
  { route: 'identity.lookupEntity.write', path: 'identity/lookup/entity', body: { name: 'ann' } },
  { route: 'identity.lookupGroup.write', path: 'identity/lookup/group', body: { name: marked('group') } },
  { route: 'identity.entityMerge.write', path: 'identity/entity/merge', body: { to_entity_id: ids.entity, from_entity_ids: [ids.other] } },
  { route: 'identity.groupAliasById.delete', path: `identity/group-alias/id/${ids.groupAlias}` },
  { route: 'identity.groupById.delete', path: `identity/group/id/${ids.group}` },
  { route: 'identity.groupByName.delete', path: 'identity/group/name/ops' },
  { route: 'identity.entityAliasById.delete', path: `identity/entity-alias/id/${ids.alias}` },
  { route: 'identity.aliasById.delete', path: `identity/alias/id/${ids.alias}` },
  { route: 'identity.personaById.delete', path: `identity/persona/id/${ids.alias}` },
  { route: 'identity.entityByName.delete', path: 'identity/entity/name/bob' },
  { route: 'identity.entityById.delete', path: `identity/entity/id/${ids.entity}` },
  { route: 'identity.entityBatchDelete.write', path: 'identity/entity/batch-delete', body: { entity_ids: [ids.other] } },
];
