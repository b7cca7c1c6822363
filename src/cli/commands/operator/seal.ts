// casemate operator seal: makes the server forget the root key.

import { command } from '../../command.ts';

export const seal = command({
  synopsis: 'Seal the server',
  usage: '[options]',
  help: 'Seals the server: it forgets the root key and everything it decrypted, and answers nothing until it is unsealed again. Meant for an emergency, such as an intruder on the machine. Needs a token with "sudo" on sys/seal.',
  examples: { 'Seal the server': 'operator seal' },
  output: { format: false },
  async run(context) {
    context.expect(0);
    await context.calling('Error sealing', context.client().write('sys/seal'));
    context.success(`Success! ${context.product} is sealed.`);
    return 0;
  },
});
