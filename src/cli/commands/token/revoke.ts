// casemate token revoke: ends a token, and what hangs on it.

import type { Client } from '../../../client/client.ts';
import { apiPath, type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, text } from '../../flags.ts';
import { secretArgument } from '../../secret-argument.ts';
import { posted } from './posted.ts';

const flags = {
  accessor: bool('The argument is the accessor of a token.'),
  self: bool('Revoke the token in use.'),
  mode: text(
    'orphan: revoke the token alone, its children live on. path: the argument is a path, revoke all tokens that were made below it.',
  ),
} as const;

export const revoke = command({
  synopsis: 'Revoke a token',
  usage: '[options] [TOKEN | ACCESSOR | PATH]',
  help: 'Ends a token, its children, and all that was leased to them. A token that does not exist is no error. The argument - reads the token from stdin.',
  examples: {
    'Revoke a token that is printed by another program': 'token revoke -',
    'Revoke the token in use': 'token revoke -self',
    'Revoke all tokens of a login': 'token revoke -mode=path auth/approle/login',
  },
  flags,
  output: { format: false },
  async run(context) {
    checkFlags(context);
    const [argument] = context.flags.self ? context.expect(0) : context.expect(1);
    const named = (await secretArgument(context, argument)) ?? '';
    if (!context.flags.self && named === '') throw new Ending('the argument is empty');
    await context.calling('Error revoking token', revoking(context, context.client(), named));
    context.success('Success! Revoked token (if it existed)');
    return 0;
  },
});

function checkFlags({ flags: { accessor, self, mode = '' } }: CommandContext<typeof flags>): void {
  if (!['', 'orphan', 'path'].includes(mode)) throw new Ending(`Invalid mode: ${mode}`);
  if (self && accessor) throw new Ending('Cannot use -self with -accessor!');
  if (self && mode !== '') throw new Ending('Cannot use -self with -mode!');
  if (accessor && mode !== '') throw new Ending(`Cannot use -accessor with -mode=${mode}!`);
}

function revoking({ flags: { accessor, self, mode } }: CommandContext<typeof flags>, client: Client, named: string): Promise<unknown> {
  if (self) return client.write('auth/token/revoke-self');
  if (accessor) return posted(client, 'auth/token/revoke-accessor', { accessor: named });
  if (mode === 'path') return client.write(`sys/leases/revoke-prefix/${apiPath(named)}`);
  return client.write(mode === 'orphan' ? 'auth/token/revoke-orphan' : 'auth/token/revoke', { token: named });
}
