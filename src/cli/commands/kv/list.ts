// casemate kv list: the names of the secrets below a path.

import { command } from '../../command.ts';
import { listFlags } from '../../common-flags.ts';
import { Ending } from '../../ending.ts';
import { showListed } from '../list.ts';
import { findPlace, mountFlag } from './place.ts';

export const list = command({
  synopsis: 'List secrets',
  usage: '[options] [PATH]',
  help: 'Lists the names below a path. A name that ends in a slash has names below it. With -mount the path may be left out.',
  examples: {
    'List the secrets of a mount': 'kv list -mount=secret',
    'List those below a path': 'kv list -mount=secret team/',
  },
  flags: { ...mountFlag, ...listFlags },
  output: { detailed: true },
  async run(context) {
    const [argument = ''] = context.expect(0, 1);
    const { mount = '' } = context.flags;
    if (argument === '' && mount === '') throw new Ending('Not enough arguments (expected 1, got 0)');
    const place = await findPlace(context, argument, mount);
    return showListed(context, place.path('metadata'), context.flags);
  },
});
