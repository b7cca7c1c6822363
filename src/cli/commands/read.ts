// casemate read: what stands at a path.

import { apiPath, command } from '../command.ts';
import { Ending } from '../ending.ts';

export const read = command({
  synopsis: 'Read data and secrets',
  usage: '[options] PATH [K=V...]',
  help: 'Reads what stands at a path: a secret, credentials that are made for you, settings. Parameters of the path are given as key=value.',
  examples: {
    'Read a secret': 'read cubbyhole/my-secret',
    'Print one field of it for a script': 'read -field=password cubbyhole/my-secret',
  },
  output: { field: true, raw: true },
  async run(context) {
    const [argument, ...words] = context.expect(1, Number.POSITIVE_INFINITY);
    const path = apiPath(argument);
    const query = await context.keyTexts(words);
    if (context.format === 'raw') {
      const answer = await context.calling(`Error reading: ${path}`, context.client().raw('GET', path, { query }));
      // The bytes as they came: they may be a certificate or a snapshot.
      context.io.stdout.write(answer.body);
      return 0;
    }
    const secret = await context.calling(`Error reading ${path}`, context.client().read(path, query));
    if (secret === undefined) throw new Ending(`No value found at ${path}`, 2);
    return context.showSecret(secret);
  },
});
