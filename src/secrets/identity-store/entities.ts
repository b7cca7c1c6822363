// Entities within a transaction: found by id, name or alias, and written together with every index that leads to them.

import type { Transaction } from '../../storage/storage.ts';
import {
  type AliasRecord,
  aliasKey,
  decodeEntity,
  decodePointer,
  type EntityRecord,
  encodeEntity,
  encodePointer,
  entityKey,
  factorsKey,
  membersPrefix,
  mergedKey,
  nameKey,
  type Sort,
} from './records.ts';

export type Reading = Pick<Transaction, 'get'>;

export async function readEntity(reader: Reading, id: string): Promise<EntityRecord | undefined> {
  const stored = id === '' ? undefined : await reader.get(entityKey(id));
  return stored === undefined ? undefined : decodeEntity(stored);
}

/** Also by the id of an entity that was merged into it. */
export async function currentEntity(reader: Reading, id: string): Promise<EntityRecord | undefined> {
  return (await readEntity(reader, id)) ?? (await pointedEntity(reader, mergedKey(id)));
}

export const entityByName = (reader: Reading, name: string): Promise<EntityRecord | undefined> =>
  pointedEntity(reader, nameKey('entity', name));

export const entityByAlias = (reader: Reading, aliasId: string): Promise<EntityRecord | undefined> =>
  pointedEntity(reader, aliasKey('entity', aliasId));

export const entityByFactors = (reader: Reading, mountAccessor: string, name: string): Promise<EntityRecord | undefined> =>
  pointedEntity(reader, factorsKey('entity', mountAccessor, name));

async function pointedEntity(reader: Reading, key: string): Promise<EntityRecord | undefined> {
  const id = await pointedId(reader, key);
  return id === undefined ? undefined : readEntity(reader, id);
}

export async function pointedId(reader: Reading, key: string): Promise<string | undefined> {
  const stored = await reader.get(key);
  return stored === undefined ? undefined : decodePointer(stored).id;
}

/** `before` is what stands in the store. Where something moves from one entity to another, the one that loses it is written first. */
export function writeEntity(transaction: Transaction, before: EntityRecord | undefined, after: EntityRecord): void {
  transaction.put(entityKey(after.id), encodeEntity(after));
  writeName(transaction, 'entity', before, after);
  writeAliases(transaction, 'entity', after.id, before?.aliases ?? [], after.aliases);
  writeMembership(transaction, 'entity', after.id, before?.groups ?? [], after.groups);
  for (const id of after.merged) if (before?.merged.includes(id) !== true) transaction.put(mergedKey(id), encodePointer(after.id));
}

/** Nothing leads to it any more, and no group counts it. */
export function removeEntity(transaction: Transaction, entity: EntityRecord): void {
  transaction.delete(entityKey(entity.id));
  transaction.delete(nameKey('entity', entity.name));
  writeAliases(transaction, 'entity', entity.id, entity.aliases, []);
  writeMembership(transaction, 'entity', entity.id, entity.groups, []);
  for (const id of entity.merged) transaction.delete(mergedKey(id));
}

interface Named {
  readonly id: string;
  readonly name: string;
}

export function writeName(transaction: Transaction, sort: Sort, before: Named | undefined, after: Named): void {
  if (before?.name === after.name) return;
  if (before !== undefined) transaction.delete(nameKey(sort, before.name));
  transaction.put(nameKey(sort, after.name), encodePointer(after.id));
}

export function writeAliases(
  transaction: Transaction,
  sort: Sort,
  owner: string,
  before: readonly AliasRecord[],
  after: readonly AliasRecord[],
): void {
  const same = (one: AliasRecord) => (other: AliasRecord) =>
    one.id === other.id && one.name === other.name && one.mountAccessor === other.mountAccessor;
  for (const alias of before) {
    if (after.some(same(alias))) continue;
    transaction.delete(aliasKey(sort, alias.id));
    transaction.delete(factorsKey(sort, alias.mountAccessor, alias.name));
  }
  for (const alias of after) {
    if (before.some(same(alias))) continue;
    transaction.put(aliasKey(sort, alias.id), encodePointer(owner));
    transaction.put(factorsKey(sort, alias.mountAccessor, alias.name), encodePointer(owner));
  }
}

export function writeMembership(
  transaction: Transaction,
  sort: Sort,
  member: string,
  before: readonly string[],
  after: readonly string[],
): void {
  for (const group of before) if (!after.includes(group)) transaction.delete(membersPrefix(sort, group) + member);
  for (const group of after) if (!before.includes(group)) transaction.put(membersPrefix(sort, group) + member, encodePointer(member));
}
