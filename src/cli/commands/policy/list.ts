// casemate policy list: the names of the policies.

import { keysOf } from '../../../client/secret.ts';
import { command } from '../../command.ts';

export const list = command({
  synopsis: 'List the policies',
  usage: '[options]',
  help: 'Lists the names of the policies. Two are always there: "default", which most tokens have, and "root", which may do everything.',
  examples: { 'See which policies there are': 'policy list' },
  async run(context) {
    context.expect(0);
    const secret = await context.calling('Error listing policies', context.client().list('sys/policies/acl'));
    if (secret?.wrap_info !== undefined) return context.showSecret(secret);
    const names = (keysOf(secret) ?? []).map(String);
    return context.show(names, () => {
      for (const name of names) context.say(name);
    });
  },
});
