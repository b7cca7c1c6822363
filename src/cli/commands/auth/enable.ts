// casemate auth enable: enables an auth method.

import { apiPath, command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { configOf, optionsOf, settingFlags } from '../secrets/settings.ts';
import { tokenTypeFlag } from './settings.ts';

export const enable = command({
  synopsis: 'Enable an auth method',
  usage: '[options] TYPE',
  help: 'Enables an auth method, at a path that is its type unless -path says otherwise. Nobody can log in with it before it has users or roles.',
  examples: {
    'Let people log in with a name and a password': 'auth enable userpass',
    'Let machines log in, at a path of its own': 'auth enable -path=machines -max-lease-ttl=1h approle',
  },
  flags: {
    ...settingFlags,
    ...tokenTypeFlag,
    'external-entropy-access': bool('Accepted: the server has one source of random bytes.'),
    local: bool('Accepted: nothing is replicated to other clusters.'),
    path: text('Path to enable the method at; its type when left out.'),
    'plugin-name': text('Type of the method, when TYPE is "plugin".'),
    'seal-wrap': bool('Accepted: everything that is stored is sealed.'),
  },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const { flags } = context;
    const named = argument.trim() === 'plugin' ? (flags['plugin-name'] ?? '') : '';
    const type = named === '' ? argument.trim() : named;
    const path = apiPath(flags.path ?? '') || type;
    const options = optionsOf(flags);
    const tokenType = flags['token-type'];
    const body = {
      type,
      description: flags.description ?? '',
      config: { ...configOf(flags), ...(tokenType === undefined ? {} : { token_type: tokenType }) },
      local: flags.local,
      seal_wrap: flags['seal-wrap'],
      external_entropy_access: flags['external-entropy-access'],
      ...(options === undefined ? {} : { options }),
    };
    await context.calling(`Error enabling ${type} auth`, context.client().request('POST', `sys/auth/${path}`, body));
    context.success(`Success! Enabled ${named === '' ? '' : 'plugin '}${type} auth method at: ${path}/`);
    return 0;
  },
});
