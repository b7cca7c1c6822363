// What the seal keeps in the store, outside of the barrier: how many shares there are, and the root key as a key backend sealed it.

import { Fault } from '../../base/fault.ts';
import type { SealedBytes } from '../../keys/key-backend.ts';

/** Its presence means that the store is initialised: it is written last. */
export const sealConfigKey = 'core/seal-config';
export const sealedRootKey = 'core/seal-root';

export interface SealConfig {
  readonly format: 1;
  readonly type: string;
  readonly shares: number;
  readonly threshold: number;
  /** Hex SHA-256 of the key that the recovery shares make: 32 random bytes, so the digest tells nothing of it. */
  readonly recoveryDigest?: string;
}

interface StoredRoot {
  readonly format: 1;
  readonly keyId: string;
  /** Base64. */
  readonly ciphertext: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export function encodeSeal(config: SealConfig): Uint8Array {
  return Buffer.from(JSON.stringify(config));
}

export function decodeSeal(bytes: Uint8Array): SealConfig {
  return checked<SealConfig>(bytes);
}

export function encodeSealedRoot(sealed: SealedBytes): Uint8Array {
  const annotations = Object.fromEntries(
    Object.entries(sealed.annotations).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  );
  const stored: StoredRoot = { format: 1, keyId: sealed.keyId, ciphertext: Buffer.from(sealed.ciphertext).toString('base64'), annotations };
  return Buffer.from(JSON.stringify(stored));
}

export function decodeSealedRoot(bytes: Uint8Array): SealedBytes {
  const stored = checked<StoredRoot>(bytes);
  const annotations = Object.fromEntries(Object.entries(stored.annotations).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
  return { keyId: stored.keyId, ciphertext: Buffer.from(stored.ciphertext, 'base64'), annotations };
}

function checked<T extends { readonly format: number }>(bytes: Uint8Array): T {
  let stored: T;
  try {
    stored = JSON.parse(Buffer.from(bytes).toString()) as T;
  } catch (cause) {
    throw new Fault('corrupted', 'what the store keeps of its seal is damaged: restore it from a backup', { cause });
  }
  if (stored.format !== 1) throw new Fault('corrupted', 'the seal of this store was written by a newer version; start that version again');
  return stored;
}
