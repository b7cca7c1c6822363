// casemate kv put: writes a secret, in version 2 as a new version of it.

import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { integer } from '../../flags.ts';
import { showWritten } from '../write.ts';
import { findPlace, mountFlag } from './place.ts';
import { showVersion } from './titled.ts';

export const put = command({
  synopsis: 'Write a secret',
  usage: '[options] PATH DATA K=V...',
  help: 'Writes a secret with the data that is given and nothing else; to change parts of it there is "kv patch". Data is given as key=value. A value @name is read from a file, a value - from stdin. A word @name.json, or - alone, gives a whole JSON object.',
  examples: {
    'Write a secret, the password from stdin': 'kv put -mount=secret app user=ann password=-',
    'Write what a JSON file says': 'kv put -mount=secret app @app.json',
    'Write a secret that must not exist yet': 'kv put -mount=secret -cas=0 app user=ann',
  },
  flags: {
    ...mountFlag,
    cas: integer('Write only if this is the number of the newest version; 0 if there is none yet.'),
  },
  output: { field: true },
  async run(context) {
    const [argument, ...words] = context.expect(1, Number.POSITIVE_INFINITY);
    if (words.length === 0) throw new Ending('Must supply data');
    const data = await context.keyValues(words);
    const { mount, cas = -1 } = context.flags;
    const place = await findPlace(context, argument, mount);
    const path = place.path('data');
    if (place.version === 1) return showWritten(context, path, () => context.client().write(path, data));
    const body = { data, options: cas > -1 ? { cas } : {} };
    return showWritten(
      context,
      path,
      () => context.client().write(path, body),
      (secret) => showVersion(context, path, secret),
    );
  },
});
