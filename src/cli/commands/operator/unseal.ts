// casemate operator unseal: gives the server one share of the root key.

import { isObject } from '../../../client/secret.ts';
import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool } from '../../flags.ts';
import { showSealStatus } from '../../seal-status.ts';
import { secretArgument } from '../../secret-argument.ts';

export const unseal = command({
  synopsis: 'Give a share of the root key',
  usage: '[options] [KEY]',
  help: `Gives the server one share of the root key, and prints how many are still missing. With enough of them the server is unsealed. A token is not needed. Each holder of a share runs the command, on whatever machine they like.

Without an argument the share is asked for on the terminal, which does not show it; where stdin is no terminal, or for the argument -, a line of stdin is read. A share that stands on the command line can be seen by the other users of the machine while the command runs, and stays in the history of the shell: give it there only where nobody else looks.`,
  examples: {
    'Give a share, without showing it': 'operator unseal',
    'Give a share that another program prints': 'operator unseal -',
    'Forget the shares that were given so far': 'operator unseal -reset',
  },
  flags: {
    reset: bool('Forget the shares that were given so far.'),
    migrate: bool('Tell the server that the share is given to move to another kind of seal. Casemate refuses this.'),
  },
  async run(context) {
    const [argument] = context.expect(0, 1);
    if (context.flags.reset) return submit(context, 'Error resetting unseal process', { reset: true });
    const given = await secretArgument(context, argument);
    const key = given === undefined || given === '' ? await context.ask('Unseal Key (will be hidden):', { hidden: true }) : given;
    if (key === '') throw new Ending('a share must be given');
    return submit(context, 'Error unsealing', { key, reset: false, migrate: context.flags.migrate });
  },
});

async function submit(context: CommandContext, what: string, body: Readonly<Record<string, unknown>>): Promise<number> {
  // Namespaces answer only once the server is unsealed.
  const asked = context.client().with({ namespace: undefined }).request('PUT', 'sys/unseal', body);
  const { body: status } = await context.calling(what, asked);
  if (!isObject(status)) throw new Ending(`${what}: the answer is no object`, 2);
  return showSealStatus(context, status);
}
