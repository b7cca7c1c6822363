// KV version 1: one value per path, no versions.

import { contract } from '../schema/contract.ts';
import { any, text, texts } from '../schema/fields.ts';

export const kvV1 = contract({
  name: 'kv',
  description: 'Keeps secrets as they are given, one value per path.',
  routes: {
    secret: {
      path: '{path...}',
      summary: 'One secret, or the names below a path.',
      help: 'A write replaces the whole secret. A key `ttl` or `lease` is shown as lease duration when the secret is read; nothing expires.',
      fields: { path: text('Where the secret lies') },
      arbitrary: true,
      exists: true,
      operations: {
        read: { summary: 'Read the secret.', output: { '<key>': any('As it was written') } },
        write: { summary: 'Replace the secret.' },
        delete: { summary: 'Delete the secret.' },
        list: { summary: 'List names; those that end in / have more below.', output: { keys: texts('Names') } },
        scan: { summary: 'List all secrets below, on all levels.', output: { keys: texts('Paths below this one') } },
      },
    },
  },
});
