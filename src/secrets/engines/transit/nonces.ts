// Random nonces, fetched from the generator many at a time: one call for each would cost as much as the encryption.

import type { RandomBytes } from '../../../base/random.ts';
import { nonceBytes } from '../../../crypto/aead.ts';

/** 12 bytes that were never returned before. */
export type Nonces = () => Uint8Array;

const atOnce = 256;

/**
 * Random nonces of 96 bits collide: NIST SP 800-38D, section 8.3, allows 2^32 encryptions under one key, after which two
 * have shared a nonce with a probability of 2^-33. Rotate a key before one of its versions has encrypted that often; each
 * context of a derived key counts for itself, and convergent keys draw no random nonces.
 */
export function createNonces(random: RandomBytes): Nonces {
  let pool: Uint8Array = new Uint8Array(0);
  let next = 0;
  return () => {
    if (next === pool.length) {
      pool = random(nonceBytes * atOnce);
      next = 0;
    }
    next += nonceBytes;
    return pool.subarray(next - nonceBytes, next);
  };
}
