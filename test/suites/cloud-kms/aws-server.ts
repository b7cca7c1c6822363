// AWS KMS for tests: checks Signature Version 4 by itself, and answers the calls that the backend makes.

import { createHash } from 'node:crypto';
import { type CloudServer, keyed, type Received, type Reply, startCloudServer } from './cloud-server.ts';
import type { StoredKey } from './key-store.ts';

export const startAws = (): Promise<CloudServer> => startCloudServer({ reply });

export const refusal = (type: string, status = 400, message = 'a message that quotes the request'): Reply => ({
  status,
  headers: { 'x-amzn-requestid': '3f1c' },
  body: { __type: `com.amazonaws.kms#${type}`, message },
});

function reply(received: Received, server: CloudServer): Reply {
  const wrong = checkSignature(received, server);
  if (wrong !== undefined) return refusal(wrong);
  const input = JSON.parse(received.body.toString()) as { KeyId: string; Plaintext?: string; CiphertextBlob?: string };
  const key = server.keys.find(input.KeyId);
  if (key === undefined) return refusal('NotFoundException');
  const operation = received.headers.get('x-amz-target')?.replace('TrentService.', '');
  if (operation === 'DescribeKey') return ok({ KeyMetadata: { Arn: key.id, KeyState: 'Enabled', CurrentKeyMaterialId: newest(key) } });
  if (key.state === 'disabled') return refusal('DisabledException');
  if (key.state === 'deleting') return refusal('KMSInvalidStateException');
  if (operation === 'Encrypt') {
    const plaintext = Buffer.from(input.Plaintext ?? '', 'base64');
    if (plaintext.length === 0 || plaintext.length > 4096) return refusal('ValidationException');
    return ok({ KeyId: key.id, CiphertextBlob: server.keys.encrypt(key, plaintext).toString('base64') });
  }
  if (operation !== 'Decrypt') return refusal('UnknownOperationException');
  const found = server.keys.decrypt(Buffer.from(input.CiphertextBlob ?? '', 'base64'));
  if (found === undefined) return refusal('InvalidCiphertextException');
  if (found.key !== key) return refusal('IncorrectKeyException');
  return ok({ KeyId: key.id, Plaintext: found.plaintext.toString('base64') });
}

const ok = (body: object): Reply => ({ status: 200, body });
const newest = (key: StoredKey) => key.versions.at(-1)?.name;

/** Written from AWS's documentation, step by step, and from nothing of src. */
function checkSignature({ method, target, headers, body }: Received, server: CloudServer): string | undefined {
  const shown =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/kms\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.get('authorization') ?? '',
    );
  if (shown === null) return 'IncompleteSignatureException';
  const [, accessKey, day, region, signedHeaders, signature] = shown as unknown as string[];
  const account = server.accounts.get(accessKey!);
  if (account === undefined || account.token !== headers.get('x-amz-security-token')) return 'UnrecognizedClientException';
  const signed = signedHeaders!.split(';');
  for (const name of headers.keys())
    if ((name === 'host' || name === 'content-type' || name.startsWith('x-amz-')) && !signed.includes(name))
      return 'InvalidSignatureException';
  const date = headers.get('x-amz-date') ?? '';
  if (!date.startsWith(day!)) return 'InvalidSignatureException';
  let canonical = `${method}\n${target.split('?')[0]}\n${target.split('?')[1] ?? ''}\n`;
  for (const name of signed) canonical += `${name}:${headers.get(name)}\n`;
  canonical += `\n${signedHeaders}\n${createHash('sha256').update(body).digest('hex')}`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const signing = keyed(keyed(keyed(keyed(`AWS4${account.secretKey}`, day!), region!), 'kms'), 'aws4_request');
  const expected = keyed(signing, `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/kms/aws4_request\n${digest}`).toString('hex');
  if (expected !== signature) return 'InvalidSignatureException';
  const time = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Math.abs(Date.now() + server.ahead - time) > 300_000) return 'InvalidSignatureException';
  if (account.expired === true) return 'ExpiredTokenException';
  return account.barred === true ? 'AccessDeniedException' : undefined;
}
