// casemate auth move: puts an auth method at another path.

import { apiPath, command } from '../../command.ts';
import { moveMount } from '../secrets/move.ts';

export const move = command({
  synopsis: 'Move an auth method to another path',
  usage: '[options] SOURCE DESTINATION',
  help: 'Moves an auth method to another path, with its users or roles. Tokens of earlier logins stay good. Policies and clients that name the old path do not follow.',
  examples: { 'Move a method': 'auth move auth/userpass auth/staff' },
  output: { format: false },
  async run(context) {
    const [source, destination] = context.expect(2).map(authPath) as [string, string];
    return moveMount(context, 'auth method', source, destination);
  },
});

function authPath(argument: string): string {
  const path = apiPath(argument);
  return `${path.startsWith('auth/') ? path : `auth/${path}`}/`;
}
