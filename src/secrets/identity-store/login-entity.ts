// The entity behind a login: found by its alias or made, with the metadata and the external groups that the mount tells of.

import type { Clock } from '../../base/clock.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { entityByFactors, entityByName, writeEntity } from './entities.ts';
import { groupByFactors, readGroup } from './groups.ts';
import {
  type AliasRecord,
  decodeEntity,
  decodeGroup,
  decodePointer,
  type EntityRecord,
  entityKey,
  factorsKey,
  type GroupRecord,
  groupKey,
  type Metadata,
} from './records.ts';

export interface LoginAlias {
  readonly mountAccessor: string;
  readonly name: string;
  readonly local: boolean;
  readonly metadata: Metadata | null;
  /** Names of groups as the mount knows them. */
  readonly groups: readonly string[];
}

export interface LoginEntityParts {
  /** Below the identity store's prefix. */
  readonly storage: Storage;
  readonly cached: Cached;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  /** Compares the caches with the store: what a login changed counts for its own token already. */
  readonly refresh: () => void | Promise<void>;
}

/** Writes only where something is new: the logins of one user after another change nothing. */
export async function entityForLogin(parts: LoginEntityParts, login: LoginAlias): Promise<EntityRecord> {
  const known = await entityByCache(parts.cached, login);
  if (known !== undefined && isCurrent(known.entity, login, known.groups)) return known.entity;
  const entity = await parts.storage.transact(async (transaction) => {
    const before = await entityByFactors(transaction, login.mountAccessor, login.name);
    const groups = await groupsInTransaction(transaction, before, login);
    if (before !== undefined && isCurrent(before, login, groups)) return before;
    const after =
      before === undefined ? await newEntity(parts, transaction, login, groups) : changed(before, login, groups, parts.clock.now());
    writeEntity(transaction, before, after);
    return after;
  });
  await parts.refresh();
  return entity;
}

export async function freeEntityName(reader: Pick<Transaction, 'get'>, random: RandomBytes): Promise<string> {
  for (;;) {
    const name = `entity_${Buffer.from(random(4)).toString('hex')}.root`;
    if ((await entityByName(reader, name)) === undefined) return name;
  }
}

async function entityByCache(
  cached: Cached,
  login: LoginAlias,
): Promise<{ readonly entity: EntityRecord; readonly groups: readonly string[] } | undefined> {
  const pointer = await cached(factorsKey('entity', login.mountAccessor, login.name), decodePointer);
  const entity = pointer === undefined ? undefined : await cached(entityKey(pointer.id), decodeEntity);
  if (entity === undefined) return undefined;
  const group = async (id: string) => cached(groupKey(id), decodeGroup);
  const groups = await groupsAfter(entity, login, group, async (name) => {
    const found = await cached(factorsKey('group', login.mountAccessor, name), decodePointer);
    return found === undefined ? undefined : group(found.id);
  });
  return { entity, groups };
}

function groupsInTransaction(transaction: Transaction, entity: EntityRecord | undefined, login: LoginAlias): Promise<readonly string[]> {
  return groupsAfter(
    entity,
    login,
    (id) => readGroup(transaction, id),
    (name) => groupByFactors(transaction, login.mountAccessor, name),
  );
}

/** External groups of the mount are those that it tells of; all others stay. */
async function groupsAfter(
  entity: EntityRecord | undefined,
  { groups: names, mountAccessor }: LoginAlias,
  byId: (id: string) => Promise<GroupRecord | undefined>,
  byName: (name: string) => Promise<GroupRecord | undefined>,
): Promise<readonly string[]> {
  const before = entity?.groups ?? [];
  const told = (await Promise.all(names.map(byName))).flatMap((group) => (group?.type === 'external' ? [group.id] : []));
  const kept: string[] = [];
  for (const id of before) {
    const group = await byId(id);
    const ofMount = group?.type === 'external' && (group.alias === undefined || group.alias.mountAccessor === mountAccessor);
    if (!ofMount || told.includes(id)) kept.push(id);
  }
  return [...new Set([...kept, ...told])];
}

function isCurrent(entity: EntityRecord, login: LoginAlias, groups: readonly string[]): boolean {
  const alias = aliasOf(entity, login);
  if (alias === undefined || groups.length !== entity.groups.length || groups.some((id, at) => id !== entity.groups[at])) return false;
  return sameMetadata(alias.metadata ?? {}, login.metadata ?? {});
}

function sameMetadata(one: Metadata, other: Metadata): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && one[name] === other[name]);
}

function aliasOf({ aliases }: EntityRecord, { mountAccessor, name }: LoginAlias): AliasRecord | undefined {
  return aliases.find((alias) => alias.mountAccessor === mountAccessor && alias.name.toLowerCase() === name.toLowerCase());
}

function changed(entity: EntityRecord, login: LoginAlias, groups: readonly string[], now: number): EntityRecord {
  const mine = aliasOf(entity, login);
  const aliases = entity.aliases.map((alias) => (alias === mine ? { ...alias, metadata: login.metadata, updated: now } : alias));
  return { ...entity, aliases, groups };
}

async function newEntity(
  { clock, random, uuid }: LoginEntityParts,
  transaction: Transaction,
  login: LoginAlias,
  groups: readonly string[],
): Promise<EntityRecord> {
  const now = clock.now();
  const { mountAccessor, name, local, metadata } = login;
  return {
    format: 1,
    id: uuid(),
    name: await freeEntityName(transaction, random),
    metadata: null,
    policies: [],
    disabled: false,
    created: now,
    updated: now,
    merged: [],
    aliases: [{ id: uuid(), name, mountAccessor, local, metadata, customMetadata: null, created: now, updated: now, mergedFrom: [] }],
    groups,
  };
}
