// casemate kv rollback: an older version of a secret written anew.

import { isObject } from '../../../client/secret.ts';
import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { integer } from '../../flags.ts';
import { showWritten } from '../write.ts';
import { findVersioned, memberOf, mountFlag, readBefore } from './place.ts';

export const rollback = command({
  synopsis: 'Write an older version of a secret anew',
  usage: '[options] PATH',
  help: 'Writes the data of an older version as a new one. The versions in between stay. Nothing is written if somebody else writes the secret meanwhile.',
  examples: { 'Go back to the first version': 'kv rollback -mount=secret -version=1 app' },
  flags: { ...mountFlag, version: integer('Version to go back to.') },
  output: { field: true },
  async run(context) {
    const [argument] = context.expect(1);
    const { mount, version } = context.flags;
    if (version === undefined) throw new Ending('Version flag must be specified');
    if (version <= 0) throw new Ending(`Invalid value ${version} for the version flag`);
    const refusal = { sentence: 'K/V engine mount must be version 2 for rollback support', exit: 2 } as const;
    const path = (await findVersioned(context, argument, mount, refusal)).path('data');
    const newest = memberOf(await readBefore(context, path), 'metadata', path);
    const wanted = await readBefore(context, path, version);
    const { deletion_time: deleted, destroyed } = memberOf(wanted, 'metadata', path);
    if (destroyed === true) throw new Ending('Cannot roll back to a version that has been destroyed', 2);
    // A time without data has passed; one with data is when the version will be deleted.
    if (deleted !== '' && !isObject(wanted.data?.['data'])) throw new Ending('Cannot roll back to a version that has been deleted', 2);
    const body = { data: memberOf(wanted, 'data', path), options: { cas: newest['version'] } };
    return showWritten(context, path, () => context.client().write(path, body));
  },
});
