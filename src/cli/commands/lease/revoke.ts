// casemate lease revoke: what was lent is taken back before its time.

import { apiPath, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool } from '../../flags.ts';
import { wrapped } from '../../output/wrap.ts';

export const revoke = command({
  synopsis: 'Revoke leases',
  usage: '[options] ID | PREFIX',
  help: `Takes a secret back before its lease ends, or all secrets whose leases begin with a prefix. The server promises to do it and answers at once; with -sync it answers when it is done.

With -force leases are forgotten even when their secrets could not be taken back, because what they were for is gone. Somebody has to see to those secrets by hand.`,
  examples: {
    'Take one secret back': 'lease revoke database/creds/readonly/2f6a614c',
    'Take back all that a role lent, and wait for it': 'lease revoke -sync -prefix database/creds/readonly',
    'Forget the leases of a database that is gone': 'lease revoke -force -prefix database',
  },
  flags: {
    force: bool('Forget leases whose secrets cannot be taken back; -prefix belongs to it.', { aliases: ['f'] }),
    prefix: bool('The argument is the beginning of the ids of leases, whole segments of a path.'),
    sync: bool('Wait until it is done.'),
  },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const { force, prefix, sync } = context.flags;
    if (force && !prefix) throw new Ending('Specifying -force requires also specifying -prefix');
    const id = prefix ? apiPath(argument) : argument.trim();
    if (id === '') throw new Ending('the argument is empty');
    const client = context.client();
    if (force) {
      context.warn(wrapped('Warning! Secrets that cannot be taken back are forgotten all the same: see to them by hand.'));
      await context.calling(`Error force revoking leases with prefix ${id}`, client.write(`sys/leases/revoke-force/${id}`));
      context.success(`Success! Force revoked any leases with prefix: ${id}`);
      return 0;
    }
    const what = prefix ? 'leases with prefix' : 'lease';
    const asked = prefix
      ? client.write(`sys/leases/revoke-prefix/${id}`, { sync })
      : client.write('sys/leases/revoke', { lease_id: id, sync });
    await context.calling(`Error revoking ${what} ${id}`, asked);
    context.success(`Success! ${sync ? 'Revoked' : 'Queued the revocation of'} ${prefix ? `any ${what}` : what}: ${id}`);
    return 0;
  },
});
