// AWS KMS as a key backend, against a service that checks every signature by itself.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal, startAws } from '../../../test/suites/cloud-kms/aws-server.ts';
import type { CloudServer } from '../../../test/suites/cloud-kms/cloud-server.ts';
import { exerciseCloud, partsWith, text } from '../../../test/suites/cloud-kms/exercise.ts';
import { faultOf, sample, soon } from '../../../test/suites/key-backend.ts';
import type { KeyBackend } from '../key-backend.ts';
import { openAws } from './aws.ts';

const arn = (number: number) => `arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-12345678900${number}`;

exerciseCloud({
  name: 'AWS KMS',
  service: 'AWS KMS',
  start: startAws,
  keyId: arn,
  open: (given, parts) => openAws({ type: 'aws', region: 'eu-central-1', ...given }, parts),
  throttled: refusal('ThrottlingException'),
  failing: refusal('KMSInternalException', 500),
  words: {
    disabled: 'DisabledException',
    deleting: 'KMSInvalidStateException',
    denied: 'AccessDeniedException',
    missing: 'NotFoundException',
  },
  alias: 'alias/etcd',
});

describe('a key of AWS KMS', () => {
  let server: CloudServer;
  let backend: KeyBackend;
  beforeAll(async () => {
    server = await startAws();
    server.keys.create(arn(1));
    const access = { accessKey: text('AK'), secretKey: text('secret key of the test') };
    backend = openAws({ type: 'aws', region: 'eu-central-1', key: arn(1), endpoint: server.address, ...access }, partsWith());
    await backend.probe(soon());
  });
  afterAll(async () => {
    backend.close();
    await server.close();
  });

  it('is named by its ARN and its newest material', () => {
    expect(backend.type).toBe('awskms');
    expect(backend.current().keyId).toBe(`aws:${arn(1)}#${server.keys.find(arn(1))?.versions[0]?.name}`);
  });

  it('is asked for again when an answer does not come, and for no longer than its caller waits', async () => {
    server.replies.push('silence');
    await backend.seal(sample(32), soon());
    server.replies.push('silence');
    expect((await faultOf(backend.seal(sample(32), AbortSignal.timeout(200)))).code).toBe('timeout');
  });

  it('opens what aws-encryption-provider stored, with its version or without', async () => {
    const blob = server.keys.encrypt(server.keys.find(arn(1))!, sample(32));
    for (const ciphertext of [blob, Buffer.concat([Buffer.from('1'), blob])])
      expect(await backend.open({ keyId: '', ciphertext, annotations: {} }, soon())).toStrictEqual(sample(32));
  });

  it('opens nothing of another key of the same account', async () => {
    server.keys.create(arn(2));
    const ciphertext = server.keys.encrypt(server.keys.find(arn(2))!, sample(32));
    const fault = await faultOf(backend.open({ keyId: '', ciphertext, annotations: {} }, soon()));
    expect(fault).toMatchObject({ code: 'invalid-request', message: expect.stringContaining('IncorrectKeyException, request 3f1c') });
  });
});
