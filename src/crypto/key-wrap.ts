// Keys wrapped for the way to a server: RSA-OAEP around a key of one use, AES-KWP (RFC 5649) with it around the key. PKCS#11 calls this CKM_RSA_AES_KEY_WRAP.

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { promisify } from 'node:util';
import { Fault } from '../base/fault.ts';
import type { RandomBytes } from '../base/random.ts';
import { keyFromBytes } from './keys.ts';
import { wipe } from './wipe.ts';

/** Names of the hash functions of OAEP as Vault has them, in capitals. */
export type OaepHash = 'SHA1' | 'SHA224' | 'SHA256' | 'SHA384' | 'SHA512';

const oaepHashes: readonly string[] = ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'] satisfies readonly OaepHash[];
const ephemeralBytes = 32;
/** Bytes that tink wraps, which OpenBao and its command use: what is outside these bounds is no key. */
const [shortest, longest] = [16, 8192];
/** The first half of the integrity check value of RFC 5649; the length makes the other. */
const alternativeIv = Buffer.from('a65959a6', 'hex');

const makePair = promisify(generateKeyPair);

/** `name` in any case. Throws Fault `invalid-request` for another one. */
export function oaepHash(name: string): OaepHash {
  const upper = name.toUpperCase();
  if (!oaepHashes.includes(upper)) throw new Fault('invalid-request', `unknown hash function: ${name}`);
  return upper as OaepHash;
}

/** A private RSA key, made on another thread: with 4,096 bits it takes seconds. */
export async function makeRsaKey(bits: number): Promise<KeyObject> {
  return (await makePair('rsa', { modulusLength: bits })).privateKey;
}

/** PKCS#8, the caller's to wipe. */
export function exportRsaKey(key: KeyObject): Buffer {
  return key.export({ type: 'pkcs8', format: 'der' });
}

/** What `exportRsaKey` gave. */
export function rsaKeyFromBytes(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), type: 'pkcs8', format: 'der' });
}

/** The public half as PEM, SubjectPublicKeyInfo. */
export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' });
}

/** Throws Fault `invalid-request` for what is no public RSA key in PEM. */
export function rsaKeyFromPem(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (thrown) {
    throw new Fault('invalid-request', 'it is no public key in PEM', { cause: thrown });
  }
  if (key.asymmetricKeyType !== 'rsa') throw new Fault('invalid-request', 'it is no RSA key');
  return key;
}

/** `key` for the owner of `wrappingKey` alone. Throws Fault `invalid-request` for a key that is too short or too long to be one. */
export function wrapForTransport(wrappingKey: KeyObject, key: Uint8Array, hash: OaepHash, random: RandomBytes): Buffer {
  const ephemeral = random(ephemeralBytes);
  try {
    const wrapped = kwpWrap(keyFromBytes(ephemeral), key);
    return Buffer.concat([publicEncrypt({ key: wrappingKey, ...oaepWith(hash) }, ephemeral), wrapped]);
  } finally {
    wipe(ephemeral);
  }
}

/** The key, the caller's to wipe. Throws Fault `invalid-request`, with what Go's libraries say, which clients know. */
export function unwrapTransported(wrappingKey: KeyObject, wrapped: Uint8Array, hash: OaepHash): Buffer {
  const rsaBytes = (wrappingKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (wrapped.length <= rsaBytes) throw new Fault('invalid-request', 'provided ciphertext is too short');
  const ephemeral = opened(wrappingKey, wrapped.subarray(0, rsaBytes), hash);
  try {
    if (ephemeral.length !== ephemeralBytes) throw new Fault('invalid-request', 'expected ephemeral AES key to be 256-bit');
    return kwpUnwrap(keyFromBytes(ephemeral), wrapped.subarray(rsaBytes));
  } finally {
    wipe(ephemeral);
  }
}

function opened(wrappingKey: KeyObject, sealed: Uint8Array, hash: OaepHash): Buffer {
  try {
    return privateDecrypt({ key: wrappingKey, ...oaepWith(hash) }, sealed);
  } catch (thrown) {
    throw new Fault('invalid-request', 'crypto/rsa: decryption error', { cause: thrown });
  }
}

/** The same function for OAEP and for its mask, as Go has it. */
function oaepWith(hash: OaepHash): { readonly padding: number; readonly oaepHash: string } {
  return { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash.toLowerCase() };
}

/** AES-KWP of 16 to 8,192 bytes with a key of 32. Throws Fault `invalid-request` outside these bounds. */
export function kwpWrap(wrappingKey: KeyObject, key: Uint8Array): Buffer {
  if (key.length < shortest) throw new Fault('invalid-request', 'kwp: key size to wrap too small');
  if (key.length > longest) throw new Fault('invalid-request', 'kwp: key size to wrap too large');
  const cipher = createCipheriv('id-aes256-wrap-pad', wrappingKey, alternativeIv);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** The caller's to wipe. Throws Fault `invalid-request` for what `kwpWrap` has not made with this key. */
export function kwpUnwrap(wrappingKey: KeyObject, wrapped: Uint8Array): Buffer {
  if (wrapped.length < shortest + 8) throw new Fault('invalid-request', 'kwp: wrapped key size too small');
  if (wrapped.length > longest + 8) throw new Fault('invalid-request', 'kwp: wrapped key size too large');
  if (wrapped.length % 8 !== 0) throw new Fault('invalid-request', 'kwp: wrapped key size must be a multiple of 8 bytes');
  const decipher = createDecipheriv('id-aes256-wrap-pad', wrappingKey, alternativeIv);
  try {
    // OpenSSL unwraps in one piece: the key is whole here or not at all.
    const key = decipher.update(wrapped);
    decipher.final();
    return key;
  } catch (thrown) {
    throw new Fault('invalid-request', 'kwp: unwrap failed integrity check', { cause: thrown });
  }
}
