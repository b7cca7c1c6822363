// The engine mounted at identity/: the routes of the identity store.

import { identity } from '../../api/identity.ts';
import { type EngineKind, engine } from '../core/engine.ts';
import { aliasHandlers } from './alias-handlers.ts';
import { entityHandlers } from './entity-handlers.ts';
import { groupAliasHandlers } from './group-alias-handlers.ts';
import { groupHandlers } from './group-handlers.ts';
import type { IdentityParts } from './handling.ts';
import { lookupHandlers } from './lookup-handlers.ts';

export type { IdentityParts } from './handling.ts';

/** What it keeps lies beside the tokens, not below the mount: logins and every request ask for it. */
export function identityKind(parts: Omit<IdentityParts, 'clock' | 'random'>): EngineKind {
  return {
    type: 'identity',
    table: 'secret',
    description: identity.description,
    open({ clock, random }) {
      const whole: IdentityParts = { ...parts, clock, random };
      return engine<typeof identity>({
        contract: identity,
        handlers: {
          ...entityHandlers(whole),
          ...aliasHandlers(whole),
          ...groupHandlers(whole),
          ...groupAliasHandlers(whole),
          ...lookupHandlers(whole),
        },
      });
    },
  };
}
