// casemate audit: the devices that the server writes audit lines to.

import type { Group } from '../command.ts';
import { disable } from './audit/disable.ts';
import { enable } from './audit/enable.ts';
import { list } from './audit/list.ts';

export const audit: Group = {
  synopsis: 'Enable, list and disable audit devices',
  help: 'The server writes a line about each request and each answer to its audit devices, before it answers. With several devices one that fails holds nothing up.',
  examples: {
    'See where audit lines go': 'audit list',
    'Write them to a file': 'audit enable file file_path=/var/log/casemate/audit.log',
  },
  commands: { disable, enable, list },
};
