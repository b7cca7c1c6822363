// JD Cloud KMS as a key backend, against a service that checks every signature by itself.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CloudServer } from '../../../test/suites/cloud-kms/cloud-server.ts';
import { exerciseCloud, partsWith, text } from '../../../test/suites/cloud-kms/exercise.ts';
import { refusal, startJdcloud } from '../../../test/suites/cloud-kms/jdcloud-server.ts';
import { faultOf, sample, soon } from '../../../test/suites/key-backend.ts';
import type { KeyBackend } from '../key-backend.ts';
import { openJdcloud } from './jdcloud.ts';

const id = (number: number) => `k-5ebq0mhqu${number}`;

exerciseCloud({
  name: 'JD Cloud KMS',
  service: 'JD Cloud KMS',
  start: startJdcloud,
  keyId: id,
  open: (given, parts) => openJdcloud({ type: 'jdcloud', ...given }, parts),
  throttled: refusal(429, 'RESOURCE_EXHAUSTED'),
  failing: refusal(500, 'INTERNAL'),
  words: { disabled: 'keyStatus 1', deleting: 'keyStatus 2', denied: 'PERMISSION_DENIED', missing: 'NOT_FOUND' },
});

describe('a key of JD Cloud KMS', () => {
  let server: CloudServer;
  let backend: KeyBackend;
  const access = { accessKey: text('AK'), secretKey: text('secret key of the test') };
  const open = async (started: Promise<CloudServer>, key = id(1)): Promise<void> => {
    server = await started;
    server.keys.create(id(1));
    backend = openJdcloud({ type: 'jdcloud', key, endpoint: server.address, ...access }, partsWith());
  };
  beforeEach(() => open(startJdcloud()));
  afterEach(async () => {
    backend.close();
    await server.close();
  });
  const reopened = async (options: Parameters<typeof startJdcloud>[0]): Promise<void> => {
    backend.close();
    await server.close();
    await open(startJdcloud(options));
  };

  it('is named by its id and its newest version, however many there are', async () => {
    await backend.probe(soon());
    expect(backend.type).toBe('jdcloudkms');
    expect(backend.current().keyId).toBe(`jdcloud:${id(1)}#0`);
    for (let count = 1; count <= 230; count++) server.keys.rotate(id(1));
    await backend.probe(soon());
    expect(backend.current().keyId).toBe(`jdcloud:${id(1)}#230`);
  });

  it('is named by its id alone where the service does not tell versions', async () => {
    await reopened({ withoutVersions: true });
    await backend.probe(soon());
    expect(backend.current()).toStrictEqual({ keyId: `jdcloud:${id(1)}`, healthy: true });
    expect(await backend.open(await backend.seal(sample(32), soon()), soon())).toStrictEqual(sample(32));
  });

  it('opens what the plugin of JD Cloud stored', async () => {
    const ciphertext = server.keys.encrypt(server.keys.find(id(1))!, sample(32));
    expect(await backend.open({ keyId: '', ciphertext, annotations: {} }, soon())).toStrictEqual(sample(32));
  });

  it('is refused what comes with the status of a success as well', async () => {
    await backend.probe(soon());
    server.replies.push({ ...refusal(403, 'PERMISSION_DENIED'), status: 200 });
    expect(await faultOf(backend.seal(sample(32), soon()))).toMatchObject({ code: 'permission-denied' });
  });

  it('is asked at the path that JD Cloud signs, with its colon escaped', async () => {
    await backend.seal(sample(32), soon());
    expect(server.received.map(({ method, target }) => `${method} ${target}`)).toContain(`POST /v1/key/${id(1)}%3AEncrypt`);
  });
});
