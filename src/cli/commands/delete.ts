// casemate delete: removes what stands at a path.

import type { Secret } from '../../client/secret.ts';
import { apiPath, type CommandContext, command } from '../command.ts';
import { showRefused } from './write.ts';

export const remove = command({
  synopsis: 'Delete secrets and configuration',
  usage: '[options] PATH [K=V...]',
  help: 'Deletes what stands at a path; what that does is up to what is mounted there. Nothing there is no error. Parameters of the path are given as key=value.',
  examples: { 'Delete a secret': 'delete cubbyhole/my-secret' },
  output: { field: true },
  async run(context) {
    const [argument, ...words] = context.expect(1, Number.POSITIVE_INFINITY);
    const path = apiPath(argument);
    const query = await context.keyTexts(words);
    return showDeleted(context, path, () => context.client().delete(path, query));
  },
});

/** Prints the answer, or that there was none to print, and what came beside a refusal. */
export async function showDeleted(context: CommandContext, path: string, work: () => Promise<Secret | undefined>): Promise<number> {
  try {
    const secret = await context.calling(`Error deleting ${path}`, work());
    if (secret !== undefined) return context.showSecret(secret);
    context.success(`Success! Data deleted (if it existed) at: ${path}`);
    return 0;
  } catch (thrown) {
    showRefused(context, thrown);
    throw thrown;
  }
}
