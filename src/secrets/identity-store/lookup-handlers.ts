// Handlers of identity/lookup: an entity or a group by whatever is known of it.

import type { identity } from '../../api/identity.ts';
import type { Handlers } from '../core/engine.ts';
import { entityByAlias, entityByFactors, entityByName, readEntity } from './entities.ts';
import { shown as shownEntity } from './entity-handlers.ts';
import { shown as shownGroup } from './group-handlers.ts';
import { groupByAlias, groupByFactors, groupByName, readGroup } from './groups.ts';
import { type IdentityParts, refused } from './handling.ts';

type LookupHandlers = Pick<Handlers<typeof identity>, 'lookupEntity' | 'lookupGroup'>;

export function lookupHandlers(parts: IdentityParts): LookupHandlers {
  const { storage } = parts;
  return {
    lookupEntity: {
      async write(input) {
        const query = queryOf(input);
        return shownEntity(
          parts,
          await found(query, {
            byId: (id) => readEntity(storage, id),
            byName: (name) => entityByName(storage, name),
            byAlias: (id) => entityByAlias(storage, id),
            byFactors: (accessor, name) => entityByFactors(storage, accessor, name),
          }),
        );
      },
    },
    lookupGroup: {
      async write(input) {
        const query = queryOf(input);
        return shownGroup(
          parts,
          await found(query, {
            byId: (id) => readGroup(storage, id),
            byName: (name) => groupByName(storage, name),
            byAlias: (id) => groupByAlias(storage, id),
            byFactors: (accessor, name) => groupByFactors(storage, accessor, name),
          }),
        );
      },
    },
  };
}

interface LookupInput {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly alias_id?: string | undefined;
  readonly alias_name?: string | undefined;
  readonly alias_mount_accessor?: string | undefined;
}

type Query =
  | { readonly by: 'id' | 'name' | 'alias'; readonly value: string }
  | { readonly by: 'factors'; readonly accessor: string; readonly name: string };

interface Ways<T> {
  readonly byId: (id: string) => Promise<T | undefined>;
  readonly byName: (name: string) => Promise<T | undefined>;
  readonly byAlias: (id: string) => Promise<T | undefined>;
  readonly byFactors: (accessor: string, name: string) => Promise<T | undefined>;
}

/** One way to ask, and no more. */
function queryOf(input: LookupInput): Query {
  const { id, name, alias_id, alias_name: aliasName, alias_mount_accessor: accessor } = input;
  const given = [id, name, alias_id, aliasName, accessor].filter((value) => value !== undefined).length;
  if (given === 0) throw refused('query parameter not supplied');
  if (given === 2 && aliasName && accessor) return { by: 'factors', accessor, name: aliasName };
  if (given !== 1) throw refused('query parameter conflict; please supply distinct set of query parameters');
  if (aliasName !== undefined || accessor !== undefined) throw refused("both 'alias_name' and 'alias_mount_accessor' needs to be set");
  if (id !== undefined) return { by: 'id', value: id };
  return name === undefined ? { by: 'alias', value: alias_id ?? '' } : { by: 'name', value: name };
}

async function found<T>(query: Query, { byId, byName, byAlias, byFactors }: Ways<T>): Promise<T | undefined> {
  if (query.by === 'factors') return byFactors(query.accessor, query.name);
  if (query.value === '') return undefined;
  if (query.by === 'id') return byId(query.value);
  return query.by === 'name' ? byName(query.value) : byAlias(query.value);
}
