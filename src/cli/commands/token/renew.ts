// casemate token renew: a token lives longer.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, duration } from '../../flags.ts';
import { secretArgument } from '../../secret-argument.ts';
import { posted } from './posted.ts';

export const renew = command({
  synopsis: 'Renew a token',
  usage: '[options] [TOKEN | ACCESSOR]',
  help: 'Lets a token live longer, counted from now. Without an argument that is the token in use; the argument - reads the token from stdin.',
  examples: {
    'Renew the token in use': 'token renew',
    'Ask for half an hour': 'token renew -increment=30m',
    'Renew a token without knowing it': 'token renew -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da',
  },
  flags: {
    accessor: bool('The argument is the accessor of a token. The answer does not hold the token.'),
    increment: duration('How long it is to live from now on; the server may grant less. As long as at first when left out.', {
      aliases: ['i'],
    }),
  },
  async run(context) {
    const { accessor, increment = 0 } = context.flags;
    const [argument] = context.expect(accessor ? 1 : 0, 1);
    const named = await secretArgument(context, argument);
    const client = context.client();
    const asked = accessor
      ? posted(client, 'auth/token/renew-accessor', { accessor: named, increment })
      : named === undefined || named === ''
        ? client.write('auth/token/renew-self', { increment })
        : client.write('auth/token/renew', { token: named, increment });
    const renewed = await context.calling('Error renewing token', asked);
    if (renewed === undefined) throw new Ending('Error renewing token: the answer is empty', 2);
    return context.showSecret(renewed);
  },
});
