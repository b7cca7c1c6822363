// A node beside a control plane as large as the other levels have: three apiservers, encryption at rest, a KMS.

import { expect, it } from 'vitest';
import { encryptionOf, identity, kmsV2 } from '../fixture/encryption.ts';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { apply, namespaceForPods, outputOf, podOf, podReady, sleeping } from '../node/workloads.ts';

const cluster = clusterOfFile(() =>
  startCluster({
    node: true,
    apiservers: 3,
    kms: ['vault'],
    images: ['busybox', 'postgres'],
    encryption: ({ kms }) => encryptionOf([kmsV2('vault', kms['vault']), identity]),
  }),
);

it('a pod reads in clear what lies in etcd encrypted, also while its first apiserver is restarted', async () => {
  const namespace = await namespaceForPods(cluster());
  await apply(cluster(), namespace, [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' }, stringData: { password: 'hunter2' } },
    podOf('reader', {
      command: sleeping,
      container: { volumeMounts: [{ name: 'login', mountPath: '/login' }] },
      spec: { volumes: [{ name: 'login', secret: { secretName: 'login' } }] },
    }),
  ]);
  await podReady(cluster(), namespace, 'reader');
  const stored = await cluster().etcd.get(`/registry/secrets/${namespace}/login`);
  expect(stored?.value.toString('latin1')).toMatch(/^k8s:enc:kms:v2:vault:/);
  expect(stored?.value.includes('hunter2')).toBe(false);
  await cluster().server('cp1').restart();
  expect(await outputOf(cluster(), namespace, 'reader', ['cat', '/login/password'])).toBe('hunter2');
});

it('each apiserver is reached from the test by itself, and may end without the others', async () => {
  await cluster().server('cp3').stop();
  expect(await Promise.all(cluster().servers.map((server) => server.isReady()))).toEqual([true, true, false]);
  const { code, stdout } = await cluster().kubectl(['get', 'nodes', '--output=name'], { server: 'cp2' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'node/node1\n' });
  await cluster().server('cp3').start();
  expect(await cluster().server('cp3').isReady()).toBe(true);
});

it('PostgreSQL runs in a pod and keeps what is written to it', async () => {
  const namespace = await namespaceForPods(cluster());
  const ready = { exec: { command: ['pg_isready', '--host=127.0.0.1'] }, periodSeconds: 1 };
  const env = [{ name: 'POSTGRES_PASSWORD', value: 'hunter2' }];
  await apply(cluster(), namespace, [podOf('postgres', { image: 'postgres', container: { env, readinessProbe: ready } })]);
  await podReady(cluster(), namespace, 'postgres');
  const query = (sql: string) => {
    const login = 'postgres://postgres:hunter2@127.0.0.1/postgres';
    return outputOf(cluster(), namespace, 'postgres', ['psql', '--no-align', '--tuples-only', '--quiet', `--command=${sql}`, login]);
  };
  await query("create table words as select 'kept' as word");
  expect(await query('select word from words')).toBe('kept');
});
