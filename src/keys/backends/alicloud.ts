// Alibaba Cloud KMS (2016-01-20) as a key backend: Encrypt, Decrypt and DescribeKey in RPC style.

import { randomUuid } from '../../base/random.ts';
import type { Answer } from '../../client/transport.ts';
import type { BackendParts } from '../backend-parts.ts';
import { type CloudCalls, cloudKey, type KeyFacts } from '../cloud/cloud-key.ts';
import { createExchange, type Exchange, retryAfter } from '../cloud/exchange.ts';
import { bytesAt, textAt } from '../cloud/members.ts';
import { isRefusal, type Named, plainCode, type Refusal, type RefusalKind, refusalFault } from '../cloud/refusal.ts';
import type { AlicloudDescription } from '../description.ts';
import type { KeyBackend } from '../key-backend.ts';
import { refusePlainHttp } from '../plain-http.ts';
import { signedForAlicloud } from '../signing/acs3.ts';
import { queryOf } from '../signing/request.ts';

const service = 'Alibaba Cloud KMS';
const version = '2016-01-20';

/** Throws Fault `usage` for an endpoint that would send keys in clear. */
export function openAlicloud(description: AlicloudDescription, parts: BackendParts): KeyBackend {
  const { region, key, endpoint = `https://kms.${region}.aliyuncs.com`, allowPlainHttp } = description;
  refusePlainHttp(endpoint, service, allowPlainHttp);
  const exchange = createExchange({
    sources: description,
    ...parts,
    sign: (request, keys, now) => signedForAlicloud(request, keys, now, randomUuid(parts.random)),
    judge: (answer, json) => judge(answer, json, parts.clock.now()),
  });
  return cloudKey(alicloudCalls(exchange, endpoint), key, parts);
}

function alicloudCalls(exchange: Exchange, endpoint: string): CloudCalls {
  const ask = (action: string, key: string, parameters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> => {
    // Where the vendor's own clients put the parameters, the plaintext too: a URL is as secret as a body within TLS.
    const url = new URL(`/?${queryOf(parameters)}`, endpoint);
    const headers = { accept: 'application/json', 'x-acs-action': action, 'x-acs-version': version };
    return exchange.ask({ method: 'POST', url, headers, body: '' }, named(key), signal);
  };
  return {
    type: 'alicloudkms',
    service,
    prefix: 'alicloud',
    async describe(key, signal): Promise<KeyFacts> {
      const json = await ask('DescribeKey', key, { KeyId: key }, signal);
      const id = textAt(json, 'KeyMetadata', 'KeyId');
      if (id === undefined) throw unknownAnswer(key);
      return { id, version: textAt(json, 'KeyMetadata', 'PrimaryKeyVersion') };
    },
    async encrypt(id, plaintext, signal) {
      const json = await ask('Encrypt', id, { KeyId: id, Plaintext: Buffer.from(plaintext).toString('base64') }, signal);
      const text = textAt(json, 'CiphertextBlob');
      if (text === undefined) throw unknownAnswer(id);
      const used = textAt(json, 'KeyVersionId');
      return { blob: bytesOf(text), ...(used === undefined ? {} : { version: used }) };
    },
    async decrypt(id, blob, signal) {
      const text = textOf(blob);
      if (text === undefined) throw refusalFault({ kind: 'damaged', code: 'no text' }, named(id));
      const json = await ask('Decrypt', id, { CiphertextBlob: text }, signal).catch((thrown: unknown) => {
        throw isRefusal(thrown, 'unexpected') && thrown.fields?.['code'] === 'InvalidParameter'
          ? refusalFault({ kind: 'damaged', code: 'InvalidParameter' }, named(id))
          : thrown;
      });
      // The call names no key: what another key of the account sealed would open as well.
      if (textAt(json, 'KeyId') !== id) throw refusalFault({ kind: 'other-key', code: 'KeyId' }, named(id));
      const plaintext = bytesAt(json, 'Plaintext');
      if (plaintext === undefined) throw unknownAnswer(id);
      return plaintext;
    },
    // ack-kms-plugin stores the text as it is.
    stored: (ciphertext) => ciphertext,
    close: () => exchange.close(),
  };
}

const decoded = 0;

/** A text can be changed so that it still means the same bytes: what is stored are the bytes, after a 0 that no text begins with. */
function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? Buffer.concat([Uint8Array.of(decoded), bytes]) : Buffer.from(text);
}

function textOf(blob: Uint8Array): string | undefined {
  if (blob[0] === decoded) return Buffer.from(blob.subarray(1)).toString('base64');
  const text = Buffer.from(blob).toString('latin1');
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

function named(key: string): Named {
  return {
    service,
    key,
    rights: 'kms:Encrypt, kms:Decrypt and kms:DescribeKey',
    enabling: 'enable it (EnableKey) or cancel its deletion (CancelKeyDeletion)',
  };
}

const unknownAnswer = (key: string) => refusalFault({ kind: 'unexpected', code: 'no result' }, named(key));

/** By the beginning of the code, the longest first where one begins like another. */
const kinds: readonly (readonly [string, RefusalKind])[] = [
  ['Throttling', 'throttled'],
  ['Rejected.Throttling', 'throttled'],
  ['InternalFailure', 'failing'],
  ['ServiceUnavailable', 'failing'],
  ['InvalidAccessKeyId', 'credentials'],
  ['InvalidSecurityToken', 'credentials'],
  ['MissingSecurityToken', 'credentials'],
  ['SecurityTokenExpired', 'credentials'],
  ['SignatureDoesNotMatch', 'credentials'],
  ['IncompleteSignature', 'credentials'],
  ['Forbidden.AccessKey', 'credentials'],
  ['InvalidTimeStamp', 'skewed'],
  ['IllegalTimestamp', 'skewed'],
  ['RequestTimeTooSkewed', 'skewed'],
  ['Forbidden.KeyNotFound', 'missing'],
  ['Forbidden.AliasNotFound', 'missing'],
  ['Forbidden.KeyVersionNotFound', 'damaged'],
  ['Forbidden', 'denied'],
  ['NoPermission', 'denied'],
  ['Rejected', 'unusable'],
  ['InvalidAction', 'unknown-call'],
  ['InvalidVersion', 'unknown-call'],
];

function judge(answer: Answer, json: unknown, now: number): Refusal | undefined {
  if (answer.status === 200) return undefined;
  const code = plainCode(textAt(json, 'Code'), `HTTP ${answer.status}`);
  const requestId = textAt(json, 'RequestId');
  return {
    kind: kinds.find(([beginning]) => code.startsWith(beginning))?.[1] ?? kindOf(answer.status),
    code,
    requestId: requestId === undefined ? undefined : plainCode(requestId, 'unknown'),
    after: retryAfter(answer, now),
  };
}

function kindOf(status: number): RefusalKind {
  if (status === 429) return 'throttled';
  return status >= 500 ? 'failing' : 'unexpected';
}
