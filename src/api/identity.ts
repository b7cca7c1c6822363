// The identity store: who there is behind the tokens, under which names, and in which groups.

import { contract } from '../schema/contract.ts';
import { entityAliasRoutes, entityRoutes, lookupFields, shownEntity } from './identity-entities.ts';
import { groupRoutes, shownGroup } from './identity-groups.ts';

export const identity = contract({
  name: 'identity',
  description: 'identity store',
  routes: {
    ...entityRoutes,
    ...entityAliasRoutes,
    ...groupRoutes,
    lookupEntity: {
      path: 'lookup/entity',
      summary: 'Find an entity.',
      help: 'By its id, its name, the id of an alias, or the mount and the name of an alias: one of these.',
      fields: lookupFields,
      operations: { write: { summary: 'Find it.', output: shownEntity } },
    },
    lookupGroup: {
      path: 'lookup/group',
      summary: 'Find a group.',
      help: 'By its id, its name, the id of its alias, or the mount and the name of its alias: one of these.',
      fields: lookupFields,
      operations: { write: { summary: 'Find it.', output: shownGroup } },
    },
  },
});
