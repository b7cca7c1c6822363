// JD Cloud's JDCLOUD2-HMAC-SHA256: AWS Signature Version 4 with names of its own and a nonce.

import { type AccessKeys, basicTime, canonicalRequest, type SignedHeaders, scopedSignature, type UnsignedRequest } from './request.ts';

const algorithm = 'JDCLOUD2-HMAC-SHA256';
const lastPart = 'jdcloud2_request';

/** What stands in the scope for calls whose path names no region, as those of the key service. */
export const noRegion = 'jdcloud-api';

export interface JdcloudScope {
  readonly region: string;
  readonly service: string;
}

/** Signs every header of the request. `now` in milliseconds since the Unix epoch; a nonce may be used once. */
export function signedForJdcloud(
  request: UnsignedRequest,
  keys: AccessKeys,
  { region, service }: JdcloudScope,
  now: number,
  nonce: string,
): SignedHeaders {
  const time = basicTime(now);
  const scope = [time.slice(0, 8), region, service, lastPart];
  const headers: SignedHeaders = {
    ...request.headers,
    host: request.url.host,
    'x-jdcloud-date': time,
    'x-jdcloud-nonce': nonce,
    ...(keys.sessionToken === undefined ? {} : { 'x-jdcloud-security-token': keys.sessionToken }),
  };
  const { hash, names } = canonicalRequest(request, headers);
  const signature = scopedSignature(`JDCLOUD2${keys.secretKey}`, scope, [algorithm, time, scope.join('/'), hash].join('\n'));
  const authorization = `${algorithm} Credential=${keys.accessKey}/${scope.join('/')}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}
