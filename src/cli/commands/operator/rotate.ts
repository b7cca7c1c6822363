// casemate operator rotate: a new key for what is written from now on.

import { command } from '../../command.ts';
import { showKeyStatus } from './key-status.ts';

export const rotate = command({
  synopsis: 'Add a key for what is written from now on',
  usage: '[options]',
  help: 'Makes the server encrypt what it writes from now on with a new key. What is stored stays readable, and neither shares nor tokens change. Needs a token with "sudo" on sys/rotate.',
  examples: { 'Add a key': 'operator rotate' },
  async run(context) {
    context.expect(0);
    await context.calling('Error rotating key', context.client().request('POST', 'sys/rotate'));
    return showKeyStatus(context, ['Success! Rotated key', '']);
  },
});
