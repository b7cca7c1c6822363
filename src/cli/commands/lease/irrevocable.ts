// casemate lease irrevocable: leases that the server has given up, listed, tried again or forgotten.

import { apiPath, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool } from '../../flags.ts';
import { table } from '../../output/columns.ts';

interface Irrevocable {
  readonly lease_id: string;
  readonly mount_id: string;
  readonly error: string;
}

export const irrevocable = command({
  synopsis: 'List, retry or forget leases that could not be revoked',
  usage: '[options] [ID...]',
  help: `After six attempts the server gives a lease up: the secret may still be valid, and only an operator can end it. Without an option such leases are listed.

With -retry the named ones are tried again, with -forget they are dropped without taking the secret back: somebody has to see to it by hand. Without an ID it concerns all of them.`,
  examples: {
    'List them with the reason': 'lease irrevocable',
    'Try all of them again': 'lease irrevocable -retry',
    'Drop one whose database is gone': 'lease irrevocable -forget database/creds/readonly/2f6a614c',
  },
  flags: {
    retry: bool('Try to take the secrets back again.'),
    forget: bool('Drop the leases and leave the secrets as they are.'),
  },
  async run(context) {
    const { retry, forget } = context.flags;
    if (retry && forget) throw new Ending('-retry and -forget exclude each other');
    if (!retry && !forget && context.args.length > 0) throw new Ending('IDs belong to -retry or -forget');
    const client = context.client();
    const list = async (): Promise<readonly Irrevocable[]> => {
      const wanted = client.read('sys/leases', { type: 'irrevocable', limit: 'none' });
      const answer = await context.calling('Error listing irrevocable leases', wanted);
      return (answer?.data?.['leases'] ?? []) as readonly Irrevocable[];
    };
    if (!retry && !forget) {
      const found = await list();
      return context.show(found, () => {
        if (found.length === 0) return context.say('No lease has been given up.');
        context.say(table([['Lease', 'Mount', 'Error'], ...found.map(({ lease_id, mount_id, error }) => [lease_id, mount_id, error])]));
      });
    }
    const ids = context.args.length > 0 ? context.args.map((id) => id.trim()) : (await list()).map(({ lease_id }) => lease_id);
    let failed = 0;
    for (const id of ids) {
      try {
        await (forget
          ? client.write(`sys/leases/revoke-force/${apiPath(id)}`)
          : client.write('sys/leases/revoke', { lease_id: id, sync: true }));
      } catch (thrown) {
        failed += 1;
        context.warn(`${id}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      }
    }
    context.success(`${failed === 0 ? 'Success! ' : ''}${forget ? 'Forgot' : 'Revoked'} ${ids.length - failed} of ${ids.length} leases`);
    return failed === 0 ? 0 : 2;
  },
});
