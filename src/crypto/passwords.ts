// Passwords as bcrypt hashes, made and checked in threads of their own, a few at a time.

import { hash, verify } from '@node-rs/bcrypt';
import { Fault } from '../base/fault.ts';

export interface Passwords {
  /** A bcrypt hash of cost 10. Throws Fault `invalid-request` for more than 72 bytes, of which bcrypt would drop the rest. */
  hash(password: string, signal: AbortSignal): Promise<string>;
  /** Takes as long as the hash wants. False for what is no bcrypt hash. */
  matches(password: string, hash: string, signal: AbortSignal): Promise<boolean>;
  /** As long as `matches` with a hash of cost 10, for a user that does not exist. */
  pretend(password: string, signal: AbortSignal): Promise<void>;
}

/** Vault's, so that a user can be moved from one server to the other without a change in speed or strength. */
const cost = 10;
const longest = 72;
/** Of a password that nobody knows. */
const nobodys = '$2a$10$ZfNHOu5QQtNkTixv5jZ.mu3z1aIpxpihAJ5hwDr.P3YMWdAENl.hS';

export interface PasswordLimits {
  /** Hashes worked on side by side. The store and the audit files need threads of the same pool, which has four. */
  readonly width?: number;
  /** Who waits beyond them is sent away. */
  readonly waiting?: number;
}

/**
 * One for all mounts of a process: the bound is the process's. All throw Fault `rate-limited` when too many wait, and
 * `unavailable` when the signal says that nobody waits for the answer any more.
 */
export function createPasswords({ width = 2, waiting = 200 }: PasswordLimits = {}): Passwords {
  const queue: (() => void)[] = [];
  let running = 0;

  const turn = async (signal: AbortSignal): Promise<void> => {
    if (running < width) {
      running += 1;
      return;
    }
    if (queue.length >= waiting) throw new Fault('rate-limited', 'too many passwords are being checked; try again in a few seconds');
    await new Promise<void>((resolve, reject) => {
      const mine = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        const at = queue.indexOf(mine);
        if (at >= 0) queue.splice(at, 1);
        reject(new Fault('unavailable', 'the request was given up'));
      };
      queue.push(mine);
      signal.addEventListener('abort', leave, { once: true });
    });
  };
  const inTurn = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    if (signal.aborted) throw new Fault('unavailable', 'the request was given up');
    await turn(signal);
    try {
      return await work();
    } finally {
      // Whoever is next takes over this place.
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };

  return {
    async hash(password, signal) {
      if (Buffer.byteLength(password) > longest) throw new Fault('invalid-request', `password length exceeds ${longest} bytes`);
      return inTurn(signal, () => hash(password, cost));
    },
    matches: (password, encoded, signal) => inTurn(signal, () => verify(password, encoded)),
    async pretend(password, signal) {
      await inTurn(signal, () => verify(password, nobodys));
    },
  };
}

/** Two bits of the salt and of the digest have no room in their last letters, and must be 0. */
const form = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$/;

/** Of a bcrypt hash; undefined for what no password can ever match. */
export function passwordHashCost(encoded: string): number | undefined {
  const cost = form.exec(encoded)?.[1];
  return cost === undefined ? undefined : Number(cost);
}
