// The identity store as the rest of the server sees it: the entity of a login, and who a token stands for.

import type { Clock } from '../../base/clock.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Storage } from '../../storage/storage.ts';
import { within } from '../../storage/within.ts';
import type { Cached } from '../core/engine.ts';
import { entityForLogin, type LoginAlias } from './login-entity.ts';
import { type EntityRecord, identityPrefix } from './records.ts';
import { createSubjects, type Subjects } from './subjects.ts';

export interface IdentityStoreParts {
  /** Of the whole server. */
  readonly storage: Storage;
  readonly cached: Cached;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  /** Compares the caches with the store. */
  readonly refresh: () => void | Promise<void>;
}

export interface IdentityStore {
  /** Below the store's own prefix, for its routes. */
  readonly storage: Storage;
  readonly subjects: Subjects;
  /** Finds the entity of an alias, or makes it. */
  entityFor(alias: LoginAlias): Promise<EntityRecord>;
  /** Those of a token's entity; none for a token without one, or with one that is gone. */
  policiesOf(entityId: string): Promise<readonly string[]>;
}

export function createIdentityStore(parts: IdentityStoreParts): IdentityStore {
  const storage = within(parts.storage, identityPrefix);
  const cached: Cached = (key, decode) => parts.cached(identityPrefix + key, decode);
  const subjects = createSubjects(cached);
  return {
    storage,
    subjects,
    entityFor: (alias) => entityForLogin({ ...parts, storage, cached }, alias),
    policiesOf: async (entityId) => (entityId === '' ? [] : ((await subjects.of(entityId))?.policies ?? [])),
  };
}
