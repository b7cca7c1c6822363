// casemate secrets enable: mounts a secrets engine.

import { apiPath, command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { configOf, optionsOf, settingFlags } from './settings.ts';

export const enable = command({
  synopsis: 'Mount a secrets engine',
  usage: '[options] TYPE',
  help: 'Mounts a secrets engine, at a path that is its type unless -path says otherwise.',
  examples: {
    'Keep secrets, with their older versions': 'secrets enable -path=secret -version=2 kv',
    'Mount an engine with shorter leases': 'secrets enable -max-lease-ttl=30m -description="for the tests" kv',
  },
  flags: {
    ...settingFlags,
    'external-entropy-access': bool('Accepted: the server has one source of random bytes.'),
    'force-no-cache': bool('Never answer from memory.'),
    local: bool('Accepted: nothing is replicated to other clusters.'),
    path: text('Path to mount the engine at; its type when left out.'),
    'plugin-name': text('Type of the engine, when TYPE is "plugin".'),
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
    const body = {
      type,
      description: flags.description ?? '',
      config: { ...configOf(flags), ...(flags['force-no-cache'] ? { force_no_cache: true } : {}) },
      local: flags.local,
      seal_wrap: flags['seal-wrap'],
      external_entropy_access: flags['external-entropy-access'],
      ...(options === undefined ? {} : { options }),
    };
    await context.calling('Error enabling', context.client().request('POST', `sys/mounts/${path}`, body));
    context.success(`Success! Enabled the ${type} secrets engine at: ${path}/`);
    return 0;
  },
});
