// Handlers of identity/entity.

import type { identity } from '../../api/identity.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { Answer, EngineRequest, Handlers } from '../core/engine.ts';
import { entityByName, readEntity, removeEntity, writeEntity } from './entities.ts';
import { type IdentityParts, mountsByAccessor, readAll, refused, required } from './handling.ts';
import { freeEntityName } from './login-entity.ts';
import { mergeEntities } from './merging.ts';
import { checkedMetadata, checkedPolicies } from './metadata.ts';
import { decodeEntity, type EntityRecord, layout, type Metadata } from './records.ts';
import { aliasInfo, describeEntity } from './views.ts';

type EntityHandlers = Pick<
  Handlers<typeof identity>,
  'entity' | 'entityIds' | 'entityById' | 'entityNames' | 'entityByName' | 'entityBatchDelete' | 'entityMerge'
>;

export function entityHandlers(parts: IdentityParts): EntityHandlers {
  const { storage } = parts;
  const byId = (id: string | undefined) => readEntity(storage, id ?? '');
  const byName = (name: string | undefined) => entityByName(storage, name ?? '');
  const remove = async (find: (transaction: Transaction) => Promise<EntityRecord | undefined>): Promise<undefined> => {
    await storage.transact(async (transaction) => {
      const entity = await find(transaction);
      if (entity !== undefined) removeEntity(transaction, entity);
    });
    return undefined;
  };
  return {
    entity: { write: (input) => write(parts, input) },
    entityIds: { list: (_, request) => list(parts, request, 'id') },
    entityById: {
      read: async ({ id }) => shown(parts, await byId(id)),
      write: (input) => write(parts, input),
      delete: ({ id = '' }) => remove((transaction) => readEntity(transaction, id)),
    },
    entityNames: { list: (_, request) => list(parts, request, 'name') },
    entityByName: {
      read: async ({ name }) => shown(parts, await byName(required(name, 'missing entity name'))),
      write: (input) => write(parts, input),
      delete: ({ name }) => remove((transaction) => entityByName(transaction, required(name, 'missing entity name'))),
    },
    entityBatchDelete: {
      async write({ entity_ids = [] }) {
        if (entity_ids.length === 0) throw refused('missing entity ids to delete');
        for (const id of new Set(entity_ids)) await remove((transaction) => readEntity(transaction, id));
        return undefined;
      },
    },
    entityMerge: {
      async write({ to_entity_id, from_entity_ids = [], conflicting_alias_ids_to_keep = [] }) {
        const into = required(to_entity_id, 'missing entity id to merge to');
        if (from_entity_ids.length === 0) throw refused('missing entity ids to merge from');
        await mergeEntities(parts, { into, from: [...new Set(from_entity_ids)], keep: conflicting_alias_ids_to_keep });
        return undefined;
      },
    },
  };
}

/** As identity/entity and the lookups show it; undefined for none. */
export async function shown(parts: IdentityParts, entity: EntityRecord | undefined): Promise<Answer | undefined> {
  if (entity === undefined) return undefined;
  const subject = await parts.subjects.of(entity.id);
  const ids = (groups: readonly { readonly id: string }[] | undefined) => (groups ?? []).map(({ id }) => id);
  const groups = { direct: ids(subject?.direct), inherited: ids(subject?.inherited) };
  return { data: describeEntity(entity, groups, await mountsByAccessor(parts)) };
}

interface EntityInput {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
}

/** An answer for a new entity; none for one that was there. */
async function write(parts: IdentityParts, input: EntityInput): Promise<Answer | undefined> {
  const { id = '', name = '' } = input;
  const policies = input.policies === undefined ? undefined : checkedPolicies(input.policies);
  const metadata = input.metadata === undefined ? undefined : checkedMetadata(input.metadata, 'invalid entity metadata');
  return parts.storage.transact(async (transaction) => {
    const before = await target(transaction, id, name);
    const known = before ?? (await fresh(parts, transaction, name));
    const after: EntityRecord = {
      ...known,
      name: name === '' ? known.name : name,
      policies: policies ?? known.policies,
      metadata: metadata === undefined ? known.metadata : metadata,
      disabled: input.disabled ?? known.disabled,
      updated: parts.clock.now(),
    };
    writeEntity(transaction, before, after);
    return before === undefined ? { data: { aliases: null, id: after.id, name: after.name } } : undefined;
  });
}

async function target(transaction: Transaction, id: string, name: string): Promise<EntityRecord | undefined> {
  const byId = id === '' ? undefined : await readEntity(transaction, id);
  if (id !== '' && byId === undefined) throw refused('entity not found from id');
  const byName = name === '' ? undefined : await entityByName(transaction, name);
  if (byId !== undefined && byName !== undefined && byId.id !== byName.id) throw refused('entity name is already in use');
  return byId ?? byName;
}

export async function fresh({ clock, random, uuid }: IdentityParts, transaction: Transaction, name: string): Promise<EntityRecord> {
  const now = clock.now();
  return {
    format: 1,
    id: uuid(),
    name: name === '' ? await freeEntityName(transaction, random) : name,
    metadata: null,
    policies: [],
    disabled: false,
    created: now,
    updated: now,
    merged: [],
    aliases: [],
    groups: [],
  };
}

/** What is known of each goes by its id, so a list of names has none. */
async function list(parts: IdentityParts, { signal }: EngineRequest, by: 'id' | 'name'): Promise<Answer> {
  const entities = await readAll(parts.storage, layout.entities, decodeEntity, signal);
  const keys = entities.map((entity) => entity[by]).sort();
  if (keys.length === 0 || by === 'name') return { data: { keys } };
  const mountOf = await mountsByAccessor(parts);
  const info = entities.map(({ id, name, aliases }) => [
    id,
    { ...(aliases.length === 0 ? {} : { aliases: aliases.map((alias) => aliasInfo(alias, mountOf)) }), name },
  ]);
  return { data: { key_info: Object.fromEntries(info), keys } };
}
