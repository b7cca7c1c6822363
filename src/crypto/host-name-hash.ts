// The digest under which OpenSSH hides host names in known_hosts: HMAC-SHA1 (RFC 2104), keyed with the line's salt.

import { createHmac, createSecretKey } from 'node:crypto';

/**
 * 20 bytes, as they stand after `|1|salt|` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). It hides names and protects nothing: whether a
 * host is trusted is decided by its whole key.
 */
export function hostNameHash(salt: Uint8Array, host: string): Buffer {
  return createHmac('sha1', createSecretKey(salt)).update(host).digest();
}
