// sys/wrapping: answers put behind a token that can be used once.

import { contract } from '../schema/contract.ts';
import { any, integer, text, time } from '../schema/fields.ts';

const token = { token: text('The wrapping token; the token of the request when empty', { secret: true }) } as const;
const shown = {
  creation_path: text('Path of the request whose answer was wrapped'),
  creation_time: time('When it was wrapped'),
  creation_ttl: integer('Seconds'),
} as const;

export const sysWrapping = contract({
  name: 'system',
  description: 'Response wrapping.',
  routes: {
    wrap: {
      path: 'wrapping/wrap',
      summary: 'Wrap what is sent.',
      help: 'Answers with the data of the request; the header X-Vault-Wrap-TTL, which is needed, puts that answer behind a wrapping token.',
      fields: {},
      arbitrary: true,
      injected: true,
      operations: { write: { summary: 'Wrap it.', output: { '<key>': any('As it was sent') } } },
    },
    lookup: {
      path: 'wrapping/lookup',
      summary: 'Tell where a wrapping token comes from.',
      help: 'Does not use the token up. Whoever gets a token from a stranger should look first whether its path is the expected one.',
      fields: token,
      unauthenticated: true,
      operations: { read: { summary: 'Look it up.', output: shown }, write: { summary: 'Look it up.', output: shown } },
    },
    rewrap: {
      path: 'wrapping/rewrap',
      summary: 'Put a wrapped answer behind a new token.',
      help: 'The old token is of no use afterwards; time to live and path stay what they were.',
      fields: token,
      operations: { write: { summary: 'Rewrap it.' } },
    },
    unwrap: {
      path: 'wrapping/unwrap',
      summary: 'Get a wrapped answer out.',
      help: 'Works once. The wrapping token stands in the token header or, with another token in the header, in the body.',
      fields: token,
      unauthenticated: true,
      operations: { write: { summary: 'Unwrap it.', output: { '<key>': any('The wrapped answer, to the byte') } } },
    },
  },
});
