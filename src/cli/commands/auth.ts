// casemate auth: which auth methods people and machines can log in with.

import type { Group } from '../command.ts';
import { disable } from './auth/disable.ts';
import { enable } from './auth/enable.ts';
import { help } from './auth/help.ts';
import { list } from './auth/list.ts';
import { move } from './auth/move.ts';
import { tune } from './auth/tune.ts';

export const auth: Group = {
  synopsis: 'Enable, list and set auth methods',
  help: 'An auth method makes sure who somebody is, and gives a token for it. It is enabled at a path, which stands in the paths of its logins: auth/userpass/login/ann.',
  examples: {
    'See what one can log in with': 'auth list',
    'Let people log in with a name and a password': 'auth enable userpass',
    'See what a login needs': 'auth help userpass',
  },
  commands: { disable, enable, help, list, move, tune },
};
