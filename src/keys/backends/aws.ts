// AWS KMS as a key backend: Encrypt, Decrypt and DescribeKey over its JSON protocol.

import type { Answer } from '../../client/transport.ts';
import type { BackendParts } from '../backend-parts.ts';
import { type CloudCalls, cloudKey, type KeyFacts } from '../cloud/cloud-key.ts';
import { createExchange, type Exchange, retryAfter } from '../cloud/exchange.ts';
import { bytesAt, textAt } from '../cloud/members.ts';
import { type Named, plainCode, type Refusal, type RefusalKind, refusalFault } from '../cloud/refusal.ts';
import type { AwsDescription } from '../description.ts';
import type { KeyBackend } from '../key-backend.ts';
import { refusePlainHttp } from '../plain-http.ts';
import { signedForAws } from '../signing/aws-v4.ts';

const service = 'AWS KMS';

/** Throws Fault `usage` for an endpoint that would send keys in clear. */
export function openAws(description: AwsDescription, parts: BackendParts): KeyBackend {
  const { region, key, endpoint = endpointOf(region), allowPlainHttp } = description;
  refusePlainHttp(endpoint, service, allowPlainHttp);
  const exchange = createExchange({
    sources: description,
    ...parts,
    sign: (request, keys, now) => signedForAws(request, keys, { region, service: 'kms' }, now),
    judge: (answer, json) => judge(answer, json, parts.clock.now()),
  });
  return cloudKey(awsCalls(exchange, new URL('/', endpoint)), key, parts);
}

function endpointOf(region: string): string {
  return `https://kms.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function awsCalls(exchange: Exchange, url: URL): CloudCalls {
  const ask = (operation: string, key: string, input: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> => {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` };
    return exchange.ask({ method: 'POST', url, headers, body: JSON.stringify({ KeyId: key, ...input }) }, named(key), signal);
  };
  return {
    type: 'awskms',
    service,
    prefix: 'aws',
    async describe(key, signal): Promise<KeyFacts> {
      const json = await ask('DescribeKey', key, {}, signal);
      const id = textAt(json, 'KeyMetadata', 'Arn');
      if (id === undefined) throw unknownAnswer(key);
      // Told of keys whose material AWS keeps or was given; a custom key store's has none.
      return { id, version: textAt(json, 'KeyMetadata', 'CurrentKeyMaterialId') };
    },
    async encrypt(id, plaintext, signal) {
      const json = await ask('Encrypt', id, { Plaintext: Buffer.from(plaintext).toString('base64') }, signal);
      const blob = bytesAt(json, 'CiphertextBlob');
      if (blob === undefined) throw unknownAnswer(id);
      return { blob };
    },
    async decrypt(id, blob, signal) {
      // With the key named, AWS refuses what any other key sealed that the caller may use.
      const json = await ask('Decrypt', id, { CiphertextBlob: Buffer.from(blob).toString('base64') }, signal);
      const plaintext = bytesAt(json, 'Plaintext');
      if (plaintext === undefined) throw unknownAnswer(id);
      return plaintext;
    },
    // aws-encryption-provider puts its storage version before it.
    stored: (ciphertext) => (ciphertext[0] === 0x31 ? ciphertext.subarray(1) : ciphertext),
    close: () => exchange.close(),
  };
}

function named(key: string): Named {
  return {
    service,
    key,
    rights: 'kms:Encrypt, kms:Decrypt and kms:DescribeKey',
    enabling: 'enable it (aws kms enable-key) or cancel its deletion (aws kms cancel-key-deletion)',
  };
}

const unknownAnswer = (key: string) => refusalFault({ kind: 'unexpected', code: 'no result' }, named(key));

const kinds: ReadonlyMap<string, RefusalKind> = new Map<string, RefusalKind>([
  ['ThrottlingException', 'throttled'],
  ['Throttling', 'throttled'],
  ['TooManyRequestsException', 'throttled'],
  ['RequestLimitExceeded', 'throttled'],
  ['LimitExceededException', 'throttled'],
  ['KMSInternalException', 'failing'],
  ['DependencyTimeoutException', 'failing'],
  ['KeyUnavailableException', 'failing'],
  ['InternalFailure', 'failing'],
  ['ServiceUnavailable', 'failing'],
  ['ExpiredTokenException', 'credentials'],
  ['ExpiredToken', 'credentials'],
  ['UnrecognizedClientException', 'credentials'],
  ['InvalidClientTokenId', 'credentials'],
  ['InvalidSignatureException', 'credentials'],
  ['SignatureDoesNotMatch', 'credentials'],
  ['IncompleteSignature', 'credentials'],
  ['IncompleteSignatureException', 'credentials'],
  ['MissingAuthenticationToken', 'credentials'],
  ['MissingAuthenticationTokenException', 'credentials'],
  ['RequestExpired', 'skewed'],
  ['AccessDeniedException', 'denied'],
  ['AccessDenied', 'denied'],
  ['OptInRequired', 'denied'],
  ['DisabledException', 'unusable'],
  ['KMSInvalidStateException', 'unusable'],
  ['NotFoundException', 'missing'],
  ['InvalidArnException', 'missing'],
  ['UnknownOperationException', 'unknown-call'],
  ['InvalidCiphertextException', 'damaged'],
  ['IncorrectKeyException', 'other-key'],
]);

function judge(answer: Answer, json: unknown, now: number): Refusal | undefined {
  if (answer.status === 200) return undefined;
  const header = answer.headers['x-amzn-errortype'];
  // `com.amazonaws.kms#DisabledException`, in a header `DisabledException:http://…`.
  const told = textAt(json, '__type') ?? (typeof header === 'string' ? header : undefined);
  const code = plainCode(told?.replace(/^.*#/, '').replace(/:.*$/, ''), `HTTP ${answer.status}`);
  const requestId = answer.headers['x-amzn-requestid'];
  return {
    kind: kinds.get(code) ?? kindOf(answer.status),
    code,
    requestId: typeof requestId === 'string' ? plainCode(requestId, 'unknown') : undefined,
    after: retryAfter(answer, now),
  };
}

function kindOf(status: number): RefusalKind {
  if (status === 429) return 'throttled';
  return status >= 500 ? 'failing' : 'unexpected';
}
