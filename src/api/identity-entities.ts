// Routes of the identity store for entities and their aliases, under today's names and the older ones.

import type { Fields } from '../schema/fields.ts';
import { bool, commas, map, pairs, text, texts, time } from '../schema/fields.ts';

const id = { id: text('Id') } as const;
const keys = { keys: texts('Ids'), key_info: map('What is known of each, by id') } as const;
const names = { keys: texts('Names') } as const;

export const shownAlias = {
  canonical_id: text('The entity or group that it belongs to'),
  creation_time: time('When it was made'),
  custom_metadata: map('Metadata given by operators'),
  id: text('Id'),
  last_update_time: time('When it was changed last'),
  local: bool('Whether its mount is local'),
  merged_from_canonical_ids: texts('Entities that it belonged to before'),
  metadata: map('Metadata given by the login'),
  mount_accessor: text('Accessor of its mount'),
  mount_path: text('Path of its mount'),
  mount_type: text('Type of its mount'),
  name: text('As the mount knows it'),
  namespace_id: text('Namespace'),
} as const;

export const shownEntity = {
  aliases: map('Its aliases'),
  creation_time: time('When it was made'),
  direct_group_ids: texts('Groups that it is a member of'),
  disabled: bool('Whether its tokens are refused'),
  group_ids: texts('All of its groups'),
  id: text('Id'),
  inherited_group_ids: texts('Groups that its groups are members of'),
  last_update_time: time('When it was changed last'),
  merged_entity_ids: texts('Entities that became part of it'),
  metadata: map('Metadata'),
  name: text('Name'),
  namespace_id: text('Namespace'),
  policies: texts('Policies that its tokens have beside their own'),
} as const;

const entityInput = {
  metadata: pairs('Metadata; policies may refer to it'),
  policies: commas('Policies that its tokens have beside their own'),
  disabled: bool('Refuse its tokens, without revoking them'),
} as const;

const made = { id: text('Id'), name: text('Name'), aliases: texts('Ids of its aliases') } as const;
const aliasInput = {
  name: text('As the mount knows it'),
  mount_accessor: text('Accessor of the mount'),
  canonical_id: text('The entity that it belongs to; without one an entity is made'),
  entity_id: text('The older name of canonical_id', { deprecated: true }),
  custom_metadata: pairs('Metadata; policies may refer to it'),
} as const;
const aliasMade = { id: text('Id of the alias'), canonical_id: text('The entity that it belongs to') } as const;

export const entityRoutes = {
  entity: {
    path: 'entity',
    summary: 'Make or change an entity.',
    help: 'An entity is a person or a machine, under whatever names the auth methods know it.',
    fields: { ...id, name: text('Name') },
    operations: { write: { summary: 'Make it, or change the one with this id or name.', input: entityInput, output: made } },
  },
  entityIds: {
    path: 'entity/id',
    summary: 'List the entities by id.',
    help: 'With the name and the aliases of each.',
    fields: {},
    operations: { list: { summary: 'List the ids.', output: keys } },
  },
  entityById: {
    path: 'entity/id/{id}',
    summary: 'One entity, by its id.',
    help: 'Deleting an entity makes its tokens useless; they end when their time is over.',
    fields: id,
    operations: {
      read: { summary: 'Read it.', output: shownEntity },
      write: { summary: 'Change it.', input: { name: text('Name'), ...entityInput }, output: made },
      delete: { summary: 'Delete it with its aliases.' },
    },
  },
  entityNames: {
    path: 'entity/name',
    summary: 'List the entities by name.',
    help: 'The list by id has their aliases as well.',
    fields: {},
    operations: { list: { summary: 'List the names.', output: names } },
  },
  entityByName: {
    path: 'entity/name/{name...}',
    summary: 'One entity, by its name.',
    help: 'The case of names does not count.',
    fields: { name: text('Name') },
    operations: {
      read: { summary: 'Read it.', output: shownEntity },
      write: { summary: 'Make or change it.', input: { ...id, ...entityInput }, output: made },
      delete: { summary: 'Delete it with its aliases.' },
    },
  },
  entityBatchDelete: {
    path: 'entity/batch-delete',
    summary: 'Delete several entities.',
    help: 'Ids that lead to no entity are passed over.',
    fields: {},
    operations: { write: { summary: 'Delete them.', input: { entity_ids: commas('Ids of the entities') } } },
  },
  entityMerge: {
    path: 'entity/merge',
    summary: 'Make several entities one.',
    help: 'Aliases and groups go over to the entity that is left, and tokens of the others become its tokens.',
    fields: {},
    operations: {
      write: {
        summary: 'Merge them.',
        input: {
          to_entity_id: text('The entity that is left'),
          from_entity_ids: commas('The entities that become part of it'),
          conflicting_alias_ids_to_keep: commas('Which alias to keep where both have one of the same mount'),
          force: bool('Accepted for the sake of clients: there are no MFA secrets to be lost'),
        },
        output: { error: text('Why nothing was merged'), data: map('Aliases that are in the way') },
      },
    },
  },
} as const;

/** Three names for the same routes: `persona` and `alias` are what clients of long ago send. */
function aliasRoutes<const Path extends string>(path: Path) {
  return {
    one: {
      path,
      summary: 'Make or change an alias of an entity.',
      help: 'An alias is the name under which one auth mount knows an entity. An entity has one per mount at most.',
      fields: { ...id, ...aliasInput },
      operations: { write: { summary: 'Make it, or change the one with this id or this mount and name.', output: aliasMade } },
    },
    ids: {
      path: `${path}/id`,
      summary: 'List the aliases of entities.',
      help: 'With the mount and the name of each.',
      fields: {},
      operations: { list: { summary: 'List the ids.', output: keys } },
    },
    byId: {
      path: `${path}/id/{id}`,
      summary: 'One alias of an entity.',
      help: 'The next login under a deleted alias makes a new entity.',
      fields: id,
      operations: {
        read: { summary: 'Read it.', output: shownAlias },
        write: { summary: 'Change it, or move it to another entity.', input: aliasInput, output: aliasMade },
        delete: { summary: 'Delete it.' },
      },
    },
  } as const;
}

const today = aliasRoutes('entity-alias');
const older = aliasRoutes('alias');
const oldest = aliasRoutes('persona');

export const entityAliasRoutes = {
  entityAlias: today.one,
  entityAliasIds: today.ids,
  entityAliasById: today.byId,
  alias: older.one,
  aliasIds: older.ids,
  aliasById: older.byId,
  persona: oldest.one,
  personaIds: oldest.ids,
  personaById: oldest.byId,
} as const;

export const lookupFields = {
  id: text('Id'),
  name: text('Name'),
  alias_id: text('Id of an alias'),
  alias_name: text('Name of an alias; with alias_mount_accessor'),
  alias_mount_accessor: text('Accessor of the mount of an alias; with alias_name'),
} as const satisfies Fields;
