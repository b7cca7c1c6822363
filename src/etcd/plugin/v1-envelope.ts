// What KMS v1 stores: v1 keeps a ciphertext and nothing else, so key id and annotations travel inside it, behind a header.

import { Fault } from '../../base/fault.ts';
import { mostV1Cipher, type SealedParts } from './limits.ts';
import { readDecryptRequest, writeDecryptRequest } from './wire/messages.ts';

/** Nine bytes, of which the last is the format's version. No backend's own ciphertext begins so. */
const header = Buffer.from('casemate\x01', 'latin1');
const nameLength = header.length - 1;

/** Throws Fault `too-large` for more than fits behind v1's length of two bytes. */
export function wrapV1(sealed: SealedParts): Buffer {
  const cipher = Buffer.concat([header, writeDecryptRequest({ ...sealed, ciphertext: Buffer.from(sealed.ciphertext), uid: '' })]);
  if (cipher.length > mostV1Cipher)
    throw new Fault('too-large', `the backend's ciphertext is too long for KMS v1: ${cipher.length} bytes with its header`);
  return cipher;
}

/** Undefined for bytes without the header: another plugin has written them. Throws Fault `corrupted` for a header without its parts. */
export function unwrapV1(cipher: Buffer): SealedParts | undefined {
  if (cipher.length <= header.length || !cipher.subarray(0, nameLength).equals(header.subarray(0, nameLength))) return undefined;
  if (cipher[nameLength] !== header[nameLength])
    throw new Fault('corrupted', 'the ciphertext has a format that this version does not know; a newer one may have written it');
  try {
    return readDecryptRequest(cipher.subarray(header.length));
  } catch (thrown) {
    throw new Fault('corrupted', 'the header of the ciphertext is damaged', { cause: thrown });
  }
}
