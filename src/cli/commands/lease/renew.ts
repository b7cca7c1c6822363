// casemate lease renew: what was lent is lent for longer.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { duration } from '../../flags.ts';

export const renew = command({
  synopsis: 'Renew a lease',
  usage: '[options] ID',
  help: 'Lets a lease last longer, counted from now. The server may grant less than is asked for. Leases of tokens are renewed with "token renew".',
  examples: {
    'Renew a lease': 'lease renew database/creds/readonly/2f6a614c',
    'Ask for one hour': 'lease renew -increment=1h database/creds/readonly/2f6a614c',
  },
  flags: { increment: duration('How long it is to last from now on. As long as at first when left out.') },
  async run(context) {
    const [argument] = context.expect(1);
    const id = argument.trim();
    const asked = context.client().write('sys/leases/renew', { lease_id: id, increment: context.flags.increment ?? 0 });
    const renewed = await context.calling(`Error renewing ${id}`, asked);
    if (renewed === undefined) throw new Ending(`Error renewing ${id}: the answer is empty`, 2);
    return context.showSecret(renewed);
  },
});
