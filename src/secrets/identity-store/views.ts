// Entities, groups and aliases as they are shown, sorted by name as on the wire.

import { rfc3339 } from '../../base/times.ts';
import type { AliasRecord, EntityRecord, GroupRecord } from './records.ts';

/** What an alias tells of its mount; nothing for a mount that is gone. */
export interface ShownMount {
  /** As requests name it: `auth/userpass/`. */
  readonly path: string;
  readonly type: string;
}

export type MountOf = (accessor: string) => ShownMount | undefined;

type Shown = Record<string, unknown>;

export function describeEntity(
  entity: EntityRecord,
  groups: { readonly direct: readonly string[]; readonly inherited: readonly string[] },
  mountOf: MountOf,
): Shown {
  return {
    aliases: entity.aliases.map((alias) => aliasOfEntity(alias, entity.id, mountOf)),
    creation_time: rfc3339(entity.created),
    direct_group_ids: groups.direct,
    disabled: entity.disabled,
    group_ids: [...groups.direct, ...groups.inherited],
    id: entity.id,
    inherited_group_ids: groups.inherited,
    last_update_time: rfc3339(entity.updated),
    merged_entity_ids: listed(entity.merged),
    metadata: entity.metadata,
    name: entity.name,
    namespace_id: 'root',
    policies: entity.policies,
  };
}

/** Within its entity. */
function aliasOfEntity(alias: AliasRecord, owner: string, mountOf: MountOf): Shown {
  const { namespace_id, ...shown } = describeAlias(alias, owner, mountOf);
  return shown;
}

export function describeAlias(alias: AliasRecord, owner: string, mountOf: MountOf): Shown {
  const { mount_accessor, mount_path, mount_type } = mountFields(alias, mountOf);
  return {
    canonical_id: owner,
    creation_time: rfc3339(alias.created),
    custom_metadata: alias.customMetadata,
    id: alias.id,
    last_update_time: rfc3339(alias.updated),
    local: alias.local,
    merged_from_canonical_ids: listed(alias.mergedFrom),
    metadata: alias.metadata,
    mount_accessor,
    ...(mount_path === undefined ? {} : { mount_path, mount_type }),
    name: alias.name,
    namespace_id: 'root',
  };
}

export function describeGroup(
  group: GroupRecord,
  members: { readonly entities: readonly string[]; readonly groups: readonly string[] },
  mountOf: MountOf,
): Shown {
  return {
    alias: group.alias === undefined ? {} : describeGroupAlias(group.alias, group.id, mountOf),
    creation_time: rfc3339(group.created),
    id: group.id,
    last_update_time: rfc3339(group.updated),
    member_entity_ids: listed(members.entities),
    member_group_ids: listed(members.groups),
    metadata: group.metadata,
    modify_index: group.modifyIndex,
    name: group.name,
    namespace_id: 'root',
    parent_group_ids: listed(group.parents),
    policies: listed(group.policies),
    type: group.type,
  };
}

/** Within its group, an alias is shown without what only aliases of entities have. */
function describeGroupAlias(alias: AliasRecord, owner: string, mountOf: MountOf): Shown {
  const { custom_metadata, local, namespace_id, ...shown } = describeAlias(alias, owner, mountOf);
  return shown;
}

/** In lists of entities and groups. */
export function aliasInfo(alias: AliasRecord, mountOf: MountOf): Shown {
  return { id: alias.id, name: alias.name, ...mountFields(alias, mountOf) };
}

/** In lists of aliases. */
export function aliasListInfo(alias: AliasRecord, owner: string, mountOf: MountOf): Shown {
  const { mount_accessor, mount_path, mount_type } = mountFields(alias, mountOf);
  return {
    canonical_id: owner,
    custom_metadata: alias.customMetadata,
    local: alias.local,
    metadata: alias.metadata,
    mount_accessor,
    ...(mount_path === undefined ? {} : { mount_path, mount_type }),
    name: alias.name,
  };
}

interface MountFields {
  readonly mount_accessor: string;
  readonly mount_path?: string;
  readonly mount_type?: string;
}

function mountFields({ mountAccessor }: AliasRecord, mountOf: MountOf): MountFields {
  const mount = mountOf(mountAccessor);
  return { mount_accessor: mountAccessor, ...(mount === undefined ? {} : { mount_path: mount.path, mount_type: mount.type }) };
}

/** Go tells an empty list of these as null. */
function listed(ids: readonly string[]): readonly string[] | null {
  return ids.length === 0 ? null : ids;
}
