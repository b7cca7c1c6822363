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
  return checked(JSON.parse(Buffer.from(bytes).toString()) as SealConfig);
}

export function encodeSealedRoot(sealed: SealedBytes): Uint8Array {
  const annotations = Object.fromEntries(
    Object.entries(sealed.annotations).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  );
  const stored: StoredRoot = { format: 1, keyId: sealed.keyId, ciphertext: Buffer.from(sealed.ciphertext).toString('base64'), annotations };
  return Buffer.from(JSON.stringify(stored));
}

export function decodeSealedRoot(bytes: Uint8Array): SealedBytes {
  const stored = checked(JSON.parse(Buffer.from(bytes).toString()) as StoredRoot);
  const annotations = Object.fromEntries(Object.entries(stored.annotations).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
  return { keyId: stored.keyId, ciphertext: Buffer.from(stored.ciphertext, 'base64'), annotations };
}

function checked<T extends { readonly format: number }>(stored: T): T {
  if (stored.format !== 1) throw new Fault('corrupted', 'the seal of this store was written by a newer version; start that version again');
  return stored;
}
