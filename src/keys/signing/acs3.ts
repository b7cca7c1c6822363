// Alibaba Cloud's ACS3-HMAC-SHA256 for calls in RPC style: the action stands in a header, its parameters in the query.

import { hmacSha256Hex, sha256Hex } from '../../crypto/hash.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { type AccessKeys, canonicalRequest, type SignedHeaders, type UnsignedRequest } from './request.ts';

const algorithm = 'ACS3-HMAC-SHA256';

/**
 * Signs every header of the request, of which `x-acs-action` and `x-acs-version` say what is asked for. `now` in milliseconds since
 * the Unix epoch; a nonce may be used once.
 */
export function signedForAlicloud(request: UnsignedRequest, keys: AccessKeys, now: number, nonce: string): SignedHeaders {
  const headers: SignedHeaders = {
    ...request.headers,
    host: request.url.host,
    'x-acs-content-sha256': sha256Hex(request.body),
    'x-acs-date': `${new Date(now).toISOString().slice(0, 19)}Z`,
    'x-acs-signature-nonce': nonce,
    ...(keys.sessionToken === undefined ? {} : { 'x-acs-security-token': keys.sessionToken }),
  };
  const { hash, names } = canonicalRequest(request, headers);
  const signature = hmacSha256Hex(keyFromBytes(Buffer.from(keys.secretKey)), `${algorithm}\n${hash}`);
  return { ...headers, authorization: `${algorithm} Credential=${keys.accessKey},SignedHeaders=${names},Signature=${signature}` };
}
