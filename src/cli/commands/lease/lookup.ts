// casemate lease lookup: when a lease ends, and whether it can be renewed.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';

export const lookup = command({
  synopsis: 'Show a lease',
  usage: '[options] ID',
  help: 'Shows when a lease was issued and renewed, when it ends, and whether it can be renewed.',
  examples: { 'Show a lease': 'lease lookup database/creds/readonly/2f6a614c' },
  async run(context) {
    const [argument] = context.expect(1);
    const id = argument.trim();
    const found = await context.calling(`error looking up lease id ${id}`, context.client().write('sys/leases/lookup', { lease_id: id }));
    if (found === undefined) throw new Ending(`error looking up lease id ${id}: the answer is empty`, 2);
    return context.showSecret(found);
  },
});
