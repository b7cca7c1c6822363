// Shares of a key: how many, how long, how they are written, and how they are made.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { split } from '../../crypto/shamir.ts';
import type { SealConfig } from './stored.ts';

export const rootKeyBytes = 32;
const longestShare = rootKeyBytes + 1;

/** Hex first, then base64. */
export function parseShare(text: string): Uint8Array {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return Buffer.from(text, 'hex');
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return Buffer.from(text, 'base64');
  throw new Fault('invalid-request', "'key' must be a valid hex or base64 string");
}

/** Throws Fault `invalid-request` for what cannot be a share of this store. */
export function checkLength(share: Uint8Array, { threshold }: SealConfig): void {
  const exact = threshold === 1 ? rootKeyBytes : longestShare;
  if (share.length > longestShare) throw new Fault('invalid-request', `invalid key: key is longer than maximum ${longestShare} bytes`);
  if (share.length < 16) throw new Fault('invalid-request', 'invalid key: key is shorter than minimum 16 bytes');
  if (share.length !== exact) throw new Fault('invalid-request', `invalid key: a share of this store has ${exact} bytes`);
}

export interface Bounds {
  readonly shares: number;
  readonly threshold: number;
}

/** Throws Fault `invalid-request` for numbers that cannot be. */
export function valid({ shares, threshold }: Bounds): Bounds {
  const refuse = (why: string): never => {
    throw new Fault('invalid-request', `invalid seal configuration: ${why}`);
  };
  if (shares < 1) refuse('shares must be at least one');
  if (threshold < 1) refuse('threshold must be at least one');
  if (shares > 1 && threshold === 1) refuse('threshold must be greater than one for multiple shares');
  if (shares > 255) refuse('shares must be less than 256');
  if (threshold > 255) refuse('threshold must be less than 256');
  if (threshold > shares) refuse('threshold cannot be larger than shares');
  return { shares, threshold };
}

/** A single share is the secret itself; none are made for 0. */
export function sharesOf(secret: Uint8Array, { shares, threshold }: Bounds, random: RandomBytes): Uint8Array[] {
  if (shares === 0) return [];
  return shares === 1 ? [Uint8Array.from(secret)] : split(secret, shares, threshold, random);
}
