// What the engine asks of a type of key. One file per family of types; known.ts lists them.

import type { RandomBytes } from '../../../../base/random.ts';
import type { KeyObject } from '../../../../crypto/keys.ts';
import type { Nonces } from '../nonces.ts';

/** One version of a key, ready for use. */
export interface KeyVersion {
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly key: KeyObject;
  /** Serves hmac/ and nothing else. */
  readonly hmacKey: KeyObject;
  /** In front of everything that this version makes: `vault:v1:`. */
  readonly prefix: string;
}

/** The key of one operation: a version's own, or the one that was derived from it for a context. */
export interface WorkingKey {
  readonly key: KeyObject;
  /** Of convergent keys alone: turns the plaintext into the nonce. */
  readonly nonceKey?: KeyObject;
}

export interface Encryption {
  /** What stands behind the prefix, in base64. The plaintext stays the caller's to wipe; a string is plain base64 (see base64.ts). */
  readonly seal: (working: WorkingKey, plaintext: Uint8Array | string, associated: Uint8Array, nonces: Nonces) => string;
  /** Throws Fault `invalid-request` when it was not sealed with this key and this associated data. */
  readonly open: (working: WorkingKey, sealed: Uint8Array, associated: Uint8Array) => Buffer;
}

export interface KeyType {
  /** As in the API and in storage: `aes256-gcm96`. Never given to another type. */
  readonly name: string;
  /** Its number in backups of Vault and OpenBao. */
  readonly backupNumber: number;
  /** A new key in the form that is stored, the caller's to wipe. */
  readonly generate: (random: RandomBytes) => Uint8Array | Promise<Uint8Array>;
  /** Throws Fault `invalid-request` for bytes that are no key of this type. */
  readonly load: (stored: Uint8Array) => KeyObject;
  /**
   * A key that was made elsewhere, in the form that is stored. Throws Fault `invalid-request` for bytes that are no key of this
   * type; absent where none are taken.
   */
  readonly imported?: (material: Uint8Array) => Uint8Array;
  /** What a read of the key shows of a version. */
  readonly describe: (version: KeyVersion) => unknown;
  /** How many bytes `load` takes for a key that is derived; absent where the type cannot be derived. */
  readonly derivedBytes?: number;
  readonly encryption?: Encryption;
  readonly signs: boolean;
  /** Forms in which export/encryption-key and the like give the key. Throws Fault `invalid-request` for a format that it has not. */
  readonly exports: Readonly<
    Partial<Record<'encryption-key' | 'signing-key' | 'public-key', (version: KeyVersion, format: string) => string>>
  >;
}
