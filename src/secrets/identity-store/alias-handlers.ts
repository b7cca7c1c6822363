// Handlers of identity/entity-alias and its older names.

import type { identity } from '../../api/identity.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { Answer, EngineRequest, Handlers } from '../core/engine.ts';
import { entityByAlias, entityByFactors, readEntity, writeEntity } from './entities.ts';
import { fresh } from './entity-handlers.ts';
import { type IdentityParts, type KnownMount, knownMount, mountsByAccessor, readAll, refused, required } from './handling.ts';
import { checkedCustomMetadata } from './metadata.ts';
import { type AliasRecord, decodeEntity, type EntityRecord, layout, type Metadata } from './records.ts';
import { aliasListInfo, describeAlias } from './views.ts';

type AliasHandlers = Pick<
  Handlers<typeof identity>,
  'entityAlias' | 'entityAliasIds' | 'entityAliasById' | 'alias' | 'aliasIds' | 'aliasById' | 'persona' | 'personaIds' | 'personaById'
>;

export function aliasHandlers(parts: IdentityParts): AliasHandlers {
  const one: AliasHandlers['entityAlias'] = { write: (input) => write(parts, input) };
  const ids: AliasHandlers['entityAliasIds'] = { list: (_, request) => list(parts, request) };
  const byId: AliasHandlers['entityAliasById'] = {
    read: ({ id }) => read(parts, required(id, 'missing alias id')),
    write: (input) => write(parts, input),
    delete: ({ id }) => remove(parts, required(id, 'missing alias ID')),
  };
  return {
    entityAlias: one,
    entityAliasIds: ids,
    entityAliasById: byId,
    alias: one,
    aliasIds: ids,
    aliasById: byId,
    persona: one,
    personaIds: ids,
    personaById: byId,
  };
}

async function read(parts: IdentityParts, id: string): Promise<Answer | undefined> {
  const entity = await entityByAlias(parts.storage, id);
  const alias = entity?.aliases.find((one) => one.id === id);
  if (entity === undefined || alias === undefined) return undefined;
  return { data: describeAlias(alias, entity.id, await mountsByAccessor(parts)) };
}

async function remove({ storage }: IdentityParts, id: string): Promise<undefined> {
  await storage.transact(async (transaction) => {
    const entity = await entityByAlias(transaction, id);
    if (entity !== undefined) writeEntity(transaction, entity, { ...entity, aliases: entity.aliases.filter((alias) => alias.id !== id) });
  });
  return undefined;
}

async function list(parts: IdentityParts, { signal }: EngineRequest): Promise<Answer> {
  const mountOf = await mountsByAccessor(parts);
  const entities = await readAll(parts.storage, layout.entities, decodeEntity, signal);
  const info = entities.flatMap(({ id, aliases }) => aliases.map((alias) => [alias.id, aliasListInfo(alias, id, mountOf)] as const));
  if (info.length === 0) return { data: { keys: [] } };
  return { data: { key_info: Object.fromEntries(info), keys: info.map(([id]) => id).sort() } };
}

interface AliasInput {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly mount_accessor?: string | undefined;
  readonly canonical_id?: string | undefined;
  readonly entity_id?: string | undefined;
  readonly custom_metadata?: Metadata | undefined;
}

interface Wanted {
  readonly name: string;
  readonly mountAccessor: string;
  /** Empty where the owner stays, or is to be made. */
  readonly owner: string;
  readonly customMetadata: Metadata | null;
}

async function write(parts: IdentityParts, input: AliasInput): Promise<Answer | undefined> {
  const { id = '', name = '', mount_accessor: mountAccessor = '' } = input;
  const owner = input.canonical_id || input.entity_id || '';
  const customMetadata = input.custom_metadata === undefined ? undefined : checkedCustomMetadata(input.custom_metadata);
  if (id === '') {
    if (mountAccessor === '' || name === '') throw refused("'id' or 'mount_accessor' and 'name' must be provided");
    const mount = await knownMount(parts, mountAccessor);
    const wanted: Wanted = { name, mountAccessor, owner, customMetadata: customMetadata ?? null };
    return parts.storage.transact(async (transaction) => {
      const entity = await entityByFactors(transaction, mountAccessor, name);
      const alias = entity?.aliases.find((one) => one.mountAccessor === mountAccessor && one.name.toLowerCase() === name.toLowerCase());
      if (entity === undefined || alias === undefined) return make(parts, transaction, wanted, mount);
      return change(parts, transaction, { entity, alias }, wanted);
    });
  }
  return parts.storage.transact(async (transaction) => {
    const entity = await entityByAlias(transaction, id);
    const alias = entity?.aliases.find((one) => one.id === id);
    if (entity === undefined || alias === undefined) throw refused('invalid alias ID provided');
    return change(
      parts,
      transaction,
      { entity, alias },
      {
        name: name || alias.name,
        mountAccessor: mountAccessor || alias.mountAccessor,
        owner,
        customMetadata: customMetadata === undefined ? alias.customMetadata : customMetadata,
      },
    );
  });
}

