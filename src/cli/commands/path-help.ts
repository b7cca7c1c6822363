// casemate path-help: what the server says about a path.

import { isObject } from '../../client/secret.ts';
import { apiPath, command } from '../command.ts';
import { Ending } from '../ending.ts';

export const pathHelp = command({
  synopsis: 'Print the help of a path',
  usage: '[options] PATH',
  help: 'Prints what the server says about a path: what it is for, and its parameters and operations. Below a mount that is the help of one route; the path of a mount lists its routes. A token is needed, but no policy.',
  examples: { 'See the routes of a mount': 'path-help secret', 'See what a route takes': 'path-help sys/mounts' },
  async run(context) {
    const [argument] = context.expect(1);
    const asking = context.client().request('GET', apiPath(argument), undefined, { help: '1' });
    const { body } = await context.calling('Error retrieving help', asking);
    if (!isObject(body) || typeof body['help'] !== 'string') throw new Ending(`No help available for ${argument}`, 2);
    const { help } = body;
    return context.show(body, () => context.say(help.trimEnd()));
  },
});
