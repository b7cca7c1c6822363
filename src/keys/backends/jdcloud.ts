// JD Cloud KMS as a key backend: Encrypt, Decrypt and the descriptions of a key.

import { randomUuid } from '../../base/random.ts';
import type { Answer } from '../../client/transport.ts';
import type { BackendParts } from '../backend-parts.ts';
import { type CloudCalls, cloudKey, type KeyFacts } from '../cloud/cloud-key.ts';
import { createExchange, type Exchange, retryAfter } from '../cloud/exchange.ts';
import { bytesAt, memberAt, numberAt, textAt } from '../cloud/members.ts';
import { isRefusal, type Named, plainCode, type Refusal, type RefusalKind, refusalFault } from '../cloud/refusal.ts';
import type { JdcloudDescription } from '../description.ts';
import type { KeyBackend } from '../key-backend.ts';
import { refusePlainHttp } from '../plain-http.ts';
import { noRegion, signedForJdcloud } from '../signing/jdcloud2.ts';
import { escaped } from '../signing/request.ts';

const service = 'JD Cloud KMS';
const defaultEndpoint = 'https://kms.jdcloud-api.com';

/** Throws Fault `usage` for an endpoint that would send keys in clear. */
export function openJdcloud(description: JdcloudDescription, parts: BackendParts): KeyBackend {
  const { key, endpoint = defaultEndpoint, allowPlainHttp } = description;
  refusePlainHttp(endpoint, service, allowPlainHttp);
  const scope = { region: noRegion, service: 'kms' };
  const exchange = createExchange({
    sources: description,
    ...parts,
    sign: (request, keys, now) => signedForJdcloud(request, keys, scope, now, randomUuid(parts.random)),
    judge: (answer, json) => judge(answer, json, parts.clock.now()),
  });
  return cloudKey(jdcloudCalls(exchange, endpoint), key, parts);
}

