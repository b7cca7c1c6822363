// casemate unwrap: what a wrapping token holds.

import { keysOf } from '../../client/secret.ts';
import { command } from '../command.ts';

export const unwrap = command({
  synopsis: 'Unwrap a wrapped secret',
  usage: '[options] [TOKEN]',
  help: 'Prints the answer that a wrapping token holds, as if it had not been wrapped. That works once. Without an argument the token in use is unwrapped.',
  examples: { 'Unwrap what somebody handed to you': 'unwrap hvs.CAES...' },
  output: { field: true },
  async run(context) {
    const [argument] = context.expect(0, 1);
    const wrapping = argument?.trim();
    const secret = await context.calling('Error unwrapping', context.client().unwrap(wrapping === '' ? undefined : wrapping));
    if (secret === undefined) {
      context.success('Successfully unwrapped. There was no data in the wrapped secret.');
      return 0;
    }
    const asList = keysOf(secret) !== undefined && (context.common.field ?? '') === '';
    return asList ? context.showList(secret) : context.showSecret(secret);
  },
});
