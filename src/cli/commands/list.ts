// casemate list: the names below a path.

import { keysOf } from '../../client/secret.ts';
import { apiPath, type CommandContext, command } from '../command.ts';
import { listFlags } from '../common-flags.ts';
import { Ending } from '../ending.ts';

export const list = command({
  synopsis: 'List data or secrets',
  usage: '[options] PATH',
  help: 'Lists the names below a path. A name that ends in a slash has names below it.',
  examples: { 'List the secrets of a mount': 'list cubbyhole', 'List in pages': 'list -after=last-serial -limit=50 pki/certs' },
  flags: listFlags,
  output: { detailed: true },
  async run(context) {
    const [argument] = context.expect(1);
    return showListed(context, apiPath(argument), context.flags);
  },
});

export interface Pages {
  readonly after: string | undefined;
  readonly limit: number | undefined;
}

/** Asks for the names below a path and prints them. Throws Ending where there are none. */
export async function showListed(context: CommandContext, path: string, { after, limit }: Pages): Promise<number> {
  // Paths that do not know pages would warn of parameters that nobody gave.
  const paged = after !== undefined || (limit ?? 0) > 0;
  const query = paged ? { after: after ?? '', limit: String(limit ?? -1) } : {};
  const secret = await context.calling(`Error listing ${path}`, context.client().list(path, query));
  if (secret?.wrap_info !== undefined) return context.showSecret(secret);
  if (keysOf(secret) === undefined && context.format !== 'table') {
    context.show({}, () => {});
    return 2;
  }
  if (secret === undefined) throw new Ending(`No value found at ${path}`, 2);
  if (secret.data === null) return context.showSecret(secret);
  if (keysOf(secret) === undefined) throw new Ending(`No entries found at ${path}`, 2);
  return context.showList(secret);
}
