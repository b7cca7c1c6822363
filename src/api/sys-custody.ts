// sys/generate-root, sys/rekey and their authenticated twins: what the holders of shares may do together.

import { contract } from '../schema/contract.ts';
import { any, bool, integer, text, texts } from '../schema/fields.ts';

const rootStatus = {
  nonce: text('Names the attempt'),
  started: bool('Whether an attempt is under way'),
  progress: integer('Shares given so far'),
  required: integer('Shares that are enough'),
  complete: bool('Whether this share was the last one'),
  encoded_token: text('The token combined with the one-time password by XOR, base64 without padding', { secret: true }),
  encoded_root_token: text('The same', { secret: true }),
  pgp_fingerprint: text('Always empty'),
  otp: text('The one-time password, told once to whoever began without one', { secret: true }),
  otp_length: integer('Characters of the one-time password'),
} as const;

const share = { key: text('One share, hex or base64', { secret: true }), nonce: text('Of the attempt') } as const;

const rekeyStatus = {
  nonce: text('Names the attempt'),
  started: bool('Whether an attempt is under way'),
  t: integer('New shares that will be enough'),
  n: integer('Number of new shares'),
  progress: integer('Shares given so far'),
  required: integer('Old shares that are enough'),
  pgp_fingerprints: any('Always null'),
  backup: bool('Always false'),
  verification_required: bool('Whether the new shares count only once they were shown'),
  verification_nonce: text('Of the verification'),
  complete: bool('Whether this share was the last one'),
  keys: texts('The new shares, hex', { secret: true }),
  keys_base64: texts('The new shares, base64', { secret: true }),
} as const;

const rekeyInput = {
  secret_shares: integer('Number of new shares, 1 to 255'),
  secret_threshold: integer('How many of them will be enough'),
  require_verification: bool('The old shares end only when enough new ones were shown'),
  stored_shares: integer('Accepted for old clients', { deprecated: true }),
  pgp_keys: texts('Not supported yet: refused when given'),
  backup: bool('Not supported yet: refused when true'),
} as const;

const generateHelp =
  'Holders of enough shares (of the root key, or of the recovery key where a key backend unseals) make a root token without any other token. Each gives a share with the nonce of the attempt, to the same server. The token is told combined with a one-time password, so that only whoever began can read it.';
const rekeyHelp =
  'Holders of enough shares agree on new ones, each with a share and the nonce of the attempt, to the same server. The old shares are worth nothing from the last share on, or, where that was asked for, from the moment when enough new ones were shown.';

const generate = <const P extends string, const M>(path: P, more: M) =>
  ({
    attempt: {
      path: `${path}/attempt`,
      summary: 'An attempt to make a root token.',
      help: generateHelp,
      fields: {},
      ...more,
      operations: {
        read: { summary: 'See how far the attempt is.', output: rootStatus },
        write: {
          summary: 'Begin an attempt.',
          input: {
            otp: text('A one-time password of as many characters as the token', { secret: true }),
            pgp_key: text('Not supported yet: refused when given'),
          },
          output: rootStatus,
        },
        delete: { summary: 'End the attempt.' },
      },
    },
    update: {
      path: `${path}/update`,
      summary: 'Give a share to an attempt to make a root token.',
      help: generateHelp,
      fields: {},
      ...more,
      operations: { write: { summary: 'Give a share.', input: share, output: rootStatus } },
    },
  }) as const;

const rekey = <const P extends string, const M>(path: P, more: M) =>
  ({
    init: {
      path: `${path}/init`,
      summary: 'An attempt to replace the shares.',
      help: rekeyHelp,
      fields: {},
      ...more,
      operations: {
        read: { summary: 'See how far the attempt is.', output: rekeyStatus },
        write: { summary: 'Begin an attempt.', input: rekeyInput, output: rekeyStatus },
        delete: { summary: 'End the attempt.' },
      },
    },
    update: {
      path: `${path}/update`,
      summary: 'Give a share to an attempt to replace the shares.',
      help: rekeyHelp,
      fields: {},
      ...more,
      operations: { write: { summary: 'Give a share.', input: share, output: rekeyStatus } },
    },
    verify: {
      path: `${path}/verify`,
      summary: 'Show a new share.',
      help: rekeyHelp,
      fields: {},
      ...more,
      operations: {
        read: { summary: 'See how many were shown.', output: rekeyStatus },
        write: { summary: 'Show a share.', input: share, output: rekeyStatus },
        delete: { summary: 'Begin to show them anew.', output: rekeyStatus },
      },
    },
    backup: {
      path: `${path}/backup`,
      summary: 'Shares that were kept encrypted with PGP keys: there are none.',
      help: 'Shares are not kept by the server.',
      fields: {},
      operations: {
        read: { summary: 'Read them: always refused.', output: { keys: any('Never there') } },
        delete: { summary: 'Delete them.' },
      },
      sudo: true,
    },
  }) as const;

const open = { unauthenticated: true, bare: true } as const;
const withToken = { sudo: true } as const;

const oldRoot = generate('generate-root', open);
const newRoot = generate('generate-root-token', withToken);
const oldRekey = rekey('rekey', open);
const oldRecovery = rekey('rekey-recovery-key', open);
const newRekey = rekey('rotate/root', withToken);
const newRecovery = rekey('rotate/recovery', withToken);

export const sysCustody = contract({
  name: 'system',
  description: 'What the holders of shares may do together.',
  routes: {
    generateRoot: oldRoot.attempt,
    generateRootUpdate: oldRoot.update,
    rootToken: newRoot.attempt,
    rootTokenUpdate: newRoot.update,
    rekey: oldRekey.init,
    rekeyUpdate: oldRekey.update,
    rekeyVerify: oldRekey.verify,
    rekeyBackup: { ...oldRekey.backup, path: 'rekey/backup', injected: true },
    recovery: oldRecovery.init,
    recoveryUpdate: oldRecovery.update,
    recoveryVerify: oldRecovery.verify,
    recoveryBackup: { ...oldRecovery.backup, path: 'rekey/recovery-key-backup', injected: true },
    rotateRoot: newRekey.init,
    rotateRootUpdate: newRekey.update,
    rotateRootVerify: newRekey.verify,
    rotateRootBackup: { ...newRekey.backup, injected: true },
    rotateRecovery: newRecovery.init,
    rotateRecoveryUpdate: newRecovery.update,
    rotateRecoveryVerify: newRecovery.verify,
    rotateRecoveryBackup: { ...newRecovery.backup, injected: true },
  },
});
