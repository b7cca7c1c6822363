// casemate secrets: what is mounted where.

import type { Group } from '../command.ts';
import { disable } from './secrets/disable.ts';
import { enable } from './secrets/enable.ts';
import { list } from './secrets/list.ts';
import { move } from './secrets/move.ts';
import { tune } from './secrets/tune.ts';

export const secrets: Group = {
  synopsis: 'Mount, list and set secrets engines',
  help: 'A secrets engine keeps secrets, or makes them when they are asked for. It is mounted at a path, which all paths of its secrets begin with.',
  examples: {
    'See what is mounted': 'secrets list',
    'Keep secrets, with their older versions': 'secrets enable -path=secret -version=2 kv',
  },
  commands: { disable, enable, list, move, tune },
};
