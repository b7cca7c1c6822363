// casemate operator generate-root: a new root token, from whoever holds enough shares.

import { randomBase62 } from '../../../base/random.ts';
import { systemRandom } from '../../../crypto/random.ts';
import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, text } from '../../flags.ts';
import { columns } from '../../output/columns.ts';
import { wrapped } from '../../output/wrap.ts';
import { asked, type Body, giveShare } from './share.ts';

const attempt = 'sys/generate-root/attempt';

const flags = {
  init: bool('Begin an attempt. Without -otp the server makes up a one-time password and tells it once.'),
  cancel: bool('End the attempt, and forget the shares that were given.'),
  status: bool('Print how far the attempt is.'),
  decode: text('Print the token that this encoded token stands for; -otp belongs to it.'),
  'generate-otp': bool('Print a one-time password that fits, for -init.'),
  otp: text('The one-time password, for -init and -decode.'),
  'pgp-key': text('Refused by Casemate: PGP keys are not supported yet.'),
  nonce: text('Names the attempt that the share is for; needed when the share is an argument or comes from stdin.'),
} as const;

export const generateRoot = command({
  synopsis: 'Make a root token with shares',
  usage: '[options] [KEY]',
  help: `Makes a new root token without any other token, if enough holders of shares agree. One person begins with -init and keeps the one-time password; each holder then gives a share, to the same server, with the nonce of the attempt. The last share brings the token in an encoded form, which -decode turns into the token with the one-time password.

Without an argument the share is asked for on the terminal, which does not show it; for the argument - a line of stdin is read. Where a key backend unseals, the shares are those of the recovery key. Revoke the token when the work is done.`,
  examples: {
    'Begin, and get a one-time password': 'operator generate-root -init',
    'Give a share, without showing it': 'operator generate-root',
    'Decode the token': 'operator generate-root -decode=ENCODED -otp=PASSWORD',
  },
  flags,
  async run(context) {
    const given = context.flags;
    if (given['generate-otp']) return printPassword(context);
    if (given.decode !== undefined && given.decode !== '') return printDecoded(context, given.decode, given.otp);
    if (given.cancel) {
      context.expect(0);
      await asked(context, 'Error canceling root token generation', 'DELETE', attempt);
      context.success('Success! Root token generation canceled (if it was started)');
      return 0;
    }
    if (given.init) {
      context.expect(0);
      const body = { otp: given.otp ?? '', pgp_key: given['pgp-key'] ?? '' };
      return showStatus(context, await asked(context, 'Error initializing root generation', 'PUT', attempt, body));
    }
    if (given.status) {
      context.expect(0);
      return showStatus(context, await asked(context, 'Error getting root generation status', 'GET', attempt));
    }
    const status = await giveShare(context, given.nonce, {
      status: attempt,
      update: 'sys/generate-root/update',
      question: 'Unseal Key',
      notBegun: `No root generation is in progress. Begin one with "${context.io.name} operator generate-root -init".`,
    });
    return showStatus(context, status);
  },
});

function showStatus(context: CommandContext, status: Body): number {
  const field = (name: string) => String(status[name] ?? '');
  const encoded = field('encoded_token') === '' ? field('encoded_root_token') : field('encoded_token');
  return context.show(new Map(Object.entries(status)), () => {
    if (field('otp') !== '')
      context.warn(
        `${wrapped('The one-time password below is told this once. It is needed to decode the token: keep it from everybody who sees the encoded token.')}\n`,
      );
    const rows = [
      ['Nonce', field('nonce')],
      ['Started', field('started')],
      ['Progress', `${field('progress')}/${field('required')}`],
      ['Complete', field('complete')],
      ...(field('pgp_fingerprint') === '' ? [] : [['PGP Fingerprint', field('pgp_fingerprint')]]),
      ...(encoded === '' ? [] : [['Encoded Token', encoded]]),
      ...(field('otp') === '' ? [] : [['OTP', field('otp')]]),
      ...(['', '0'].includes(field('otp_length')) ? [] : [['OTP Length', field('otp_length')]]),
    ];
    context.say(columns(rows));
  });
}

async function printPassword(context: CommandContext): Promise<number> {
  context.expect(0);
  const status = await asked(context, 'Error getting root generation status', 'GET', attempt);
  const length = Number(status['otp_length']);
  if (!Number.isSafeInteger(length) || length < 1) throw new Ending('the server does not say how long a one-time password is', 2);
  const otp = randomBase62(systemRandom, length);
  return context.show({ otp, otp_length: length }, () => context.say(otp));
}

function printDecoded(context: CommandContext, encoded: string, otp: string | undefined): number {
  context.expect(0);
  if (otp === undefined || otp === '') throw new Ending('Missing otp: use -otp to supply it');
  const bytes = Buffer.from(encoded, 'base64');
  const pad = Buffer.from(otp);
  if (bytes.length !== pad.length || bytes.length === 0)
    throw new Ending(`Error decoding root token: the encoded token has ${bytes.length} bytes and the one-time password ${pad.length}`);
  const token = Buffer.from(bytes.map((byte, at) => byte ^ (pad[at] as number))).toString();
  return context.show({ token }, () => context.say(token));
}
