// casemate print: what the command works with.

import { command, type Group } from '../command.ts';

const token = command({
  synopsis: 'Print the token in use',
  usage: '',
  help: 'Prints the token that calls are made with: that of the environment, else that of the last login.',
  examples: { 'Hand the token to another program': 'print token' },
  output: { format: false },
  async run(context) {
    context.expect(0);
    context.say(context.token() ?? '');
    return 0;
  },
});

export const print: Group = {
  synopsis: 'Print what the command works with',
  help: 'Prints values that the command found in the environment and in files.',
  examples: { 'Print the token in use': 'print token' },
  commands: { token },
};
