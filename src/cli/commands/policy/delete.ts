// casemate policy delete: removes a policy.

import { command } from '../../command.ts';
import { policyName } from './name.ts';

export const remove = command({
  synopsis: 'Delete a policy',
  usage: '[options] NAME',
  help: 'Deletes a policy. Tokens that have it keep its name and may do no more of what it granted. A policy that is not there is no error.',
  examples: { 'Delete a policy': 'policy delete app' },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const name = policyName(argument);
    await context.calling(`Error deleting ${name}`, context.client().delete(`sys/policies/acl/${name}`));
    context.success(`Success! Deleted policy: ${name}`);
    return 0;
  },
});
