// casemate policy write: makes or replaces a policy.

import { command } from '../../command.ts';
import { readPolicyFile } from './file.ts';
import { policyName } from './name.ts';

export const write = command({
  synopsis: 'Make or replace a policy',
  usage: '[options] NAME FILE',
  help: 'Makes a policy of the text in a file, or in stdin when FILE is -, and replaces the one of that name. Tokens that have the policy are ruled by the new text at once.',
  examples: {
    'Make a policy of a file': 'policy write app app.hcl',
    'Make a policy of stdin': 'policy write app -',
  },
  output: { format: false },
  async run(context) {
    const [argument, file] = context.expect(2) as readonly [string, string];
    const name = policyName(argument);
    const policy = file.trim() === '-' ? await context.io.stdin.text() : await readPolicyFile(file.trim(), 2);
    await context.calling('Error uploading policy', context.client().write(`sys/policies/acl/${name}`, { policy }));
    if (name !== argument) context.warn(`Policy name was converted from ${JSON.stringify(argument)} to ${JSON.stringify(name)}`);
    context.success(`Success! Uploaded policy: ${name}`);
    return 0;
  },
});
