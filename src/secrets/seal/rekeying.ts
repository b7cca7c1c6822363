// New shares for old ones: holders of enough old shares agree, new ones are handed out, and, if wanted, shown to be in good hands before the old ones end.

import { Fault } from '../../base/fault.ts';
import { wipe } from '../../crypto/wipe.ts';
import { createTurns } from '../../storage/turns.ts';
import type { Custody, Replacement } from './custody.ts';
import { checkNonce, createQuorum, type Quorum } from './quorum.ts';
import { type Bounds, checkLength, valid } from './shares.ts';

export interface RekeyStatus {
  readonly nonce: string;
  readonly started: boolean;
  /** Threshold and number of the new shares. */
  readonly t: number;
  readonly n: number;
  readonly progress: number;
  /** Old shares that are needed. */
  readonly required: number;
  readonly verificationRequired: boolean;
  /** While the new shares wait to be shown. */
  readonly verificationNonce?: string;
}

export interface Rekeyed {
  readonly nonce: string;
  /** The new shares. Secret. */
  readonly keys: readonly Uint8Array[];
  readonly verificationRequired: boolean;
  readonly verificationNonce?: string;
}

export interface Rekeying {
  status(): Promise<RekeyStatus>;
  /** Throws Fault `invalid-request` for bounds and while another attempt is under way. */
  start(wanted: Bounds, verify: boolean): Promise<RekeyStatus>;
  /** One old share; the one that completes brings the new ones. */
  update(share: Uint8Array, nonce: string | undefined): Promise<RekeyStatus | Rekeyed>;
  /** One new share; resolves to the nonce once enough were shown, and from then on they count. */
  verify(share: Uint8Array, nonce: string | undefined): Promise<RekeyStatus | string>;
  /** Forgets the new shares that were shown so far. */
  restartVerification(): Promise<RekeyStatus>;
  cancel(): void;
}

interface Attempt {
  readonly bounds: Bounds;
  readonly verify: boolean;
  readonly quorum: Quorum;
  replacement?: Replacement;
  shown?: Quorum;
}

/** `which` key the shares of this store must be of: nobody holds shares of the other one. */
export function createRekeying(custody: Custody, which: 'root' | 'recovery', uuid: () => string): Rekeying {
  const turns = createTurns();
  let attempt: Attempt | undefined;

  const terms = async () => {
    const config = await custody.terms();
    if (which === 'recovery' && config.type === 'shamir') throw new Fault('invalid-request', 'recovery rekeying not supported');
    if (which === 'root' && config.type !== 'shamir')
      throw new Fault(
        'invalid-request',
        `the root key of this store is sealed by its ${config.type} key, not by shares: rekey the recovery key`,
      );
    return config;
  };
  const status = async (): Promise<RekeyStatus> => ({
    nonce: attempt?.quorum.nonce ?? '',
    started: attempt !== undefined,
    t: attempt?.bounds.threshold ?? 0,
    n: attempt?.bounds.shares ?? 0,
    progress: (attempt?.shown ?? attempt?.quorum)?.progress ?? 0,
    required: (await terms()).threshold,
    verificationRequired: attempt?.verify ?? false,
    ...(attempt?.shown === undefined ? {} : { verificationNonce: attempt.shown.nonce }),
  });
  const running = (): Attempt => {
    if (attempt === undefined)
      throw new Fault('invalid-request', which === 'root' ? 'no barrier rekey in progress' : 'no recovery rekey in progress');
    return attempt;
  };
  const end = () => {
    attempt?.quorum.end();
    attempt?.shown?.end();
    if (attempt?.replacement !== undefined) wipe(attempt.replacement.key, ...attempt.replacement.shares);
    attempt = undefined;
  };
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const done = await turns.take('rekey');
    try {
      return await work();
    } finally {
      done();
    }
  };
  const take = async (share: Uint8Array, nonce: string | undefined): Promise<RekeyStatus | Rekeyed> => {
    const config = await terms();
    const now = running();
    if (now.replacement !== undefined)
      throw new Fault('invalid-request', 'rekey operation already finished; verification must be performed');
    checkLength(share, config);
    checkNonce(now.quorum, nonce, 'rekey');
    const shares = now.quorum.add(share, config.threshold);
    if (shares === undefined) return status();
    try {
      await custody.prove(shares);
    } finally {
      wipe(...shares);
    }
    const replacement = custody.draw(now.bounds);
    const keys = replacement.shares.map((one) => Uint8Array.from(one));
    if (now.verify) {
      now.replacement = replacement;
      now.shown = createQuorum(uuid());
      return { nonce: now.quorum.nonce, keys, verificationRequired: true, verificationNonce: now.shown.nonce };
    }
    await custody.replace(replacement);
    attempt = undefined;
    wipe(replacement.key, ...replacement.shares);
    return { nonce: now.quorum.nonce, keys, verificationRequired: false };
  };
  const show = async (share: Uint8Array, nonce: string | undefined): Promise<RekeyStatus | string> => {
    const { shown, replacement, bounds } = running();
    if (shown === undefined || replacement === undefined) throw new Fault('invalid-request', 'no rekey verification in progress');
    checkLength(share, { format: 1, type: '', ...bounds });
    checkNonce(shown, nonce, 'rekey');
    const shares = shown.add(share, bounds.threshold);
    if (shares === undefined) return status();
    const right = custody.matches(shares, replacement);
    wipe(...shares);
    if (!right) throw new Fault('invalid-request', 'the given shares do not make the new key; verification starts over');
    await custody.replace(replacement);
    end();
    return shown.nonce;
  };

  return {
    status,
    async start(wanted, verify) {
      await terms();
      if (attempt !== undefined) throw new Fault('invalid-request', 'rekey already in progress');
      attempt = { bounds: valid(wanted), verify, quorum: createQuorum(uuid()) };
      return status();
    },
    update: (share, nonce) => inTurn(() => take(share, nonce)),
    verify: (share, nonce) => inTurn(() => show(share, nonce)),
    async restartVerification() {
      const now = running();
      if (now.shown === undefined) throw new Fault('invalid-request', 'no rekey verification in progress');
      now.shown.end();
      now.shown = createQuorum(uuid());
      return status();
    },
    cancel: end,
  };
}
