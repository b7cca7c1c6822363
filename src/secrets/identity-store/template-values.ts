// What the variables of policy templates stand for: `identity.entity.…` and `identity.groups.…` of one subject.

import type { Templating } from '../policies/templates.ts';
import type { AliasRecord, EntityRecord, GroupRecord, Metadata } from './records.ts';

interface Valued {
  readonly id: string;
  readonly name: string;
  readonly metadata: Metadata | null;
  readonly customMetadata?: Metadata | null;
}

export function templatingOf(entity: EntityRecord, groups: readonly GroupRecord[]): Templating {
  const aliasValue = (rest: string): string | undefined => {
    // Accessors hold no dot; names of metadata may.
    const dot = rest.indexOf('.');
    const alias: AliasRecord | undefined = entity.aliases.find(({ mountAccessor }) => mountAccessor === rest.slice(0, dot));
    return alias === undefined ? undefined : fieldOf(alias, rest.slice(dot + 1));
  };
  const groupValue = (rest: string, named: 'id' | 'name'): string | undefined => {
    // A group's name may hold dots, so the names decide where it ends.
    const group = groups.find((one) => rest.startsWith(`${one[named]}.`));
    return group === undefined ? undefined : fieldOf(group, rest.slice(group[named].length + 1));
  };
  return {
    id: entity.id,
    lookup(variable) {
      const below = (prefix: string): string | undefined => (variable.startsWith(prefix) ? variable.slice(prefix.length) : undefined);
      const alias = below('identity.entity.aliases.');
      if (alias !== undefined) return aliasValue(alias);
      const own = below('identity.entity.');
      if (own !== undefined) return fieldOf(entity, own);
      const byId = below('identity.groups.ids.');
      if (byId !== undefined) return groupValue(byId, 'id');
      const byName = below('identity.groups.names.');
      return byName === undefined ? undefined : groupValue(byName, 'name');
    },
  };
}

function fieldOf({ id, name, metadata, customMetadata }: Valued, field: string): string | undefined {
  if (field === 'id') return id;
  if (field === 'name') return name;
  if (field.startsWith('metadata.')) return own(metadata, field.slice('metadata.'.length));
  if (field.startsWith('custom_metadata.')) return own(customMetadata ?? null, field.slice('custom_metadata.'.length));
  return undefined;
}

function own(metadata: Metadata | null, name: string): string | undefined {
  return metadata !== null && Object.hasOwn(metadata, name) ? metadata[name] : undefined;
}
