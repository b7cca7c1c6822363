// JD Cloud KMS for tests: checks JDCLOUD2-HMAC-SHA256 by itself, and answers the calls that the backend makes.

import { createHash } from 'node:crypto';
import { type Account, type CloudServer, keyed, type Received, type Reply, startCloudServer } from './cloud-server.ts';
import type { StoredKey } from './key-store.ts';

export interface JdcloudOptions {
  /** As one in a data centre of one's own may be. */
  readonly withoutVersions?: boolean;
}

export async function startJdcloud({ withoutVersions = false }: JdcloudOptions = {}): Promise<CloudServer> {
  const nonces = new Set<string>();
  return startCloudServer({
    versionName: (count) => String(count),
    reply: (received, server) => reply(received, server, { nonces, withoutVersions }),
  });
}

export const refusal = (code: number, status: string, message = 'a message that quotes the request'): Reply => ({
  status: code,
  body: { requestId: 'bq8s', error: { code, status, message } },
});

interface Settings {
  readonly nonces: Set<string>;
  readonly withoutVersions: boolean;
}

function reply(received: Received, server: CloudServer, settings: Settings): Reply {
  const wrong = checkSignature(received, server, settings.nonces);
  if (wrong !== undefined) return wrong;
  const asked = new URL(received.target, server.address);
  const [, id = '', call = ''] = /^\/v1\/key\/([^:]+):?(\w*)$/.exec(decodeURIComponent(asked.pathname)) ?? [];
  const key = server.keys.find(id);
  if (key === undefined) return refusal(404, 'NOT_FOUND');
  if (received.method === 'GET') return described(key, call, asked.searchParams, settings);
  if (key.state !== 'enabled') return refusal(400, 'FAILED_PRECONDITION');
  const input = JSON.parse(received.body.toString()) as { keyId: string; plaintext?: string; ciphertextBlob?: string };
  if (input.keyId !== id) return refusal(400, 'INVALID_ARGUMENT');
  if (call === 'Encrypt') {
    const plaintext = Buffer.from(input.plaintext ?? '', 'base64');
    if (plaintext.length === 0 || plaintext.length > 4096) return refusal(400, 'INVALID_ARGUMENT');
    return ok({ ciphertextBlob: server.keys.encrypt(key, plaintext).toString('base64') });
  }
  if (call !== 'Decrypt') return refusal(404, 'NOT_FOUND');
  const found = server.keys.decrypt(Buffer.from(input.ciphertextBlob ?? '', 'base64'));
  return found?.key === key ? ok({ plaintext: found.plaintext.toString('base64') }) : refusal(400, 'INVALID_ARGUMENT');
}

const ok = (result: object): Reply => ({ status: 200, body: { requestId: 'bq8s', error: {}, result } });
const statuses = { enabled: 0, disabled: 1, deleting: 2 };

function described(key: StoredKey, call: string, query: URLSearchParams, { withoutVersions }: Settings): Reply {
  if (call === '') return ok({ keyInfo: { keyId: key.id, keyStatus: statuses[key.state] } });
  if (call !== 'describeKeyDetail' || withoutVersions) return refusal(404, 'NOT_FOUND');
  const [page, size] = [Number(query.get('pageNumber') ?? 1), Number(query.get('pageSize') ?? 10)];
  const list = key.versions.map(({ name, made }) => ({
    keyVersion: name,
    createTime: `${new Date(made).toISOString().slice(0, 19)}Z`,
    keyStatus: 0,
  }));
  return ok({ keyDetail: { keyId: key.id, keyVersionCount: list.length, keyVersionList: list.slice((page - 1) * size, page * size) } });
}

/** Written from JD Cloud's documentation, step by step, and from nothing of src. */
function checkSignature({ method, target, headers, body }: Received, server: CloudServer, nonces: Set<string>): Reply | undefined {
  const unauthenticated = refusal(401, 'UNAUTHENTICATED');
  const shown =
    /^JDCLOUD2-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/jdcloud-api\/kms\/jdcloud2_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.get('authorization') ?? '',
    );
  if (shown === null) return unauthenticated;
  const [, accessKey, day, signedHeaders, signature] = shown as unknown as string[];
  const account = server.accounts.get(accessKey!);
  if (account === undefined || account.token !== headers.get('x-jdcloud-security-token')) return unauthenticated;
  const signed = signedHeaders!.split(';');
  for (const name of ['content-type', 'host', 'x-jdcloud-date', 'x-jdcloud-nonce']) if (!signed.includes(name)) return unauthenticated;
  const date = headers.get('x-jdcloud-date') ?? '';
  const [path, query = ''] = target.split('?');
  const lines = signed.map((name) => `${name}:${headers.get(name)}`);
  const canonical = [method, path, query, ...lines, '', signedHeaders, createHash('sha256').update(body).digest('hex')].join('\n');
  let key: Buffer = Buffer.from(`JDCLOUD2${account.secretKey}`);
  for (const part of [day!, 'jdcloud-api', 'kms', 'jdcloud2_request']) key = keyed(key, part);
  const scope = `${day}/jdcloud-api/kms/jdcloud2_request`;
  const text = `JDCLOUD2-HMAC-SHA256\n${date}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  if (keyed(key, text).toString('hex') !== signature) return unauthenticated;
  return checkOnce(headers, server, nonces) ? checkAccount(account) : unauthenticated;
}

function checkOnce(headers: Received['headers'], server: CloudServer, nonces: Set<string>): boolean {
  const [, year = 0, month = 0, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers.get('x-jdcloud-date') ?? '')?.map(Number) ?? [];
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  if (Math.abs(Date.now() + server.ahead - time) > 900_000) return false;
  const nonce = headers.get('x-jdcloud-nonce') ?? '';
  if (nonce === '' || nonces.has(nonce)) return false;
  nonces.add(nonce);
  return true;
}

function checkAccount(account: Account): Reply | undefined {
  if (account.expired === true) return refusal(401, 'UNAUTHENTICATED');
  return account.barred === true ? refusal(403, 'PERMISSION_DENIED') : undefined;
}
