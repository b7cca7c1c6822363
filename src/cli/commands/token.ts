// casemate token: tokens made, looked at, renewed and revoked.

import type { Group } from '../command.ts';
import { capabilities } from './token/capabilities.ts';
import { create } from './token/create.ts';
import { lookup } from './token/lookup.ts';
import { renew } from './token/renew.ts';
import { revoke } from './token/revoke.ts';

export const token: Group = {
  synopsis: 'Make, look up, renew and revoke tokens',
  help: `Makes tokens, shows them, and ends them. Logins make tokens too; these commands are for the tokens of all of them.

Where a TOKEN is an argument, - reads it from stdin: what stands on the command line can be seen by the other users of the machine.`,
  examples: {
    'Make a token for an application': 'token create -policy=app -period=24h',
    'See what the token in use is': 'token lookup',
    'End it': 'token revoke -self',
  },
  commands: { capabilities, create, lookup, renew, revoke },
};
