// The fingerprint of a key: tells two keys of one name apart, in manifests, key rings and messages, without telling either.

import { sha256 } from '../../crypto/hash.ts';

/** Part of stored formats: never changes. */
const domain = 'casemate etcd key v1\0';

/**
 * The first 16 bytes of SHA-256 over `casemate etcd key v1`, a NUL and the key's bytes, as 32 hex digits. The same for the same
 * bytes whatever the provider. A key of full length cannot be found from it; one that is a word in disguise can be guessed, as it
 * can with any object that it sealed.
 */
export function keyFingerprint(material: Uint8Array): string {
  return sha256(Buffer.concat([Buffer.from(domain), material]))
    .subarray(0, 16)
    .toString('hex');
}
