// SHA-256 of what comes in pieces and is too long to be held.

import { createHash } from 'node:crypto';

export interface RunningDigest {
  add(piece: Uint8Array): void;
  /** Once, at the end. */
  digest(): Buffer;
}

export function runningSha256(): RunningDigest {
  const hash = createHash('sha256');
  return {
    add(piece) {
      hash.update(piece);
    },
    digest: () => hash.digest(),
  };
}
