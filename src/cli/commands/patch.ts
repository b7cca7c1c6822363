// casemate patch: changes the members that are given and leaves the others.

import { command } from '../command.ts';
import { forceFlag, showWritten, writtenData } from './write.ts';

export const patch = command({
  synopsis: 'Change parts of data, configuration and secrets',
  usage: '[options] PATH [DATA K=V...]',
  help: 'Changes data at a path: only what is given is changed (a JSON merge patch, RFC 7396). Data is given as with "write"; null in a JSON file removes a member.',
  examples: {
    'Change one setting': 'patch pki/roles/example allow_localhost=false',
    'Change what a JSON file says': 'patch pki/roles/example @changes.json',
  },
  flags: forceFlag,
  output: { field: true },
  async run(context) {
    const { path, data } = await writtenData(context, context.flags.force);
    return showWritten(context, path, () => context.client().patch(path, data));
  },
});
