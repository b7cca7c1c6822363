// Alibaba Cloud KMS as a key backend, against a service that checks every signature by itself.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal, startAlicloud } from '../../../test/suites/cloud-kms/alicloud-server.ts';
import type { CloudServer } from '../../../test/suites/cloud-kms/cloud-server.ts';
import { exerciseCloud, partsWith, text } from '../../../test/suites/cloud-kms/exercise.ts';
import { faultOf, sample, soon } from '../../../test/suites/key-backend.ts';
import type { KeyBackend } from '../key-backend.ts';
import { openAlicloud } from './alicloud.ts';

const id = (number: number) => `05754286-3ba2-4fa6-8d41-4323aca6000${number}`;

exerciseCloud({
  name: 'Alibaba Cloud KMS',
  service: 'Alibaba Cloud KMS',
  start: startAlicloud,
  keyId: id,
  open: (given, parts) => openAlicloud({ type: 'alicloud', region: 'cn-hangzhou', ...given }, parts),
  throttled: refusal('Throttling.User', 400),
  failing: refusal('ServiceUnavailableTemporary', 503),
  words: {
    disabled: 'Rejected.Disabled',
    deleting: 'Rejected.PendingDeletion',
    denied: 'Forbidden.NoPermission',
    missing: 'Forbidden.KeyNotFound',
  },
  alias: 'alias/etcd',
});

describe('a key of Alibaba Cloud KMS', () => {
  let server: CloudServer;
  let backend: KeyBackend;
  beforeAll(async () => {
    server = await startAlicloud();
    server.keys.create(id(1));
    const access = { accessKey: text('AK'), secretKey: text('secret key of the test') };
    backend = openAlicloud({ type: 'alicloud', region: 'cn-hangzhou', key: id(1), endpoint: server.address, ...access }, partsWith());
    await backend.probe(soon());
  });
  afterAll(async () => {
    backend.close();
    await server.close();
  });

  it('is named by its id and its primary version', () => {
    expect(backend.type).toBe('alicloudkms');
    expect(backend.current().keyId).toBe(`alicloud:${id(1)}#${server.keys.find(id(1))?.versions[0]?.name}`);
  });

  it('is named by the new version as soon as something was sealed with it', async () => {
    const version = server.keys.rotate(id(1));
    const sealed = await backend.seal(sample(32), soon());
    expect(sealed.keyId).toBe(`alicloud:${id(1)}#${version}`);
    expect(backend.current().keyId).toBe(sealed.keyId);
  });

  it('opens what ack-kms-plugin stored', async () => {
    const ciphertext = Buffer.from(server.keys.encrypt(server.keys.find(id(1))!, sample(32)).toString('base64'));
    expect(await backend.open({ keyId: '', ciphertext, annotations: {} }, soon())).toStrictEqual(sample(32));
  });

  it('opens nothing of another key of the same account, although the call names none', async () => {
    server.keys.create(id(2));
    const ciphertext = Buffer.from(server.keys.encrypt(server.keys.find(id(2))!, sample(32)).toString('base64'));
    const fault = await faultOf(backend.open({ keyId: '', ciphertext, annotations: {} }, soon()));
    expect(fault).toMatchObject({ code: 'invalid-request', message: expect.stringContaining('with another key than') });
  });
});
