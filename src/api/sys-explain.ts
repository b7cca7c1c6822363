// sys/policies/explain: why a request would be granted or denied.

import { contract } from '../schema/contract.ts';
import { bool, commas, duration, map, text, texts } from '../schema/fields.ts';

export const sysExplain = contract({
  name: 'system',
  description: 'What the policies say about one request, and why.',
  routes: {
    explain: {
      path: 'policies/explain',
      summary: 'Why a request would be granted or denied.',
      help: 'Asks the policies of a token, of an accessor or of a list of names about one request, without making it, and answers with the rule that decides and what it lacks. Without any of these it asks about the caller. Whoever may use this learns what policies say, so grant it to those who may read policies.',
      fields: {},
      sudo: true,
      operations: {
        write: {
          summary: 'Explain a request.',
          input: {
            path: text('Path of the request, without /v1/'),
            operation: text('create, read, update, patch, delete, list, scan or help; a write is create where nothing is there yet', {
              default: 'read',
            }),
            token: text('The token to ask about', { secret: true }),
            accessor: text('Accessor of the token to ask about'),
            policies: commas('Names of policies to ask about instead of a token'),
            data: map('Parameters of the request, for rules about parameters'),
            wrap_ttl: duration('Seconds that the request asks its answer to be wrapped for'),
          },
          output: {
            allowed: bool('Whether the policies grant the request'),
            explanation: text('One sentence'),
            path: text('As it was judged: a list ends in a slash'),
            operation: text('As it was judged'),
            rule: text('Pattern of the rule that decides'),
            policies: texts('Policies that grant the request, or that have the rule which does not'),
            denial: map('Reason, and what is missing, as audit lines show it'),
            needs_sudo: bool('The path is protected: sudo is needed on top of the operation'),
            missing_policies: texts('Names that were asked about and that no policy has'),
          },
        },
      },
    },
  },
});
