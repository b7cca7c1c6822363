// casemate operator rekey: new shares for old ones.

import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, integer, text } from '../../flags.ts';
import { table } from '../../output/columns.ts';
import { wrapped } from '../../output/wrap.ts';
import { pgpKeys } from './pgp-keys.ts';
import { asked, type Body, giveShare } from './share.ts';

const flags = {
  init: bool('Begin an attempt, with -key-shares and -key-threshold.'),
  cancel: bool('End the attempt: the shares stay as they are.'),
  status: bool('Print how far the attempt is.'),
  verify: bool('With -init: the old shares end only when enough of the new ones were shown. Otherwise: show a new share.'),
  'key-shares': integer('How many new shares to make.', { default: 5 }),
  'key-threshold': integer('How many of them will be enough.', { default: 3 }),
  nonce: text('Names the attempt that the share is for; needed when the share is an argument or comes from stdin.'),
  target: text('barrier for the shares that unseal; recovery for those of a server that a key backend unseals.', { default: 'barrier' }),
  'pgp-keys': text('Refused by Casemate: PGP keys are not supported yet.'),
  backup: bool('Refused by Casemate: shares are not kept by the server.'),
} as const;

type Context = CommandContext<typeof flags>;

export const rekey = command({
  synopsis: 'Replace the shares',
  usage: '[options] [KEY]',
  help: `Replaces the shares of the root key, or of the recovery key, by new ones: as many as before or others. One person begins with -init; each holder of an old share then gives it, to the same server, with the nonce of the attempt. The last of them gets the new shares on the terminal, once; the old ones are worth nothing from then on.

With -init -verify the old shares go on counting until enough of the new ones were shown with -verify, so that nobody is locked out by shares that were lost on their way. What is stored stays as it is, and the server goes on serving.

Without an argument the share is asked for on the terminal, which does not show it; for the argument - a line of stdin is read.`,
  examples: {
    'Begin, for five shares of which three unseal': 'operator rekey -init -key-shares=5 -key-threshold=3 -verify',
    'Give an old share, without showing it': 'operator rekey',
    'Show a new share': 'operator rekey -verify',
  },
  flags,
  async run(context) {
    const given = context.flags;
    const base = baseOf(given.target);
    if (given.cancel) {
      context.expect(0);
      await asked(context, 'Error canceling rekey', 'DELETE', given.verify ? `${base}/verify` : `${base}/init`);
      context.success(given.verify ? 'Success! The new shares must be shown anew' : 'Success! Canceled rekeying (if it was started)');
      return 0;
    }
    if (given.init) return begin(context, base);
    if (given.status) {
      context.expect(0);
      const path = given.verify ? `${base}/verify` : `${base}/init`;
      return showStatus(context, await asked(context, 'Error reading rekey status', 'GET', path));
    }
    const status = await giveShare(context, given.nonce, {
      status: given.verify ? `${base}/verify` : `${base}/init`,
      update: given.verify ? `${base}/verify` : `${base}/update`,
      question: given.verify ? 'Rekey Verification Key' : 'Unseal Key',
      notBegun: `No rekey is in progress. Begin one with "${context.io.name} operator rekey -init".`,
    });
    return status['complete'] === true ? showMade(context, status) : showStatus(context, status);
  },
});

function baseOf(target: string): string {
  if (target === 'barrier') return 'sys/rekey';
  if (target === 'recovery' || target === 'hsm') return 'sys/rekey-recovery-key';
  throw new Ending(`Unknown target: ${target}`);
}

async function begin(context: Context, base: string): Promise<number> {
  context.expect(0);
  const given = context.flags;
  const status = await asked(context, 'Error initializing rekey', 'PUT', `${base}/init`, {
    secret_shares: given['key-shares'],
    secret_threshold: given['key-threshold'],
    require_verification: given.verify,
    backup: given.backup,
    pgp_keys: pgpKeys('pgp-keys', given['pgp-keys']),
  });
  return showStatus(context, status);
}

function showStatus(context: CommandContext, status: Body): number {
  const field = (name: string) => String(status[name] ?? '');
  const nonce = field('verification_nonce');
  return context.show(new Map(Object.entries(status)), () =>
    context.say(
      table([
        ['Key', 'Value'],
        ['Nonce', field('nonce')],
        ['Started', field('started')],
        ...(status['started'] === true
          ? [
              ['Rekey Progress', `${field('progress')}/${field('required') === '' ? field('t') : field('required')}`],
              ['New Shares', field('n')],
              ['New Threshold', field('t')],
              ...(field('verification_required') === '' ? [] : [['Verification Required', field('verification_required')]]),
              ...(nonce === '' ? [] : [['Verification Nonce', nonce]]),
            ]
          : []),
      ]),
    ),
  );
}

function showMade(context: CommandContext, status: Body): number {
  return context.show(new Map(Object.entries(status)), () => {
    const { keys_base64: keys, nonce, verification_nonce: verification } = status;
    const shares = Array.isArray(keys) ? keys.map(String) : [];
    for (const [at, share] of shares.entries()) context.say(`Key ${at + 1}: ${share}`);
    if (shares.length > 0) context.say('');
    context.say(`Operation nonce: ${String(nonce)}`);
    const { name } = context.io;
    if (status['verification_required'] === true && verification !== undefined)
      context.say(
        `\nVerification nonce: ${String(verification)}\n\n${wrapped(`The old shares go on counting until enough of the new ones were shown with "${name} operator rekey -verify". Give each one above to another person first.`)}`,
      );
    else if (shares.length === 0)
      context.say(`\n${wrapped('Enough of the new shares were shown: they count from now on, and the old ones are worth nothing.')}`);
    else
      context.say(
        `\n${wrapped('The old shares are worth nothing from now on. Give each one above to another person: none of them can be printed again.')}`,
      );
  });
}
