// casemate policy explain: why a request would be granted or denied.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { text, texts } from '../../flags.ts';
import { posted } from '../token/posted.ts';

export const explain = command({
  synopsis: 'Tell why a request would be granted or denied',
  usage: '[options] PATH [OPERATION]',
  help: 'Asks the policies about a request without making it, and prints the rule that decides and what it lacks, as the audit line of a denied request has it. OPERATION is create, read (when left out), update, patch, delete, list, scan or help; a write is create where nothing is there yet, and update otherwise. Without -token, -accessor or -policy it asks about the token in use. The exit code is 0 whether the request would be granted or not. It needs update and sudo on sys/policies/explain.',
  examples: {
    'See why a token may not write': 'policy explain -accessor=9793c9b3-e04a-46f3-e7b8-748d7da248da secret/data/app update',
    'Try policies before anybody has them': 'policy explain -policy=app,default secret/data/app read',
    'Ask with parameters': 'policy explain -policy=app -data=ttl=1h auth/token/create update',
  },
  flags: {
    token: text('The token to ask about.'),
    accessor: text('The accessor of the token to ask about.'),
    policy: texts('A policy to ask about instead of a token. Can be given several times, or as a list with commas.'),
    data: texts('A parameter of the request, key=value. Can be given several times.'),
    'wrap-for': text('How long the request asks its answer to be wrapped for, such as 5m.'),
  },
  output: { field: true },
  async run(context) {
    const [path, operation = 'read'] = context.expect(1, 2) as readonly [string, string?];
    const { token, accessor, policy, data, 'wrap-for': wrapTtl } = context.flags;
    // A variable that is not set must not turn the question into one about the asker.
    if (token === '' || accessor === '') throw new Ending(`${token === '' ? '-token' : '-accessor'} is empty: name what to ask about`);
    const names = policy.flatMap((list) => list.split(',')).filter(Boolean);
    const body = {
      path: path.trim(),
      operation: operation.trim().toLowerCase(),
      ...(token === undefined ? {} : { token }),
      ...(accessor === undefined ? {} : { accessor }),
      ...(names.length === 0 ? {} : { policies: names }),
      ...(data.length === 0 ? {} : { data: await context.keyValues(data) }),
      ...(wrapTtl === undefined ? {} : { wrap_ttl: wrapTtl }),
    };
    const answer = await context.calling('Error explaining', posted(context.client(), 'sys/policies/explain', body));
    if (answer === undefined) throw new Ending('The server explained nothing', 2);
    return context.showSecret(answer);
  },
});