async function make(parts: IdentityParts, transaction: Transaction, wanted: Wanted, mount: KnownMount): Promise<Answer> {
  const { name, mountAccessor, owner, customMetadata } = wanted;
  const before = owner === '' ? undefined : await readEntity(transaction, owner);
  if (owner !== '' && before === undefined) throw refused('invalid canonical ID');
  const entity = before ?? (await fresh(parts, transaction, ''));
  if (holds(entity, mountAccessor)) throw refused('Alias already exists for requested entity and mount accessor');
  const now = parts.clock.now();
  const alias: AliasRecord = {
    id: parts.uuid(),
    name,
    mountAccessor,
    metadata: null,
    customMetadata,
    local: mount.local,
    created: now,
    updated: now,
    mergedFrom: [],
  };
  writeEntity(transaction, before, { ...entity, aliases: [...entity.aliases, alias] });
  return made(alias.id, entity.id);
}

interface Found {
  readonly entity: EntityRecord;
  readonly alias: AliasRecord;
}

/** undefined where nothing changes. */
async function change(
  parts: IdentityParts,
  transaction: Transaction,
  { entity, alias }: Found,
  wanted: Wanted,
): Promise<Answer | undefined> {
  const { name, mountAccessor, customMetadata } = wanted;
  const moves = wanted.owner !== '' && wanted.owner !== entity.id;
  const stays = name === alias.name && mountAccessor === alias.mountAccessor && same(customMetadata, alias.customMetadata);
  if (stays && !moves) return undefined;
  if (!moves && mountAccessor !== alias.mountAccessor && holds(entity, mountAccessor))
    throw refused("Alias cannot be updated as the entity already has an alias for the given 'mount_accessor' ");
  const mount = await knownMount(parts, mountAccessor);
  const taken = await entityByFactors(transaction, mountAccessor, name);
  if (taken?.aliases.some((one) => one.id !== alias.id && isCalled(one, wanted)) === true)
    throw refused('alias with combination of mount accessor and name already exists');
  const next: AliasRecord = { ...alias, name, mountAccessor, customMetadata, local: mount.local, updated: parts.clock.now() };
  if (!moves) {
    writeEntity(transaction, entity, { ...entity, aliases: entity.aliases.map((one) => (one.id === alias.id ? next : one)) });
    return made(alias.id, entity.id);
  }
  if (mount.local) throw refused("local aliases can't be moved between entities");
  const owner = await readEntity(transaction, wanted.owner);
  if (owner === undefined) throw refused("given 'canonical_id' is not associated with an entity");
  if (holds(owner, mountAccessor)) throw refused('Alias cannot be updated as the given entity already has an alias for this mount ');
  writeEntity(transaction, entity, { ...entity, aliases: entity.aliases.filter(({ id }) => id !== alias.id) });
  writeEntity(transaction, owner, { ...owner, aliases: [...owner.aliases, next] });
  return made(alias.id, owner.id);
}

function made(id: string, owner: string): Answer {
  return { data: { canonical_id: owner, id } };
}

function holds({ aliases }: EntityRecord, mountAccessor: string): boolean {
  return aliases.some((alias) => alias.mountAccessor === mountAccessor);
}

function isCalled(alias: AliasRecord, { name, mountAccessor }: Wanted): boolean {
  return alias.mountAccessor === mountAccessor && alias.name.toLowerCase() === name.toLowerCase();
}

function same(one: Metadata | null, other: Metadata | null): boolean {
  const names = Object.keys(one ?? {});
  return names.length === Object.keys(other ?? {}).length && names.every((name) => one?.[name] === other?.[name]);
}
