// casemate policy read: the text of a policy.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { policyName } from './name.ts';

export const read = command({
  synopsis: 'Print a policy',
  usage: '[options] NAME',
  help: 'Prints the text of a policy.',
  examples: { 'Keep a policy in a file': 'policy read app' },
  async run(context) {
    const [argument] = context.expect(1);
    const name = policyName(argument);
    const secret = await context.calling(`Error reading policy named ${name}`, context.client().read(`sys/policies/acl/${name}`));
    if (secret?.wrap_info !== undefined) return context.showSecret(secret);
    const policy = secret?.data?.['policy'];
    if (typeof policy !== 'string' || policy === '') throw new Ending(`No policy named: ${name}`, 2);
    return context.show({ policy }, () => context.say(policy.trim()));
  },
});
