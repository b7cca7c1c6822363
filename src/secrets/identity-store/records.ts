// What the identity store keeps: entities with their aliases, groups, and the keys that find them by id, by name and by alias.

import { sha256Hex } from '../../crypto/hash.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';

export type Metadata = Readonly<Record<string, string>>;

/** One name under which a mount knows an entity, or a group. Times in milliseconds since the epoch. */
export interface AliasRecord {
  readonly id: string;
  readonly name: string;
  readonly mountAccessor: string;
  /** Given by the login; replaced by the next one that gives something else. */
  readonly metadata: Metadata | null;
  readonly customMetadata: Metadata | null;
  /** Of the mount, when the alias was made. */
  readonly local: boolean;
  readonly created: number;
  readonly updated: number;
  /** Entities that it belonged to before they were merged. */
  readonly mergedFrom: readonly string[];
}

export interface EntityRecord {
  readonly format: 1;
  readonly id: string;
  readonly name: string;
  readonly metadata: Metadata | null;
  readonly policies: readonly string[];
  readonly disabled: boolean;
  readonly created: number;
  readonly updated: number;
  /** Entities that became part of this one: their ids still lead here. */
  readonly merged: readonly string[];
  readonly aliases: readonly AliasRecord[];
  /** Groups that it is a direct member of, so that one read tells whose policies it has. */
  readonly groups: readonly string[];
}

export interface GroupRecord {
  readonly format: 1;
  readonly id: string;
  readonly name: string;
  readonly type: 'internal' | 'external';
  readonly policies: readonly string[];
  readonly metadata: Metadata | null;
  /** Groups that it is a direct member of. */
  readonly parents: readonly string[];
  readonly created: number;
  readonly updated: number;
  /** Counts the writes. */
  readonly modifyIndex: number;
  /** Of an external group: the mount's name for it. */
  readonly alias?: AliasRecord;
}

/** What an index entry points to. */
export interface Pointer {
  readonly format: 1;
  readonly id: string;
}

/** Below the store's own prefix. */
export const identityPrefix = 'sys/identity/';

export const layout = {
  entities: 'entity/id/',
  groups: 'group/id/',
  entityAliases: 'entity-alias/id/',
  groupAliases: 'group-alias/id/',
} as const;

/** Whether the index is that of entities or that of groups. */
export type Sort = 'entity' | 'group';

export const entityKey = (id: string): string => layout.entities + id;
export const groupKey = (id: string): string => layout.groups + id;
export const mergedKey = (id: string): string => `merged/${id}`;
export const aliasKey = (sort: Sort, id: string): string => `${sort}-alias/id/${id}`;

/** Names may be long and hold slashes, and their case does not count: the index names them by digest. */
export const nameKey = (sort: Sort, name: string): string => `${sort}/name/${sha256Hex(name.toLowerCase())}`;

export const factorsKey = (sort: Sort, mountAccessor: string, name: string): string =>
  `${sort}-alias/factors/${sha256Hex(`${mountAccessor}/${name.toLowerCase()}`)}`;

/** Members of a group, one entry each: a login that joins one does not write the others again. */
export const membersPrefix = (sort: Sort, group: string): string => `group/members/${sort}/${group}/`;

export const encodePointer = (id: string): Uint8Array => encodeEntry<Pointer>({ format: 1, id });

export const decodePointer = (bytes: Uint8Array): Pointer => decodeEntry<Pointer>(bytes, 'an index of the identity store');
export const encodeEntity = (entity: EntityRecord): Uint8Array => encodeEntry(entity);
export const decodeEntity = (bytes: Uint8Array): EntityRecord => decodeEntry<EntityRecord>(bytes, 'an entity');
export const encodeGroup = (group: GroupRecord): Uint8Array => encodeEntry(group);
export const decodeGroup = (bytes: Uint8Array): GroupRecord => decodeEntry<GroupRecord>(bytes, 'a group');
