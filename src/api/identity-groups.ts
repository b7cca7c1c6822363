// Routes of the identity store for groups and their aliases.

import { commas, integer, map, pairs, text, texts, time } from '../schema/fields.ts';
import { shownAlias } from './identity-entities.ts';

const id = { id: text('Id') } as const;
const keys = { keys: texts('Ids'), key_info: map('What is known of each, by id') } as const;
const names = { keys: texts('Names') } as const;

export const shownGroup = {
  alias: map('The name under which a mount knows an external group'),
  creation_time: time('When it was made'),
  id: text('Id'),
  last_update_time: time('When it was changed last'),
  member_entity_ids: texts('Entities that are members'),
  member_group_ids: texts('Groups that are members'),
  metadata: map('Metadata'),
  modify_index: integer('Counts the writes'),
  name: text('Name'),
  namespace_id: text('Namespace'),
  parent_group_ids: texts('Groups that it is a member of'),
  policies: texts('Policies of its members, and of the members of its member groups'),
  type: text('internal or external'),
} as const;

const groupInput = {
  type: text('internal: members are set here. external: members are those whose login tells of its alias'),
  metadata: pairs('Metadata; policies may refer to it'),
  policies: commas('Policies of its members, and of the members of its member groups'),
  member_entity_ids: commas('Entities that are members; replaces those that were'),
  member_group_ids: commas('Groups that are members; replaces those that were'),
} as const;
const made = { id: text('Id'), name: text('Name') } as const;

const aliasInput = {
  name: text('As the mount knows it'),
  mount_accessor: text('Accessor of the mount'),
  canonical_id: text('The external group that it belongs to; without one a group is made'),
} as const;
const aliasMade = { id: text('Id of the alias'), canonical_id: text('The group that it belongs to') } as const;

export const groupRoutes = {
  group: {
    path: 'group',
    summary: 'Make or change a group.',
    help: 'Members of a group have its policies. Groups may be members of groups, but not of themselves over any number of steps.',
    fields: { ...id, name: text('Name') },
    operations: { write: { summary: 'Make it, or change the one with this id or name.', input: groupInput, output: made } },
  },
  groupIds: {
    path: 'group/id',
    summary: 'List the groups by id.',
    help: 'With the name of each, and how many members it has.',
    fields: {},
    operations: { list: { summary: 'List the ids.', output: keys } },
  },
  groupById: {
    path: 'group/id/{id}',
    summary: 'One group, by its id.',
    help: 'Members of a deleted group lose its policies at once.',
    fields: id,
    operations: {
      read: { summary: 'Read it.', output: shownGroup },
      write: { summary: 'Change it.', input: { name: text('Name'), ...groupInput }, output: made },
      delete: { summary: 'Delete it.' },
    },
  },
  groupNames: {
    path: 'group/name',
    summary: 'List the groups by name.',
    help: 'The list by id tells how many members each has.',
    fields: {},
    operations: { list: { summary: 'List the names.', output: names } },
  },
  groupByName: {
    path: 'group/name/{name...}',
    summary: 'One group, by its name.',
    help: 'The case of names does not count.',
    fields: { name: text('Name') },
    operations: {
      read: { summary: 'Read it.', output: shownGroup },
      write: { summary: 'Make or change it.', input: { ...id, ...groupInput }, output: made },
      delete: { summary: 'Delete it.' },
    },
  },
  groupAlias: {
    path: 'group-alias',
    summary: 'Make or change the alias of an external group.',
    help: 'Whoever logs in through the mount, and is counted to the group of this name there, is a member.',
    fields: { ...id, ...aliasInput },
    operations: { write: { summary: 'Make it, or change the one with this id.', output: aliasMade } },
  },
  groupAliasIds: {
    path: 'group-alias/id',
    summary: 'List the aliases of groups.',
    help: 'With the mount and the name of each.',
    fields: {},
    operations: { list: { summary: 'List the ids.', output: keys } },
  },
  groupAliasById: {
    path: 'group-alias/id/{id}',
    summary: 'One alias of a group.',
    help: 'Without its alias an external group gets no new members.',
    fields: id,
    operations: {
      read: { summary: 'Read it.', output: shownAlias },
      write: { summary: 'Change it, or move it to another group.', input: aliasInput, output: aliasMade },
      delete: { summary: 'Delete it.' },
    },
  },
} as const;
