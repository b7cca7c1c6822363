// An engine that lends secrets, to be mounted in place of kv: it remembers what it lent and what was taken back, and fails when it is told to.

import { contract } from '../../src/schema/contract.ts';
import { any, bool, integer, text } from '../../src/schema/fields.ts';
import { type EngineKind, engine } from '../../src/secrets/core/engine.ts';

const lendingContract = contract({
  name: 'lending',
  description: 'Lends secrets.',
  routes: {
    creds: {
      path: 'creds/{name...}',
      summary: 'Lend a secret.',
      help: 'Each read lends another one.',
      fields: { name: text('Names the secret') },
      operations: {
        read: {
          summary: 'Lend it.',
          input: {
            ttl: integer('Seconds', { default: 600 }),
            max: integer('Seconds', { default: 3_600 }),
            fixed: bool('Cannot be renewed'),
          },
          output: { name: any('As it was named'), number: integer('Of the secret') },
        },
      },
    },
  },
});

let lent = 0;

/** What a test sees of all engines of this kind, and what it can tell them. */
export const lending = {
  /** Names of the secrets that were taken back, in order. */
  takenBack: [] as string[],
  /** Names of the secrets that cannot be taken back. */
  stuck: new Set<string>(),
  /** Taking anything back waits for this. */
  gate: Promise.resolve() as Promise<void>,
};

export const lendingKind: EngineKind = {
  type: 'kv',
  table: 'secret',
  description: 'lends secrets',
  open: () =>
    engine<typeof lendingContract>({
      contract: lendingContract,
      handlers: {
        creds: {
          read: ({ name = '', ttl = 600, max = 3_600, fixed = false }) => ({
            data: { name, number: ++lent },
            lease: { ttl, maxTtl: max, renewable: !fixed, internal: { name } },
          }),
        },
      },
      async revoke({ name }) {
        await lending.gate;
        if (lending.stuck.has(String(name))) throw new Error('the other side does not answer');
        lending.takenBack.push(String(name));
      },
    }),
};
