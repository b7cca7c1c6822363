// AWS Signature Version 4 in its headers' form, as the JSON services take it: those whose path needs no second escaping.

import { type AccessKeys, basicTime, canonicalRequest, type SignedHeaders, scopedSignature, type UnsignedRequest } from './request.ts';

const algorithm = 'AWS4-HMAC-SHA256';
const lastPart = 'aws4_request';

export interface AwsScope {
  readonly region: string;
  readonly service: string;
}

/** Signs every header of the request. `now` in milliseconds since the Unix epoch. */
export function signedForAws(request: UnsignedRequest, keys: AccessKeys, { region, service }: AwsScope, now: number): SignedHeaders {
  const time = basicTime(now);
  const scope = [time.slice(0, 8), region, service, lastPart];
  const headers: SignedHeaders = {
    ...request.headers,
    host: request.url.host,
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  };
  const { hash, names } = canonicalRequest(request, headers);
  const signature = scopedSignature(`AWS4${keys.secretKey}`, scope, [algorithm, time, scope.join('/'), hash].join('\n'));
  const authorization = `${algorithm} Credential=${keys.accessKey}/${scope.join('/')}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}
