// casemate auth tune: changes the settings of an auth method.

import { apiPath, command } from '../../command.ts';
import { configOf, optionsOf, settingFlags } from '../secrets/settings.ts';
import { lockoutFlags, lockoutOf, tokenTypeFlag } from './settings.ts';

export const tune = command({
  synopsis: 'Change the settings of an auth method',
  usage: '[options] PATH',
  help: 'Changes the settings of an auth method. Those that are not given stay as they are; an empty list takes away what was set.',
  examples: {
    'Make tokens of logins live shorter': 'auth tune -default-lease-ttl=30m userpass',
    'Show the method to everybody who opens the login page': 'auth tune -listing-visibility=unauth userpass',
    'Lock users out after three failed logins': 'auth tune -user-lockout-threshold=3 userpass',
  },
  flags: { ...settingFlags, ...tokenTypeFlag, ...lockoutFlags },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const path = apiPath(argument);
    const { flags } = context;
    const options = optionsOf(flags);
    const lockout = lockoutOf(flags);
    const tokenType = flags['token-type'];
    const body = {
      ...configOf(flags),
      ...(flags.description === undefined ? {} : { description: flags.description }),
      ...(options === undefined ? {} : { options }),
      ...(tokenType === undefined ? {} : { token_type: tokenType }),
      ...(lockout === undefined ? {} : { user_lockout_config: lockout }),
    };
    // Where Vault's own command asks, so that the same policies allow it.
    await context.calling(`Error tuning auth method ${path}/`, context.client().request('POST', `sys/mounts/auth/${path}/tune`, body));
    context.success(`Success! Tuned the auth method at: ${path}/`);
    return 0;
  },
});
