// casemate audit disable: one device less for audit lines.

import { apiPath, command } from '../../command.ts';

export const disable = command({
  synopsis: 'Disable an audit device',
  usage: '[options] PATH',
  help: 'Has the server write no more audit lines to a device. What was written stays, but values can no longer be compared with its hashes: those of a device that is enabled anew are others.',
  examples: { 'Disable a device': 'audit disable file' },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const path = apiPath(argument);
    await context.calling('Error disabling audit device', context.client().delete(`sys/audit/${path}`));
    context.success(`Success! Disabled audit device (if it was enabled) at: ${path}/`);
    return 0;
  },
});
