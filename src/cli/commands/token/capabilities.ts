// casemate token capabilities: what a token may do at a path.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool } from '../../flags.ts';
import { secretArgument } from '../../secret-argument.ts';
import { posted } from './posted.ts';

export const capabilities = command({
  synopsis: 'Print what a token may do at a path',
  usage: '[options] [TOKEN | ACCESSOR] PATH',
  help: 'Prints the capabilities that the policies of a token add up to at a path, or "deny". Without a TOKEN that is the token in use; the argument - reads the token from stdin.',
  examples: {
    'See what the token in use may do': 'token capabilities secret/data/app',
    'See what the token of an accessor may do': 'token capabilities -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da secret/data/app',
  },
  flags: { accessor: bool('The first argument is the accessor of a token.') },
  async run(context) {
    const { accessor } = context.flags;
    const args = context.expect(accessor ? 2 : 1, 2);
    const path = (args.at(-1) as string).trim();
    const named = args.length < 2 ? '' : ((await secretArgument(context, args[0])) ?? '');
    const [route, who] = accessor
      ? ['sys/capabilities-accessor', { accessor: named }]
      : named === ''
        ? ['sys/capabilities-self', {}]
        : ['sys/capabilities', { token: named }];
    const answer = await context.calling('Error listing capabilities', posted(context.client(), route, { ...who, path }));
    const found = answer?.data?.[path] ?? answer?.data?.['capabilities'];
    if (!Array.isArray(found)) throw new Ending('No capabilities found');
    return context.show(found, () => context.say(found.map(String).sort().join(', ')));
  },
});
