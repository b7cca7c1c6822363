// Handlers of identity/group.

import type { identity } from '../../api/identity.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { Answer, EngineRequest, Handlers } from '../core/engine.ts';
import {
  groupByName,
  memberEntities,
  memberGroups,
  readGroup,
  removeGroup,
  setMemberEntities,
  setMemberGroups,
  writeGroup,
} from './groups.ts';
import { type IdentityParts, mountsByAccessor, readAll, refused, required } from './handling.ts';
import { checkedMetadata, checkedPolicies } from './metadata.ts';
import { decodeGroup, type GroupRecord, layout, type Metadata } from './records.ts';
import { aliasInfo, describeGroup } from './views.ts';

type GroupHandlers = Pick<Handlers<typeof identity>, 'group' | 'groupIds' | 'groupById' | 'groupNames' | 'groupByName'>;

export function groupHandlers(parts: IdentityParts): GroupHandlers {
  const { storage } = parts;
  const remove = async (find: (transaction: Transaction) => Promise<GroupRecord | undefined>): Promise<undefined> => {
    await storage.transact(async (transaction) => {
      const group = await find(transaction);
      if (group !== undefined) await removeGroup(transaction, group);
    });
    return undefined;
  };
  return {
    group: { write: (input) => write(parts, input) },
    groupIds: { list: (_, request) => list(parts, request, 'id') },
    groupById: {
      read: async ({ id }) => shown(parts, await readGroup(storage, required(id, 'empty group ID'))),
      write: (input) => write(parts, input),
      delete: ({ id = '' }) => remove((transaction) => readGroup(transaction, id)),
    },
    groupNames: { list: (_, request) => list(parts, request, 'name') },
    groupByName: {
      read: async ({ name }) => shown(parts, await groupByName(storage, required(name, 'empty group name'))),
      write: (input) => write(parts, input),
      delete: ({ name }) => remove((transaction) => groupByName(transaction, required(name, 'empty group name'))),
    },
  };
}

/** As identity/group and the lookups show it; undefined for none. */
export async function shown(parts: IdentityParts, group: GroupRecord | undefined): Promise<Answer | undefined> {
  if (group === undefined) return undefined;
  const members = { entities: await memberEntities(parts.storage, group.id), groups: await memberGroups(parts.storage, group.id) };
  return { data: describeGroup(group, members, await mountsByAccessor(parts)) };
}

interface GroupInput {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly member_entity_ids?: readonly string[] | undefined;
  readonly member_group_ids?: readonly string[] | undefined;
}

/** An answer for a new group; none for one that was there. */
async function write(parts: IdentityParts, input: GroupInput): Promise<Answer | undefined> {
  const { member_entity_ids: entities, member_group_ids: groups } = input;
  const policies = input.policies === undefined ? undefined : checkedPolicies(input.policies);
  const metadata = input.metadata === undefined ? undefined : checkedMetadata(input.metadata, 'invalid group metadata');
  return parts.storage.transact(async (transaction) => {
    const before = await target(transaction, input);
    const known = before ?? (await fresh(parts, transaction, { name: input.name ?? '', type: typeOf(input.type || 'internal') }));
    if (before !== undefined && input.type !== undefined && input.type !== before.type) throw refused('group type cannot be changed');
    if (known.type === 'external') checkExternal(entities, groups);
    writeGroup(transaction, before, {
      ...known,
      name: input.name || known.name,
      policies: policies ?? known.policies,
      metadata: metadata === undefined ? known.metadata : metadata,
      updated: parts.clock.now(),
      modifyIndex: known.modifyIndex + 1,
    });
    if (entities !== undefined) await setMemberEntities(transaction, known.id, entities);
    if (groups !== undefined) await setMemberGroups(transaction, known.id, groups);
    return before === undefined ? { data: { id: known.id, name: input.name || known.name } } : undefined;
  });
}

async function target(transaction: Transaction, { id, name = '' }: GroupInput): Promise<GroupRecord | undefined> {
  const byName = name === '' ? undefined : await groupByName(transaction, name);
  if (id === undefined) return byName;
  const byId = await readGroup(transaction, required(id, 'empty group ID'));
  if (byId === undefined) throw refused('invalid group ID');
  if (byName !== undefined && byName.id !== byId.id) throw refused('group name is already in use');
  return byId;
}

function typeOf(type: string): GroupRecord['type'] {
  if (type !== 'internal' && type !== 'external') throw refused(`invalid group type ${JSON.stringify(type)}`);
  return type;
}

/** Its members are those whose logins say so. */
function checkExternal(entities: readonly string[] | undefined, groups: readonly string[] | undefined): void {
  if (entities !== undefined) throw refused("member entities can't be set manually for external groups");
  if (groups !== undefined) throw refused("member groups can't be set for external groups");
}

export async function fresh(
  { clock, random, uuid }: IdentityParts,
  transaction: Transaction,
  { name, type }: Pick<GroupRecord, 'name' | 'type'>,
): Promise<GroupRecord> {
  const now = clock.now();
  return {
    format: 1,
    id: uuid(),
    name: name === '' ? await freeGroupName(transaction, random) : name,
    type,
    policies: [],
    metadata: null,
    parents: [],
    created: now,
    updated: now,
    modifyIndex: 0,
  };
}

async function freeGroupName(transaction: Transaction, random: RandomBytes): Promise<string> {
  for (;;) {
    const name = `group_${Buffer.from(random(4)).toString('hex')}.root`;
    if ((await groupByName(transaction, name)) === undefined) return name;
  }
}

/** What is known of each goes by its id, so a list of names has none. */
async function list(parts: IdentityParts, { signal }: EngineRequest, by: 'id' | 'name'): Promise<Answer> {
  const groups = await readAll(parts.storage, layout.groups, decodeGroup, signal);
  const keys = groups.map((group) => group[by]).sort();
  if (keys.length === 0 || by === 'name') return { data: { keys } };
  const mountOf = await mountsByAccessor(parts);
  const info: (readonly [string, unknown])[] = [];
  for (const { id, name, alias, parents } of groups) {
    const members = (await memberEntities(parts.storage, id)).length;
    const shownAlias = alias === undefined ? {} : { alias: aliasInfo(alias, mountOf) };
    info.push([id, { ...shownAlias, name, num_member_entities: members, num_parent_groups: parents.length }]);
  }
  return { data: { key_info: Object.fromEntries(info), keys } };
}
