// Handlers of sys/generate-root and sys/rekey, with and without a token.

import { sysCustody } from '../../api/sys-custody.ts';
import { Fault } from '../../base/fault.ts';
import { type Answer, engine, type OpenEngine } from '../core/engine.ts';
import type { Rekeyed, Rekeying, RekeyStatus } from '../seal/rekeying.ts';
import type { RootGeneration, RootStatus } from '../seal/root-generation.ts';
import { parseShare } from '../seal/shares.ts';

export interface CustodyRouteParts {
  readonly generation: RootGeneration;
  readonly root: Rekeying;
  readonly recovery: Rekeying;
}

interface ShareInput {
  readonly key?: string | undefined;
  readonly nonce?: string | undefined;
}

interface RekeyInput {
  readonly secret_shares?: number | undefined;
  readonly secret_threshold?: number | undefined;
  readonly require_verification?: boolean | undefined;
  readonly pgp_keys?: readonly string[] | undefined;
  readonly backup?: boolean | undefined;
}

export function openCustody({ generation, root, recovery }: CustodyRouteParts): OpenEngine {
  const attempt = {
    read: async () => describeRoot(await generation.status()),
    write: async ({ otp, pgp_key: pgp }: { readonly otp?: string | undefined; readonly pgp_key?: string | undefined }) => {
      if (pgp !== undefined && pgp !== '') throw withoutPgp();
      return describeRoot(await generation.start(otp === '' ? undefined : otp));
    },
    delete: () => {
      generation.cancel();
      return undefined;
    },
  };
  const update = { write: async (input: ShareInput) => describeRoot(await generation.update(shareOf(input), input.nonce)) };
  const rootRoutes = rekeyRoutes(root);
  const recoveryRoutes = rekeyRoutes(recovery);

  return engine<typeof sysCustody>({
    contract: sysCustody,
    handlers: {
      generateRoot: attempt,
      generateRootUpdate: update,
      rootToken: attempt,
      rootTokenUpdate: update,
      rekey: rootRoutes.init,
      rekeyUpdate: rootRoutes.update,
      rekeyVerify: rootRoutes.verify,
      rekeyBackup: noBackup,
      recovery: recoveryRoutes.init,
      recoveryUpdate: recoveryRoutes.update,
      recoveryVerify: recoveryRoutes.verify,
      recoveryBackup: noBackup,
      rotateRoot: rootRoutes.init,
      rotateRootUpdate: rootRoutes.update,
      rotateRootVerify: rootRoutes.verify,
      rotateRootBackup: noBackup,
      rotateRecovery: recoveryRoutes.init,
      rotateRecoveryUpdate: recoveryRoutes.update,
      rotateRecoveryVerify: recoveryRoutes.verify,
      rotateRecoveryBackup: noBackup,
    },
  });
}

function rekeyRoutes(rekeying: Rekeying) {
  return {
    init: {
      read: async () => describeRekey(await rekeying.status()),
      write: async (input: RekeyInput) => {
        if (input.backup === true || (input.pgp_keys ?? []).length > 0) throw withoutPgp();
        const bounds = { shares: input.secret_shares ?? 0, threshold: input.secret_threshold ?? 0 };
        return describeRekey(await rekeying.start(bounds, input.require_verification ?? false));
      },
      delete: () => {
        rekeying.cancel();
        return undefined;
      },
    },
    update: {
      write: async (input: ShareInput) => {
        const reached = await rekeying.update(shareOf(input), input.nonce);
        return 'keys' in reached ? describeRekeyed(reached) : describeRekey(reached);
      },
    },
    verify: {
      read: async () => describeVerification(await rekeying.status()),
      write: async (input: ShareInput): Promise<Answer> => {
        const reached = await rekeying.verify(shareOf(input), input.nonce);
        return typeof reached === 'string' ? { data: { nonce: reached, complete: true } } : describeVerification(reached);
      },
      delete: async () => describeVerification(await rekeying.restartVerification()),
    },
  };
}

const noBackup = {
  read: (): never => {
    throw new Fault('invalid-request', 'no backed-up keys found');
  },
  delete: () => undefined,
};

function withoutPgp(): Fault {
  return new Fault('invalid-request', 'PGP keys are not supported yet: leave them out and encrypt what you get yourself');
}

function shareOf({ key }: ShareInput): Uint8Array {
  if (key === undefined || key === '') throw new Fault('invalid-request', "'key' must be specified in request body as JSON");
  return parseShare(key);
}

function describeRoot(status: RootStatus): Answer {
  return {
    data: {
      nonce: status.nonce,
      started: status.started,
      progress: status.progress,
      required: status.required,
      complete: status.complete,
      encoded_token: status.encodedToken,
      encoded_root_token: status.encodedToken,
      pgp_fingerprint: '',
      otp: status.otp,
      otp_length: status.otpLength,
    },
  };
}

function describeRekey(status: RekeyStatus): Answer {
  return {
    data: {
      nonce: status.nonce,
      started: status.started,
      t: status.t,
      n: status.n,
      progress: status.progress,
      required: status.required,
      pgp_fingerprints: null,
      backup: false,
      verification_required: status.verificationRequired,
      ...nonceOf(status),
    },
  };
}

function describeRekeyed(rekeyed: Rekeyed): Answer {
  return {
    data: {
      nonce: rekeyed.nonce,
      complete: true,
      keys: rekeyed.keys.map((key) => Buffer.from(key).toString('hex')),
      keys_base64: rekeyed.keys.map((key) => Buffer.from(key).toString('base64')),
      pgp_fingerprints: null,
      backup: false,
      verification_required: rekeyed.verificationRequired,
      ...nonceOf(rekeyed),
    },
  };
}

function describeVerification({ verificationNonce, t, n, progress }: RekeyStatus): Answer {
  if (verificationNonce === undefined) throw new Fault('invalid-request', 'no rekey verification in progress');
  return { data: { nonce: verificationNonce, started: true, t, n, progress } };
}

function nonceOf({ verificationNonce }: Pick<RekeyStatus, 'verificationNonce'>): Record<string, unknown> {
  return verificationNonce === undefined ? {} : { verification_nonce: verificationNonce };
}
