// Several entities made one: aliases and groups go over, and the old ids lead to the entity that is left.

import { Fault } from '../../base/fault.ts';
import type { Transaction } from '../../storage/storage.ts';
import { readEntity, removeEntity, writeEntity } from './entities.ts';
import { type IdentityParts, mountsByAccessor, refused } from './handling.ts';
import type { AliasRecord, EntityRecord } from './records.ts';
import type { MountOf } from './views.ts';

export interface Merge {
  readonly into: string;
  /** Each once. */
  readonly from: readonly string[];
  /** Ids of aliases that are kept where both entities have one of the same mount. */
  readonly keep: readonly string[];
}

/** Throws Fault `invalid-request`; for aliases in each other's way with all of them beside the errors. */
export async function mergeEntities(parts: IdentityParts, merge: Merge): Promise<void> {
  const mountOf = await mountsByAccessor(parts);
  await parts.storage.transact(async (transaction) => {
    const before = await readEntity(transaction, merge.into);
    if (before === undefined) throw refused('entity id to merge to is invalid');
    if (merge.from.length > 1 && merge.keep.length > 1)
      throw refused('aliases conflicts cannot be resolved with multiple from entity ids - merge one entity at a time');
    const others = await readOthers(transaction, merge);
    if (merge.keep.length === 0) checkClashes(before, others, mountOf);
    let after = before;
    for (const other of others) {
      removeEntity(transaction, other);
      after = absorbed(after, other, merge.keep, parts.clock.now());
    }
    writeEntity(transaction, before, after);
  });
}

async function readOthers(transaction: Transaction, { into, from }: Merge): Promise<EntityRecord[]> {
  const others: EntityRecord[] = [];
  for (const id of from) {
    if (id === into) throw refused('to_entity_id should not be present in from_entity_ids');
    const other = await readEntity(transaction, id);
    if (other === undefined) throw refused('entity id to merge from is invalid');
    others.push(other);
  }
  return others;
}

function absorbed(into: EntityRecord, other: EntityRecord, keep: readonly string[], now: number): EntityRecord {
  const dropped = new Set<string>();
  for (const theirs of other.aliases)
    for (const mine of into.aliases) if (mine.mountAccessor === theirs.mountAccessor) dropped.add(droppedOf(mine, theirs, keep));
  const moved = other.aliases.map((alias) => ({ ...alias, mergedFrom: [...alias.mergedFrom, other.id] }));
  return {
    ...into,
    aliases: [...into.aliases, ...moved].filter(({ id }) => !dropped.has(id)),
    groups: [...new Set([...into.groups, ...other.groups])],
    merged: [...into.merged, ...other.merged, other.id],
    updated: now,
  };
}

function droppedOf(mine: AliasRecord, theirs: AliasRecord, keep: readonly string[]): string {
  if (keep.includes(mine.id)) return theirs.id;
  if (keep.includes(theirs.id)) return mine.id;
  throw refused(
    `conflicting mount accessors in following alias IDs and neither were present in conflicting_alias_ids_to_keep: ${theirs.id}, ${mine.id}`,
  );
}

/** All of them, so that whoever merges sees at once what to decide. */
function checkClashes(into: EntityRecord, others: readonly EntityRecord[], mountOf: MountOf): void {
  const owners = new Map<string, string>();
  const clashes: { readonly mine: AliasRecord; readonly theirs: AliasRecord; readonly other: EntityRecord }[] = [];
  for (const other of others)
    for (const theirs of other.aliases) {
      if ((owners.get(theirs.mountAccessor) ?? other.id) !== other.id)
        throw refused(
          `mount accessor ${theirs.mountAccessor} found in multiple fromEntities, merge should be done with one fromEntity at a time`,
        );
      owners.set(theirs.mountAccessor, other.id);
      for (const mine of into.aliases) if (mine.mountAccessor === theirs.mountAccessor) clashes.push({ mine, theirs, other });
    }
  if (clashes.length === 0) return;
  const lines = clashes.map(
    ({ mine, theirs, other }) =>
      `mountAccessor: ${mine.mountAccessor}, toEntity ID: ${into.id}, fromEntity ID: ${other.id}, conflicting toEntity alias ID: ${mine.id}, conflicting fromEntity alias ID: ${theirs.id}`,
  );
  const told = (alias: AliasRecord, entity: EntityRecord) => ({
    alias: alias.name,
    entity: entity.name,
    entity_id: entity.id,
    mount: mountOf(alias.mountAccessor)?.type ?? '',
    mount_path: mountOf(alias.mountAccessor)?.path ?? '',
  });
  const involved: unknown = clashes.flatMap(({ mine, theirs, other }) => [told(mine, into), told(theirs, other)]);
  throw new Fault('invalid-request', framed([clashText, ...lines]), { data: involved as Record<string, unknown> });
}

const clashText =
  'toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge request specifying exactly one fromEntity, clashes: ';

/** As Go prints a list of errors. */
function framed(errors: readonly string[]): string {
  return `${errors.length} errors occurred:\n${errors.map((error) => `\t* ${error}\n`).join('')}\n`;
}
