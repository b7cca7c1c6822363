// Alibaba Cloud KMS for tests: checks ACS3-HMAC-SHA256 by itself, and answers the calls that the backend makes.

import { createHash, randomUUID } from 'node:crypto';
import { type Account, type CloudServer, keyed, type Received, type Reply, startCloudServer } from './cloud-server.ts';

export async function startAlicloud(): Promise<CloudServer> {
  const nonces = new Set<string>();
  return startCloudServer({ versionName: () => randomUUID(), reply: (received, server) => reply(received, server, nonces) });
}

export const refusal = (code: string, status = 400, message = 'a message that quotes the request'): Reply => ({
  status,
  body: { HttpStatus: status, Code: code, Message: message, RequestId: '3F1C' },
});

function reply(received: Received, server: CloudServer, nonces: Set<string>): Reply {
  const wrong = checkSignature(received, server, nonces);
  if (wrong !== undefined) return wrong;
  const input = new URLSearchParams(received.target.split('?')[1]);
  const action = received.headers.get('x-acs-action');
  if (action === 'Decrypt') {
    const found = server.keys.decrypt(Buffer.from(input.get('CiphertextBlob') ?? '', 'base64'));
    if (found === undefined) return refusal('InvalidParameter');
    return usable(found.key.state) ?? ok({ KeyId: found.key.id, Plaintext: found.plaintext.toString('base64') });
  }
  const key = server.keys.find(input.get('KeyId') ?? '');
  if (key === undefined) return refusal('Forbidden.KeyNotFound', 404);
  const version = key.versions.at(-1)?.name;
  if (action === 'DescribeKey') return ok({ KeyMetadata: { KeyId: key.id, KeyState: 'Enabled', PrimaryKeyVersion: version } });
  if (action !== 'Encrypt') return refusal('InvalidAction.NotFound', 404);
  const plaintext = Buffer.from(input.get('Plaintext') ?? '', 'base64');
  if (plaintext.length === 0 || plaintext.length > 6144) return refusal('InvalidParameter');
  const blob = server.keys.encrypt(key, plaintext).toString('base64');
  return usable(key.state) ?? ok({ KeyId: key.id, KeyVersionId: version, CiphertextBlob: blob });
}

const ok = (body: object): Reply => ({ status: 200, body: { ...body, RequestId: '3F1C' } });

function usable(state: string): Reply | undefined {
  if (state === 'enabled') return undefined;
  return refusal(state === 'disabled' ? 'Rejected.Disabled' : 'Rejected.PendingDeletion', 409);
}

/** Written from Alibaba Cloud's documentation, step by step, and from nothing of src. */
function checkSignature({ method, target, headers, body }: Received, server: CloudServer, nonces: Set<string>): Reply | undefined {
  const shown = /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(
    headers.get('authorization') ?? '',
  );
  if (shown === null) return refusal('IncompleteSignature');
  const [, accessKey, signedHeaders, signature] = shown as unknown as string[];
  const account = server.accounts.get(accessKey!);
  if (account === undefined) return refusal('InvalidAccessKeyId.NotFound', 404);
  if (account.token !== headers.get('x-acs-security-token')) return refusal('InvalidSecurityToken.Malformed');
  const signed = signedHeaders!.split(';');
  for (const name of headers.keys())
    if ((name === 'host' || name === 'content-type' || name.startsWith('x-acs-')) && !signed.includes(name))
      return refusal('IncompleteSignature');
  const content = createHash('sha256').update(body).digest('hex');
  if (headers.get('x-acs-content-sha256') !== content || headers.get('x-acs-version') !== '2016-01-20') return refusal('InvalidVersion');
  const [path, query = ''] = target.split('?');
  const sorted = query.split('&').sort().join('&');
  const lines = signed.map((name) => `${name}:${headers.get(name)}`).join('\n');
  const canonical = `${method}\n${path}\n${sorted}\n${lines}\n\n${signedHeaders}\n${content}`;
  const text = `ACS3-HMAC-SHA256\n${createHash('sha256').update(canonical).digest('hex')}`;
  if (keyed(account.secretKey, text).toString('hex') !== signature) return refusal('SignatureDoesNotMatch');
  return checkOnce(headers, server, nonces) ?? checkAccount(account);
}

function checkOnce(headers: Received['headers'], server: CloudServer, nonces: Set<string>): Reply | undefined {
  const time = Date.parse(headers.get('x-acs-date') ?? '');
  if (Math.abs(Date.now() + server.ahead - time) > 900_000) return refusal('InvalidTimeStamp.Expired');
  const nonce = headers.get('x-acs-signature-nonce') ?? '';
  if (nonce === '' || nonces.has(nonce)) return refusal('SignatureNonceUsed');
  nonces.add(nonce);
  return undefined;
}

function checkAccount(account: Account): Reply | undefined {
  if (account.expired === true) return refusal('InvalidSecurityToken.Expired');
  return account.barred === true ? refusal('Forbidden.NoPermission', 403) : undefined;
}
