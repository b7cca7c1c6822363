// casemate policy: what tokens may do.

import type { Group } from '../command.ts';
import { remove } from './policy/delete.ts';
import { explain } from './policy/explain.ts';
import { fmt } from './policy/fmt.ts';
import { list } from './policy/list.ts';
import { read } from './policy/read.ts';
import { write } from './policy/write.ts';

export const policy: Group = {
  synopsis: 'Write, read and delete policies',
  help: 'A policy says which paths a token that has it may use, and how. Nothing is allowed that no policy grants.',
  examples: {
    'Make a policy of a file': 'policy write app app.hcl',
    'See which policies there are': 'policy list',
    'See why something is denied': 'policy explain -policy=app secret/data/app update',
  },
  commands: { delete: remove, explain, fmt, list, read, write },
};
