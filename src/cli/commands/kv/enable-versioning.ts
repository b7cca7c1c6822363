// casemate kv enable-versioning: makes version 2 of a KV mount.

import { apiPath, command } from '../../command.ts';

export const enableVersioning = command({
  synopsis: 'Make version 2 of a KV mount',
  usage: '[options] MOUNT',
  help: 'Makes version 2, which keeps older versions of secrets, of a mount of version 1. There is no way back.',
  examples: { 'Keep versions of the secrets in a mount': 'kv enable-versioning secret' },
  async run(context) {
    const [argument] = context.expect(1);
    const mount = apiPath(argument);
    const body = { options: { version: '2' } };
    await context.calling(`Error tuning secrets engine ${mount}/`, context.client().request('POST', `sys/mounts/${mount}/tune`, body));
    context.success(`Success! Tuned the secrets engine at: ${mount}/`);
    return 0;
  },
});
