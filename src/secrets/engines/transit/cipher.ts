// Encrypts and decrypts one item: the version, the key for its context, the frame of the ciphertext.

import { Fault } from '../../../base/fault.ts';
import { wipe } from '../../../crypto/wipe.ts';
import { decodeBase64, isPlainBase64 } from './base64.ts';
import { type Parsed, parseFrame, sealedBytes } from './ciphertext.ts';
import type { Key } from './key-record.ts';
import type { Encryption, KeyVersion } from './key-types/key-type.ts';
import type { Nonces } from './nonces.ts';
import type { WorkingKeys } from './working-keys.ts';

/** What an item says beside its text. Base64; absent and empty are the same. */
export interface Circumstances {
  readonly context?: string | null | undefined;
  readonly associated_data?: string | null | undefined;
  /** 0 or absent: the newest. */
  readonly key_version?: number | null | undefined;
}

/** As it is answered. */
export type Sealed = {
  readonly ciphertext: string;
  readonly key_version: number;
};

export interface Cipher {
  /** `plaintext` is base64. Throws Fault `invalid-request`. */
  encrypt(key: Key, plaintext: string, circumstances: Circumstances): Sealed;
  /** Wipes the plaintext. Throws Fault `invalid-request`. */
  seal(key: Key, plaintext: Uint8Array, circumstances: Circumstances): Sealed;
  /** The caller's to wipe. Throws Fault `invalid-request`. */
  open(key: Key, ciphertext: string, circumstances: Circumstances): Buffer;
}

const nothing = new Uint8Array(0);

export function createCipher(keys: WorkingKeys, nonces: Nonces): Cipher {
  const sealed = (key: Key, plaintext: Uint8Array | string, circumstances: Circumstances): Sealed => {
    const encryption = encryptionOf(key, 'encryption');
    const version = sealingVersion(key, circumstances.key_version ?? 0);
    const working = keys.of(key, version, circumstances.context ?? '');
    const text = encryption.seal(working, plaintext, associatedOf(circumstances), nonces);
    return { ciphertext: version.prefix + text, key_version: version.number };
  };
  const seal: Cipher['seal'] = (key, plaintext, circumstances) => {
    try {
      return sealed(key, plaintext, circumstances);
    } finally {
      wipe(plaintext);
    }
  };
  return {
    seal,
    encrypt(key, plaintext, circumstances) {
      // Nothing is there to be wiped: the text came with the request, and goes when that is collected.
      if (isPlainBase64(plaintext) && !key.settings.convergent) return sealed(key, plaintext, circumstances);
      return seal(key, decodeBase64(plaintext), circumstances);
    },
    open(key, ciphertext, circumstances) {
      const encryption = encryptionOf(key, 'decryption');
      const parsed = parseFrame(ciphertext, 'ciphertext');
      const version = openingVersion(key, parsed);
      const sealed = sealedBytes(ciphertext, parsed);
      const working = keys.of(key, version, circumstances.context ?? '');
      return encryption.open(working, sealed, associatedOf(circumstances));
    },
  };
}

function encryptionOf({ type }: Key, what: string): Encryption {
  if (type.encryption === undefined) throw new Fault('invalid-request', `message ${what} not supported for key type ${type.name}`);
  return type.encryption;
}

function associatedOf({ associated_data: text }: Circumstances): Uint8Array {
  return text == null || text === '' ? nothing : decodeBase64(text, 'unable to decode associated_data as base64: ');
}

/** Throws Fault `invalid-request` for a version that may not encrypt. */
function sealingVersion({ settings, newest, versions }: Key, wanted: number): KeyVersion {
  if (wanted === 0 || wanted === newest.number) return newest;
  if (wanted < 0) throw new Fault('invalid-request', 'requested version for encryption is negative');
  if (wanted > newest.number) throw new Fault('invalid-request', 'requested version for encryption is higher than the latest key version');
  if (wanted < settings.minEncryption)
    throw new Fault('invalid-request', 'requested version for encryption is less than the minimum encryption key version');
  const version = versions.get(wanted);
  if (version === undefined) throw new Fault('invalid-request', 'no such key version');
  return version;
}

function openingVersion({ newest, versions }: Key, { version: said }: Parsed): KeyVersion {
  // The first release of Vault counted from 0.
  const number = said === 0 ? 1 : said;
  if (number > newest.number) throw new Fault('invalid-request', 'invalid ciphertext: version is too new');
  const version = versions.get(number);
  if (version === undefined) throw new Fault('invalid-request', 'ciphertext or signature version is disallowed by policy (too old)');
  return version;
}
