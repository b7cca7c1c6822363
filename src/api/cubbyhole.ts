// Cubbyhole: secrets that belong to one token, die with it, and are seen by nobody else.

import { contract } from '../schema/contract.ts';
import { any, text, texts } from '../schema/fields.ts';

export const cubbyhole = contract({
  name: 'cubbyhole',
  description: 'Secrets of a single token, which end with it.',
  routes: {
    secret: {
      path: '{path...}',
      summary: "One secret of the caller's token.",
      help: 'Every token has its own cubbyhole; not even a root token sees that of another.',
      fields: { path: text('Where the secret lies') },
      arbitrary: true,
      exists: true,
      operations: {
        read: { summary: 'Read the secret.', output: { '<key>': any('As it was written') } },
        write: { summary: 'Replace the secret.' },
        delete: { summary: 'Delete the secret.' },
        list: { summary: 'List names; those that end in / have more below.', output: { keys: texts('Names') } },
      },
    },
  },
});
