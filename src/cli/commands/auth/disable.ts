// casemate auth disable: takes an auth method away, with the tokens that it gave.

import { apiPath, command } from '../../command.ts';

export const disable = command({
  synopsis: 'Disable an auth method',
  usage: '[options] PATH',
  help: 'Disables the auth method at a path: the tokens that it gave are revoked, and its users or roles are deleted for ever. A path without a method is no error.',
  examples: { 'Disable a method': 'auth disable old-staff' },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const path = apiPath(argument);
    await context.calling(`Error disabling auth method at ${path}/`, context.client().request('DELETE', `sys/auth/${path}`));
    context.success(`Success! Disabled the auth method (if it existed) at: ${path}/`);
    return 0;
  },
});
