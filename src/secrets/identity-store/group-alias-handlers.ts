// Handlers of identity/group-alias.

import type { identity } from '../../api/identity.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { Answer, EngineRequest, Handlers } from '../core/engine.ts';
import { fresh } from './group-handlers.ts';
import { groupByAlias, groupByFactors, readGroup, writeGroup } from './groups.ts';
import { type IdentityParts, knownMount, mountsByAccessor, readAll, refused, required } from './handling.ts';
import { type AliasRecord, decodeGroup, type GroupRecord, layout } from './records.ts';
import { aliasListInfo, describeAlias } from './views.ts';

type GroupAliasHandlers = Pick<Handlers<typeof identity>, 'groupAlias' | 'groupAliasIds' | 'groupAliasById'>;

export function groupAliasHandlers(parts: IdentityParts): GroupAliasHandlers {
  return {
    groupAlias: { write: (input) => write(parts, input) },
    groupAliasIds: { list: (_, request) => list(parts, request) },
    groupAliasById: {
      async read({ id }) {
        const group = await groupByAlias(parts.storage, required(id, 'empty group alias id'));
        return group?.alias === undefined ? undefined : { data: describeAlias(group.alias, group.id, await mountsByAccessor(parts)) };
      },
      write: (input) => write(parts, input),
      async delete({ id }) {
        await parts.storage.transact(async (transaction) => {
          const group = await groupByAlias(transaction, required(id, 'missing group alias ID'));
          if (group !== undefined) writeGroup(transaction, group, withoutAlias(group));
        });
        return undefined;
      },
    },
  };
}

async function list(parts: IdentityParts, { signal }: EngineRequest): Promise<Answer> {
  const mountOf = await mountsByAccessor(parts);
  const groups = await readAll(parts.storage, layout.groups, decodeGroup, signal);
  const info = groups.flatMap(({ id, alias }) => (alias === undefined ? [] : [[alias.id, aliasListInfo(alias, id, mountOf)] as const]));
  if (info.length === 0) return { data: { keys: [] } };
  return { data: { key_info: Object.fromEntries(info), keys: info.map(([id]) => id).sort() } };
}

interface AliasInput {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly mount_accessor?: string | undefined;
  readonly canonical_id?: string | undefined;
}

/** undefined where nothing changes. */
async function write(parts: IdentityParts, input: AliasInput): Promise<Answer | undefined> {
  if (input.id === '') throw refused('empty group alias ID');
  return parts.storage.transact(async (transaction) => {
    const owner = await ownerOf(transaction, input.id);
    const before = owner?.alias;
    const name = required(input.name, 'missing alias name');
    const mountAccessor = required(input.mount_accessor, 'missing mount_accessor');
    const { canonical_id: canonicalId = '' } = input;
    if (before?.name === name && before.mountAccessor === mountAccessor && (canonicalId === '' || canonicalId === owner?.id))
      return undefined;
    const wanted = canonicalId === '' ? undefined : await externalGroup(transaction, canonicalId);
    await checkFree(parts, transaction, { name, mountAccessor, before });
    const alias = aliasOf(parts, before, { name, mountAccessor });
    return { data: { canonical_id: await give(parts, transaction, alias, { owner, target: wanted ?? owner }), id: alias.id } };
  });
}

async function ownerOf(transaction: Transaction, aliasId: string | undefined): Promise<GroupRecord | undefined> {
  if (aliasId === undefined) return undefined;
  const owner = await groupByAlias(transaction, aliasId);
  if (owner?.alias === undefined) throw refused('invalid group alias ID');
  return owner;
}

async function checkFree(
  parts: IdentityParts,
  transaction: Transaction,
  { name, mountAccessor, before }: Pick<AliasRecord, 'name' | 'mountAccessor'> & { readonly before: AliasRecord | undefined },
): Promise<void> {
  const mount = await knownMount(parts, mountAccessor);
  if (mount.local) throw refused(`mount accessor ${JSON.stringify(mountAccessor)} is a local mount`);
  const taken = await groupByFactors(transaction, mountAccessor, name);
  if (taken !== undefined && taken.alias?.id !== before?.id) throw refused('combination of mount and group alias name is already in use');
}

/** Takes the alias from its owner, and makes a group where there is none. Resolves to the id of the group that has it now. */
async function give(
  parts: IdentityParts,
  transaction: Transaction,
  alias: AliasRecord,
  { owner, target }: { readonly owner: GroupRecord | undefined; readonly target: GroupRecord | undefined },
): Promise<string> {
  if (owner !== undefined && target?.id !== owner.id) writeGroup(transaction, owner, withoutAlias(owner));
  const group = target ?? (await fresh(parts, transaction, { name: '', type: 'external' }));
  writeGroup(transaction, target, { ...group, alias, updated: alias.updated, modifyIndex: group.modifyIndex + 1 });
  return group.id;
}

async function externalGroup(transaction: Transaction, id: string): Promise<GroupRecord> {
  const group = await readGroup(transaction, id);
  if (group === undefined) throw refused("invalid group ID given in 'canonical_id'");
  if (group.type !== 'external') throw refused("alias can't be set on an internal group");
  return group;
}

function aliasOf(
  { clock, uuid }: IdentityParts,
  before: AliasRecord | undefined,
  called: Pick<AliasRecord, 'name' | 'mountAccessor'>,
): AliasRecord {
  const now = clock.now();
  if (before !== undefined) return { ...before, ...called, updated: now };
  return { id: uuid(), ...called, metadata: null, customMetadata: null, local: false, created: now, updated: now, mergedFrom: [] };
}

function withoutAlias({ alias, ...group }: GroupRecord): GroupRecord {
  return group;
}
