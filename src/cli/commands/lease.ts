// casemate lease: what was lent for a time, looked at, renewed and taken back.

import type { Group } from '../command.ts';
import { irrevocable } from './lease/irrevocable.ts';
import { lookup } from './lease/lookup.ts';
import { renew } from './lease/renew.ts';
import { revocations } from './lease/revocations.ts';
import { revoke } from './lease/revoke.ts';

export const lease: Group = {
  synopsis: 'Look up, renew and revoke leases',
  help: 'A secret that is made for somebody, such as a login of a database, is lent for a time: it has a lease, whose id stands beside the secret. When the lease ends, the secret is taken back.',
  examples: {
    'Renew a lease': 'lease renew database/creds/readonly/2f6a614c',
    'Take a secret back': 'lease revoke database/creds/readonly/2f6a614c',
  },
  commands: { lookup, renew, revoke, revocations, irrevocable },
};
