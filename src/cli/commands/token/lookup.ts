// casemate token lookup: what a token is.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool } from '../../flags.ts';
import { secretArgument } from '../../secret-argument.ts';
import { posted } from './posted.ts';

export const lookup = command({
  synopsis: 'Show a token',
  usage: '[options] [TOKEN | ACCESSOR]',
  help: 'Shows the policies of a token, how long it lives, and where it comes from. Without an argument that is the token in use; the argument - reads the token from stdin.',
  examples: {
    'Show the token in use': 'token lookup',
    'Show a token without knowing it': 'token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da',
    'Show how long the token in use lives': 'token lookup -field=ttl',
  },
  flags: { accessor: bool('The argument is the accessor of a token. The answer does not hold the token.') },
  output: { field: true },
  async run(context) {
    const { accessor } = context.flags;
    const [argument] = context.expect(accessor ? 1 : 0, 1);
    const named = await secretArgument(context, argument);
    const client = context.client();
    const asked = accessor
      ? posted(client, 'auth/token/lookup-accessor', { accessor: named })
      : named === undefined || named === ''
        ? client.read('auth/token/lookup-self')
        : posted(client, 'auth/token/lookup', { token: named });
    const found = await context.calling('Error looking up token', asked);
    if (found === undefined) throw new Ending('Error looking up token: the answer is empty', 2);
    return context.showSecret(found);
  },
});
