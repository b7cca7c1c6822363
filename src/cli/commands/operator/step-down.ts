// casemate operator step-down: asks the server that leads to let another one lead.

import { command } from '../../command.ts';

export const stepDown = command({
  synopsis: 'Ask the leading server to step down',
  usage: '[options]',
  help: 'Asks the server at the address to let another one lead. Servers of Casemate that share a store are all active: there it has no effect. Needs a token with "sudo" on sys/step-down.',
  examples: { 'Let another server lead': 'operator step-down' },
  output: { format: false },
  async run(context) {
    context.expect(0);
    const client = context.client();
    await context.calling('Error stepping down', client.write('sys/step-down'));
    context.success(`Success! Stepped down: ${client.address}`);
    return 0;
  },
});
