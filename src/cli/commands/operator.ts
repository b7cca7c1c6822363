// casemate operator: what those do who run the server.

import type { Group } from '../command.ts';
import { generateRoot } from './operator/generate-root.ts';
import { init } from './operator/init.ts';
import { keyStatus } from './operator/key-status.ts';
import { members } from './operator/members.ts';
import { rekey } from './operator/rekey.ts';
import { rotate } from './operator/rotate.ts';
import { seal } from './operator/seal.ts';
import { stepDown } from './operator/step-down.ts';
import { unseal } from './operator/unseal.ts';

export const operator: Group = {
  synopsis: 'Initialise, seal, unseal and look after a server',
  help: 'What those do who run the server. Most of it needs a token with "sudo" on the path; "init" and "unseal" need none.',
  examples: {
    'Initialise a new server': 'operator init',
    'Give a share of the root key': 'operator unseal',
    'Add a key for what is written from now on': 'operator rotate',
  },
  commands: {
    'generate-root': generateRoot,
    init,
    'key-status': keyStatus,
    members,
    rekey,
    rotate,
    seal,
    'step-down': stepDown,
    unseal,
  },
};
