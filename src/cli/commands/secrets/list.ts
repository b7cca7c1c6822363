// casemate secrets list: what is mounted where.

import { command } from '../../command.ts';
import { table } from '../../output/columns.ts';
import { detailedRows, mountStruct, mountsOf, plainRows } from './mount-view.ts';

export const list = command({
  synopsis: 'List the mounted secrets engines',
  usage: '[options]',
  help: 'Lists the secrets engines with the paths that they are mounted at.',
  examples: {
    'See what is mounted': 'secrets list',
    'See how it is set': 'secrets list -detailed',
  },
  output: { detailed: true },
  async run(context) {
    context.expect(0);
    const secret = await context.calling('Error listing secrets engines', context.client().read('sys/mounts'));
    if (secret?.wrap_info !== undefined) return context.showSecret(secret);
    const mounts = mountsOf(secret?.data ?? {});
    const structs = Object.fromEntries(mounts.map(([path, mount]) => [path, mountStruct(mount)]));
    const rows = context.detailed ? detailedRows(mounts) : plainRows(mounts);
    return context.show(structs, () => context.say(table(rows)));
  },
});
