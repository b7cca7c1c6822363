// casemate secrets tune: changes the settings of a mount.

import { apiPath, command } from '../../command.ts';
import { configOf, optionsOf, settingFlags } from './settings.ts';

export const tune = command({
  synopsis: 'Change the settings of a mount',
  usage: '[options] PATH',
  help: 'Changes the settings of a mounted secrets engine. Those that are not given stay as they are; an empty list takes away what was set.',
  examples: {
    'Make leases shorter': 'secrets tune -default-lease-ttl=30m secret',
    'Go back to what the server is set to': 'secrets tune -default-lease-ttl=system secret',
  },
  flags: settingFlags,
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const path = apiPath(argument);
    const { flags } = context;
    const options = optionsOf(flags);
    const body = {
      ...configOf(flags),
      ...(flags.description === undefined ? {} : { description: flags.description }),
      ...(options === undefined ? {} : { options }),
    };
    await context.calling(`Error tuning secrets engine ${path}/`, context.client().request('POST', `sys/mounts/${path}/tune`, body));
    context.success(`Success! Tuned the secrets engine at: ${path}/`);
    return 0;
  },
});
