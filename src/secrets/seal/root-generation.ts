// A new root token for whoever holds enough shares: handed out combined with a one-time password that only the asker knows.

import { Fault } from '../../base/fault.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import { wipe } from '../../crypto/wipe.ts';
import { createTurns } from '../../storage/turns.ts';
import type { Custody } from './custody.ts';
import { checkNonce, createQuorum, type Quorum } from './quorum.ts';
import { checkLength } from './shares.ts';

export interface RootStatus {
  readonly nonce: string;
  readonly started: boolean;
  readonly progress: number;
  readonly required: number;
  readonly complete: boolean;
  /** Base64 without padding: the token, combined with the password by XOR. */
  readonly encodedToken: string;
  /** Told once, to whoever began without a password. */
  readonly otp: string;
  readonly otpLength: number;
}

export interface RootGeneration {
  status(): Promise<RootStatus>;
  /** Without a password one is made up. Throws Fault `invalid-request` while another attempt is under way. */
  start(otp: string | undefined): Promise<RootStatus>;
  /** One share. The one that completes brings the token; a wrong set ends the attempt's progress with Fault `invalid-request`. */
  update(share: Uint8Array, nonce: string | undefined): Promise<RootStatus>;
  cancel(): void;
}

export interface RootGenerationParts {
  readonly custody: Custody;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly makeToken: () => Promise<string>;
}

/** Of a root token: `hvs.` and 24 characters. */
const tokenLength = 28;

export function createRootGeneration({ custody, random, uuid, makeToken }: RootGenerationParts): RootGeneration {
  const turns = createTurns();
  let attempt: { readonly otp: string; quorum: Quorum } | undefined;

  const status = async (more: Partial<RootStatus> = {}): Promise<RootStatus> => ({
    nonce: attempt?.quorum.nonce ?? '',
    started: attempt !== undefined,
    progress: attempt?.quorum.progress ?? 0,
    required: (await custody.terms()).threshold,
    complete: false,
    encodedToken: '',
    otp: '',
    otpLength: tokenLength,
    ...more,
  });
  const take = async (share: Uint8Array, nonce: string | undefined): Promise<RootStatus> => {
    const terms = await custody.terms();
    if (attempt === undefined) throw new Fault('invalid-request', 'no root generation in progress');
    const { otp, quorum } = attempt;
    checkLength(share, terms);
    checkNonce(quorum, nonce, 'root generation');
    const shares = quorum.add(share, terms.threshold);
    if (shares === undefined) return status({ otpLength: 0 });
    try {
      await custody.prove(shares);
    } finally {
      wipe(...shares);
    }
    const encodedToken = combined(await makeToken(), otp);
    attempt = undefined;
    const { threshold } = terms;
    return status({ nonce: quorum.nonce, started: true, progress: threshold, complete: true, encodedToken, otpLength: 0 });
  };

  return {
    status,
    async start(given) {
      await custody.terms();
      if (attempt !== undefined) throw new Fault('invalid-request', 'root generation already in progress for this namespace');
      if (given !== undefined && Buffer.byteLength(given) !== tokenLength)
        throw new Fault('invalid-request', `OTP string is wrong length: it must have ${tokenLength} characters`);
      const otp = given ?? randomBase62(random, tokenLength);
      attempt = { otp, quorum: createQuorum(uuid()) };
      return status(given === undefined ? { otp } : {});
    },
    async update(share, nonce) {
      const end = await turns.take('update');
      try {
        return await take(share, nonce);
      } finally {
        end();
      }
    },
    cancel() {
      attempt?.quorum.end();
      attempt = undefined;
    },
  };
}

function combined(token: string, otp: string): string {
  const pad = Buffer.from(otp);
  const bytes = Buffer.from(token);
  // A token of another length could only be told in part.
  if (bytes.length !== pad.length) throw new Fault('internal', 'the root token does not have the length of the password');
  return Buffer.from(bytes.map((byte, at) => byte ^ (pad[at] as number)))
    .toString('base64')
    .replace(/=+$/, '');
}
