// casemate secrets disable: unmounts a secrets engine.

import { apiPath, command } from '../../command.ts';

export const disable = command({
  synopsis: 'Unmount a secrets engine',
  usage: '[options] PATH',
  help: 'Unmounts a secrets engine: its leases are revoked, and all that it stored is deleted for ever. A path without a mount is no error.',
  examples: { 'Unmount an engine': 'secrets disable old-secrets' },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const path = apiPath(argument);
    await context.calling(`Error disabling secrets engine at ${path}/`, context.client().request('DELETE', `sys/mounts/${path}`));
    context.success(`Success! Disabled the secrets engine (if it existed) at: ${path}/`);
    return 0;
  },
});
