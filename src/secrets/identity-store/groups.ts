// Groups within a transaction: found by id, name or alias, written with their indexes, and kept free of circles.

import { Fault } from '../../base/fault.ts';
import type { Transaction } from '../../storage/storage.ts';
import { pointedId, type Reading, readEntity, writeAliases, writeEntity, writeMembership, writeName } from './entities.ts';
import { aliasKey, decodeGroup, encodeGroup, factorsKey, type GroupRecord, groupKey, membersPrefix, nameKey } from './records.ts';

export async function readGroup(reader: Reading, id: string): Promise<GroupRecord | undefined> {
  const stored = id === '' ? undefined : await reader.get(groupKey(id));
  return stored === undefined ? undefined : decodeGroup(stored);
}

export const groupByName = (reader: Reading, name: string): Promise<GroupRecord | undefined> =>
  pointedGroup(reader, nameKey('group', name));

export const groupByAlias = (reader: Reading, aliasId: string): Promise<GroupRecord | undefined> =>
  pointedGroup(reader, aliasKey('group', aliasId));

export const groupByFactors = (reader: Reading, mountAccessor: string, name: string): Promise<GroupRecord | undefined> =>
  pointedGroup(reader, factorsKey('group', mountAccessor, name));

async function pointedGroup(reader: Reading, key: string): Promise<GroupRecord | undefined> {
  const id = await pointedId(reader, key);
  return id === undefined ? undefined : readGroup(reader, id);
}

/** `before` is what stands in the store. */
export function writeGroup(transaction: Transaction, before: GroupRecord | undefined, after: GroupRecord): void {
  transaction.put(groupKey(after.id), encodeGroup(after));
  writeName(transaction, 'group', before, after);
  writeAliases(transaction, 'group', after.id, aliasesOf(before), aliasesOf(after));
  writeMembership(transaction, 'group', after.id, before?.parents ?? [], after.parents);
}

/** Its members lose it in the same commit. */
export async function removeGroup(transaction: Transaction, group: GroupRecord): Promise<void> {
  await setMemberEntities(transaction, group.id, []);
  await setMemberGroups(transaction, group.id, []);
  transaction.delete(groupKey(group.id));
  transaction.delete(nameKey('group', group.name));
  writeAliases(transaction, 'group', group.id, aliasesOf(group), []);
  writeMembership(transaction, 'group', group.id, group.parents, []);
}

export const memberEntities = (reader: Pick<Transaction, 'list'>, group: string): Promise<string[]> =>
  reader.list(membersPrefix('entity', group));

export const memberGroups = (reader: Pick<Transaction, 'list'>, group: string): Promise<string[]> =>
  reader.list(membersPrefix('group', group));

/** Throws Fault `engine-failed` for an entity that there is not. */
export async function setMemberEntities(transaction: Transaction, group: string, wanted: readonly string[]): Promise<void> {
  const { added, dropped } = difference(await memberEntities(transaction, group), wanted);
  for (const id of [...dropped, ...added]) {
    const entity = await readEntity(transaction, id);
    if (entity === undefined) throw new Fault('engine-failed', `invalid entity ID ${JSON.stringify(id)}`);
    writeEntity(transaction, entity, { ...entity, groups: toggled(entity.groups, group, added.includes(id)) });
  }
}

/** Throws Fault `engine-failed` for a group that there is not, `invalid-request` for one that would close a circle. */
export async function setMemberGroups(transaction: Transaction, group: string, wanted: readonly string[]): Promise<void> {
  const { added, dropped } = difference(await memberGroups(transaction, group), wanted);
  for (const id of [...dropped, ...added]) {
    const member = await readGroup(transaction, id);
    if (member === undefined) throw new Fault('engine-failed', `invalid member group ID ${JSON.stringify(id)}`);
    if (id === group) throw new Fault('engine-failed', `member group ID ${JSON.stringify(id)} is same as the ID of the group`);
    // Read with what this transaction has written already: two members may close a circle that neither closes alone.
    if (added.includes(id) && (await isAbove(transaction, id, group)))
      throw new Fault('invalid-request', `cyclic relationship detected for member group ID ${JSON.stringify(id)}`);
    writeGroup(transaction, member, { ...member, parents: toggled(member.parents, group, added.includes(id)) });
  }
}

/** Whether `group` is, over any number of steps, a member of `above`. */
async function isAbove(reader: Reading, above: string, group: string): Promise<boolean> {
  const seen = new Set<string>();
  const pending = [group];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const parent of (await readGroup(reader, id))?.parents ?? []) {
      if (parent === above) return true;
      pending.push(parent);
    }
  }
  return false;
}

function aliasesOf(group: GroupRecord | undefined): readonly NonNullable<GroupRecord['alias']>[] {
  return group?.alias === undefined ? [] : [group.alias];
}

function difference(before: readonly string[], after: readonly string[]): { readonly added: string[]; readonly dropped: string[] } {
  const wanted = new Set(after);
  const known = new Set(before);
  return { added: [...wanted].filter((id) => !known.has(id)), dropped: before.filter((id) => !wanted.has(id)) };
}

function toggled(ids: readonly string[], id: string, present: boolean): readonly string[] {
  const others = ids.filter((other) => other !== id);
  return present ? [...others, id] : others;
}
