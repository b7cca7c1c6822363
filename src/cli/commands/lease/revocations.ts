// casemate lease revocations: how far the server has come with taking back what lies below a prefix.

import { command } from '../../command.ts';
import { table } from '../../output/columns.ts';

interface Revocation {
  readonly prefix: string;
  readonly started: string;
  readonly force: boolean;
  readonly done: number | null;
  readonly failed: number | null;
}

export const revocations = command({
  synopsis: 'Show revocations of prefixes that are not finished',
  usage: '[options]',
  help: 'All leases below a prefix are useless from the moment that their revocation was asked for. Their secrets are taken back one after the other: this shows how many it were so far. What failed is tried again by itself.',
  examples: { 'See how far it has come': 'lease revocations' },
  async run(context) {
    context.expect(0);
    const answer = await context.calling('Error reading the revocations', context.client().read('sys/leases/revocations'));
    const found = (answer?.data?.['revocations'] ?? []) as readonly Revocation[];
    return context.show(found, () => {
      if (found.length === 0) return context.say('No revocation is under way.');
      context.say(
        table([
          ['Prefix', 'Started', 'Done', 'Failed', 'Force'],
          ...found.map(({ prefix, started, done, failed, force }) => [prefix, started, counted(done), counted(failed), String(force)]),
        ]),
      );
    });
  },
});

/** Another server counts what it takes back. */
function counted(number: number | null): string {
  return number === null ? 'n/a' : String(number);
}
