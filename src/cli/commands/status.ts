// casemate status: whether the server is sealed, also as an exit code.

import { isObject } from '../../client/secret.ts';
import { command } from '../command.ts';
import { Ending } from '../ending.ts';
import { showSealStatus } from '../seal-status.ts';

export const status = command({
  synopsis: 'Print the state of the seal',
  usage: '[options]',
  help: 'Prints whether the server is initialised and sealed, how many shares were given, and its version. A token is not needed. The exit code is 0 when the server is unsealed, 2 when it is sealed, and 1 when it cannot be asked.',
  examples: { 'Wait until a server is unsealed': 'status -format=json' },
  failsWith: 1,
  async run(context) {
    context.expect(0);
    // Namespaces answer only once the server is unsealed.
    const asked = context.client().with({ namespace: undefined }).request('GET', 'sys/seal-status');
    const { body } = await context.calling('Error checking seal status', asked);
    if (!isObject(body)) throw new Ending('Error checking seal status: the answer is no object');
    await showSealStatus(context, body);
    return body['sealed'] === true ? 2 : 0;
  },
});
