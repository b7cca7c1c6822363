// casemate audit enable: one more device for audit lines.

import { apiPath, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, text } from '../../flags.ts';

export const enable = command({
  synopsis: 'Enable an audit device',
  usage: '[options] TYPE [K=V...]',
  help: 'Has the server write a line about each request and each answer to one more device, and answer nothing that no device has taken. Values in the lines are hashed, unless the option log_raw says otherwise. Options of the device are given as key=value.',
  examples: {
    'Write audit lines to a file': 'audit enable file file_path=/var/log/casemate/audit.log',
    'Write a second file': 'audit enable -path=second file file_path=/mnt/audit.log',
  },
  flags: {
    description: text('What the device is for, for people.'),
    local: bool('Accepted: nothing is replicated to other clusters.'),
    path: text('Name of the device; its type when left out.'),
  },
  output: { format: false },
  async run(context) {
    const [argument, ...words] = context.args;
    if (argument === undefined) throw new Ending('Not enough arguments: name the type of the audit device, such as "file"');
    const options = await context.keyTexts(words);
    const { description = '', local, path: given = '' } = context.flags;
    const type = argument.trim();
    const path = apiPath(given) || type;
    await context.calling(
      'Error enabling audit device',
      context.client().write(`sys/audit/${path}`, { type, description, options, local }),
    );
    context.success(`Success! Enabled the ${type} audit device at: ${path}/`);
    return 0;
  },
});
