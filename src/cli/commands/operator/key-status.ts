// casemate operator key-status: the key that the server encrypts with now.

import { isObject } from '../../../client/secret.ts';
import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { columns } from '../../output/columns.ts';

export const keyStatus = command({
  synopsis: 'Print the key that the server encrypts with',
  usage: '[options]',
  help: 'Prints the term of the key that entries are encrypted with now, when it was made, and how many entries were encrypted with it.',
  examples: { 'See how old the key is': 'operator key-status' },
  async run(context) {
    context.expect(0);
    return showKeyStatus(context);
  },
});

/** Prints what sys/key-status answers, below the `before` lines. Returns 0. */
export async function showKeyStatus(context: CommandContext, before: readonly string[] = []): Promise<number> {
  const secret = await context.calling('Error reading key status', context.client().read('sys/key-status'));
  if (!isObject(secret?.data)) throw new Ending('Error reading key status: the answer holds no data', 2);
  const { term, install_time: installed, encryptions } = secret.data;
  const struct = new Map<string, unknown>([
    ['term', term],
    ['install_time', installed],
    ['encryptions', encryptions],
  ]);
  return context.show(struct, () => {
    for (const line of before) context.say(line);
    context.say(
      columns([
        ['Key Term', String(term)],
        ['Install Time', rfc822(String(installed))],
        ['Encryption Count', String(encryptions)],
      ]),
    );
  });
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As Go's time.RFC822 prints a time in UTC: `23 Nov 26 10:51 UTC`. A text that is no time stays as it is. */
function rfc822(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const [, year, month, day, clock] = /^\d\d(\d\d)-(\d\d)-(\d\d)T(\d\d:\d\d)/.exec(time.toISOString()) ?? [];
  return `${day} ${months[Number(month) - 1]} ${year} ${clock} UTC`;
}
