// What is stored of data that a cloud's key sealed: a header that names the key, and the cloud's own ciphertext, of the data or of a key for it.

import type { RandomBytes } from '../../base/random.ts';
import { nonceBytes, open, sealInto, tagBytes } from '../../crypto/aead.ts';
import { sha256 } from '../../crypto/hash.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { wipe } from '../../crypto/wipe.ts';

/**
 * Never to change:
 *
 *     "CMC"  form  key[8]  name[8]  body
 *
 * `key` are the first bytes of the SHA-256 of the key, `name` those of its name with the version. Form 1: the body is the
 * cloud's ciphertext of the data. Form 2: length[2, big endian], the cloud's ciphertext of an AES-256 key, nonce[12], and the data
 * sealed with that key by GCM, with the header as associated data.
 */
const magic = Buffer.from('CMC');
const fingerprintBytes = 8;
const headerBytes = magic.length + 1 + 2 * fingerprintBytes;
const direct = 1;
const enveloped = 2;

/** Every cloud encrypts this much at once, and kube-apiserver's and a server's keys are smaller; none encrypts nothing. */
const directBytes = 128;

export interface KeyName {
  /** Without a version. */
  readonly key: string;
  /** With the version where the cloud tells it. */
  readonly keyId: string;
}

export type Form = typeof direct | typeof enveloped;

/** What the cloud is to encrypt: the data itself, or a new key for it. The caller wipes `inner`. */
export function innerOf(plaintext: Uint8Array, random: RandomBytes): { readonly form: Form; readonly inner: Uint8Array } {
  if (plaintext.length > 0 && plaintext.length <= directBytes) return { form: direct, inner: Uint8Array.from(plaintext) };
  return { form: enveloped, inner: random(32) };
}

export interface Inner {
  readonly form: Form;
  readonly inner: Uint8Array;
  /** The cloud's ciphertext of `inner`. */
  readonly blob: Uint8Array;
}

export function packed(name: KeyName, { form, inner, blob }: Inner, plaintext: Uint8Array, random: RandomBytes): Uint8Array {
  const header = Buffer.concat([magic, Uint8Array.of(form), fingerprint(name.key), fingerprint(name.keyId)]);
  if (form === direct) return Buffer.concat([header, blob]);
  const nonce = random(nonceBytes);
  const sealed = new Uint8Array(plaintext.length + tagBytes);
  sealInto(keyFromBytes(inner), nonce, plaintext, header, sealed, 0);
  return Buffer.concat([header, Uint8Array.of(blob.length >> 8, blob.length & 0xff), blob, nonce, sealed]);
}

export interface Unpacked {
  readonly blob: Uint8Array;
  hasKey(key: string): boolean;
  hasKeyId(keyId: string): boolean;
  /** `undefined` when the data is damaged. */
  open(inner: Uint8Array): Buffer | undefined;
}

/** Whether the bytes begin as those that this program stores. */
export function isPacked(ciphertext: Uint8Array): boolean {
  return magic.equals(ciphertext.subarray(0, magic.length));
}

/** `undefined` when the data is damaged. */
export function unpacked(ciphertext: Uint8Array): Unpacked | undefined {
  const header = ciphertext.subarray(0, headerBytes);
  if (!isPacked(ciphertext) || header.length < headerBytes) return undefined;
  const at = magic.length + 1;
  const names = {
    hasKey: (key: string) => fingerprint(key).equals(header.subarray(at, at + fingerprintBytes)),
    hasKeyId: (keyId: string) => fingerprint(keyId).equals(header.subarray(at + fingerprintBytes)),
  };
  const body = ciphertext.subarray(headerBytes);
  const form = header[magic.length];
  if (form === direct) return { ...names, blob: body, open: (inner) => Buffer.from(inner) };
  if (form !== enveloped || body.length < 2) return undefined;
  const end = 2 + (((body[0] as number) << 8) | (body[1] as number));
  const nonceEnd = end + nonceBytes;
  if (body.length < nonceEnd + tagBytes) return undefined;
  return {
    ...names,
    blob: body.subarray(2, end),
    open(inner) {
      if (inner.length !== 32) return undefined;
      const key = keyFromBytes(inner);
      wipe(inner);
      return open(key, body.subarray(end, nonceEnd), body.subarray(nonceEnd), header);
    },
  };
}

function fingerprint(name: string): Buffer {
  return sha256(name).subarray(0, fingerprintBytes);
}
