// Comparison that takes the same time wherever the difference lies.

import { hash, timingSafeEqual } from 'node:crypto';

/** Digests of both are compared, so lengths may differ and tell nothing beyond the time to hash them. */
export function equalSecrets(one: string | Uint8Array, other: string | Uint8Array): boolean {
  return timingSafeEqual(hash('sha256', one, 'buffer'), hash('sha256', other, 'buffer'));
}
