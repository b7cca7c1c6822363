// casemate scan: the paths of everything below one, on all levels.

import { keysOf } from '../../client/secret.ts';
import { apiPath, command } from '../command.ts';
import { Ending } from '../ending.ts';

export const scan = command({
  synopsis: 'List data or secrets on all levels',
  usage: '[options] PATH',
  help: 'Lists everything below a path, on all levels at once. Needs the capability "scan" on the path. Not every path can be scanned: those of KV mounts can.',
  examples: { 'List all secrets of a mount': 'scan secret/metadata' },
  output: { detailed: true },
  async run(context) {
    const [argument] = context.expect(1);
    const path = apiPath(argument);
    const secret = await context.calling(`Error scanning ${path}`, context.client().read(path, { scan: 'true' }));
    if (secret === undefined) throw new Ending(`No value found at ${path}`, 2);
    if (secret.wrap_info !== undefined || keysOf(secret) === undefined) return context.showSecret(secret);
    return context.showList(secret);
  },
});
