// Who a token stands for: its entity and the groups that hold it, with the policies and template values they bring, as of now.

import type { Cached } from '../core/engine.ts';
import { sanitizePolicies } from '../identity/policy-names.ts';
import type { Templating } from '../policies/templates.ts';
import {
  decodeEntity,
  decodeGroup,
  decodePointer,
  type EntityRecord,
  entityKey,
  type GroupRecord,
  groupKey,
  mergedKey,
} from './records.ts';
import { templatingOf } from './template-values.ts';

export interface Subject {
  readonly entity: EntityRecord;
  /** Groups that hold the entity itself. */
  readonly direct: readonly GroupRecord[];
  /** Groups that hold one of its groups, over any number of steps. */
  readonly inherited: readonly GroupRecord[];
  /** The entity's, then those of its groups; each once. */
  readonly policies: readonly string[];
  readonly templating: Templating;
  /** These and its own, sorted, each once. The same list for the same list, as long as nothing changes. */
  together(policies: readonly string[]): readonly string[];
}

export interface Subjects {
  /** At once where all of it is remembered and unchanged; undefined for an entity that is gone. */
  of(entityId: string): Subject | undefined | Promise<Subject | undefined>;
}

/** An entry that the subject was made from. */
interface Source {
  readonly key: string;
  readonly decode: (bytes: Uint8Array) => object;
  readonly record: object;
}

interface Known {
  readonly subject: Subject;
  readonly sources: readonly Source[];
}

const keptSubjects = 10_000;

/** `cached` reads below the identity store's prefix; what it returns is the same object until the entry changes. */
export function createSubjects(cached: Cached): Subjects {
  const remembered = new Map<string, Known>();

  const resolve = async (entityId: string): Promise<Subject | undefined> => {
    const known = await resolveSubject(cached, entityId);
    remembered.delete(entityId);
    if (known === undefined) return undefined;
    remembered.set(entityId, known);
    if (remembered.size > keptSubjects) remembered.delete(remembered.keys().next().value as string);
    return known.subject;
  };

  return {
    of(entityId) {
      const known = remembered.get(entityId);
      if (known === undefined) return resolve(entityId);
      for (const { key, decode, record } of known.sources) {
        const now = cached(key, decode);
        if (now instanceof Promise) return now.then(() => resolve(entityId));
        if (now !== record) return resolve(entityId);
      }
      return known.subject;
    },
  };
}

async function resolveSubject(cached: Cached, entityId: string): Promise<Known | undefined> {
  const sources: Source[] = [];
  const read = async <T extends object>(key: string, decode: (bytes: Uint8Array) => T): Promise<T | undefined> => {
    const record = await cached(key, decode);
    if (record !== undefined) sources.push({ key, decode, record });
    return record;
  };
  let entity = await read(entityKey(entityId), decodeEntity);
  if (entity === undefined) {
    const pointer = await read(mergedKey(entityId), decodePointer);
    entity = pointer === undefined ? undefined : await read(entityKey(pointer.id), decodeEntity);
  }
  if (entity === undefined) return undefined;
  const seen = new Set<string>();
  const readAll = async (ids: readonly string[]): Promise<GroupRecord[]> => {
    const groups: GroupRecord[] = [];
    for (const id of ids) {
      if (seen.has(id)) continue;
      seen.add(id);
      const group = await read(groupKey(id), decodeGroup);
      if (group !== undefined) groups.push(group);
    }
    return groups;
  };
  const direct = await readAll(entity.groups);
  const inherited: GroupRecord[] = [];
  for (let level = direct; level.length > 0; ) {
    level = await readAll(level.flatMap(({ parents }) => parents));
    inherited.push(...level);
  }
  return { subject: subjectOf(entity, direct, inherited), sources };
}

function subjectOf(entity: EntityRecord, direct: readonly GroupRecord[], inherited: readonly GroupRecord[]): Subject {
  const groups = [...direct, ...inherited];
  const policies = [...new Set([...entity.policies, ...groups.flatMap((group) => group.policies)])].filter((name) => name !== 'root');
  const combined = new WeakMap<readonly string[], readonly string[]>();
  return {
    entity,
    direct,
    inherited,
    policies,
    templating: templatingOf(entity, groups),
    together(own) {
      const known = combined.get(own);
      if (known !== undefined) return known;
      const made = sanitizePolicies([...own, ...policies], false);
      combined.set(own, made);
      return made;
    },
  };
}