function jdcloudCalls(exchange: Exchange, endpoint: string): CloudCalls {
  const headers = { 'content-type': 'application/json' };
  const post = (key: string, call: string, input: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> => {
    const url = new URL(`/v1/key/${escaped(`${key}:${call}`)}`, endpoint);
    return exchange.ask({ method: 'POST', url, headers, body: JSON.stringify({ keyId: key, ...input }) }, named(key), signal);
  };
  const get = (key: string, path: string, signal: AbortSignal): Promise<unknown> =>
    exchange.ask({ method: 'GET', url: new URL(`/v1/key/${path}`, endpoint), headers, body: '' }, named(key), signal);

  /** How JD Cloud words that a key is disabled is not published; the key's description tells. */
  const explained = async (key: string, thrown: unknown, signal: AbortSignal): Promise<unknown> => {
    if (!isRefusal(thrown, 'unexpected', 'denied', 'missing')) return thrown;
    const description = await get(key, escaped(key), signal).catch(() => undefined);
    const status = numberAt(description, 'result', 'keyInfo', 'keyStatus');
    if (status === undefined || status === enabled) return thrown;
    return refusalFault({ kind: 'unusable', code: `keyStatus ${status}` }, named(key));
  };
  const unless = (key: string, signal: AbortSignal) => async (thrown: unknown) => {
    throw await explained(key, thrown, signal);
  };

  return {
    type: 'jdcloudkms',
    service,
    prefix: 'jdcloud',
    describe: async (key, signal): Promise<KeyFacts> => ({ id: key, version: await newestVersion(key, get, signal) }),
    async encrypt(id, plaintext, signal) {
      const input = { plaintext: Buffer.from(plaintext).toString('base64') };
      const json = await post(id, 'Encrypt', input, signal).catch(unless(id, signal));
      const blob = bytesAt(json, 'result', 'ciphertextBlob');
      if (blob === undefined) throw unknownAnswer(id);
      return { blob };
    },
    async decrypt(id, blob, signal) {
      const input = { ciphertextBlob: Buffer.from(blob).toString('base64') };
      const json = await post(id, 'Decrypt', input, signal)
        .catch(unless(id, signal))
        .catch((thrown: unknown) => {
          // The bytes are all that can be wrong with a call that is otherwise always the same.
          throw isRefusal(thrown, 'unexpected')
            ? refusalFault({ kind: 'damaged', code: String(thrown.fields?.['code']) }, named(id))
            : thrown;
        });
      const plaintext = bytesAt(json, 'result', 'plaintext');
      if (plaintext === undefined) throw unknownAnswer(id);
      return plaintext;
    },
    // JD Cloud's own plugin stores nothing else.
    stored: (ciphertext) => ciphertext,
    close: () => exchange.close(),
  };
}

/** Of keys and of their versions. */
const enabled = 0;
const pageSize = 100;
/** More than anybody rotates. */
const mostPages = 50;

/**
 * The newest version that is enabled: it is not told which one encrypts. `undefined` where the service does not know the call, as
 * some that run in a data centre of one's own; a rotation cannot be noticed there.
 */
async function newestVersion(
  key: string,
  get: (key: string, path: string, signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<string | undefined> {
  let newest: { readonly version: string; readonly time: string } | undefined;
  for (let page = 1; page <= mostPages; page++) {
    const path = `${escaped(`${key}:describeKeyDetail`)}?pageNumber=${page}&pageSize=${pageSize}`;
    const json = await get(key, path, signal).catch((thrown: unknown) => {
      if (isRefusal(thrown, 'missing', 'unknown-call')) return undefined;
      throw thrown;
    });
    const items = memberAt(json, 'result', 'keyDetail', 'keyVersionList');
    if (!Array.isArray(items)) break;
    for (const item of items) {
      const [version, time] = [textAt(item, 'keyVersion'), textAt(item, 'createTime') ?? ''];
      if (version === undefined || numberAt(item, 'keyStatus') !== enabled) continue;
      if (newest === undefined || isNewer({ version, time }, newest)) newest = { version, time };
    }
    if (items.length < pageSize) break;
  }
  return newest?.version;
}

interface Dated {
  readonly version: string;
  /** ISO 8601 in UTC, so that texts compare as times do. */
  readonly time: string;
}

/** Two rotations in one second are told apart by their numbers. */
function isNewer(one: Dated, other: Dated): boolean {
  if (one.time !== other.time) return one.time > other.time;
  return one.version.localeCompare(other.version, 'en', { numeric: true }) > 0;
}

function named(key: string): Named {
  return {
    service,
    key,
    rights: 'encrypt, decrypt, describeKey and describeKeyDetail',
    enabling: 'enable it (enableKey) or cancel its deletion (cancelKeyDeletion)',
  };
}

const unknownAnswer = (key: string) => refusalFault({ kind: 'unexpected', code: 'no result' }, named(key));

/** By the status of HTTP, which `error.code` repeats: JD Cloud publishes no list of its words. */
const kinds: ReadonlyMap<number, RefusalKind> = new Map<number, RefusalKind>([
  [401, 'credentials'],
  [403, 'denied'],
  [404, 'missing'],
  [405, 'unknown-call'],
  [429, 'throttled'],
  [501, 'unknown-call'],
]);

function judge(answer: Answer, json: unknown, now: number): Refusal | undefined {
  // A refusal may come with the status of a success.
  const told = numberAt(json, 'error', 'code') ?? 0;
  const status = answer.status >= 400 ? answer.status : told;
  if (status === 0 && answer.status === 200) return undefined;
  const word = plainCode(textAt(json, 'error', 'status'), `HTTP ${status === 0 ? answer.status : status}`);
  const requestId = textAt(json, 'requestId');
  return {
    kind: kinds.get(status) ?? (status >= 500 ? 'failing' : 'unexpected'),
    code: word,
    requestId: requestId === undefined ? undefined : plainCode(requestId, 'unknown'),
    after: retryAfter(answer, now),
  };
}
