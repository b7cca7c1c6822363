// Services, names and StatefulSets on the node, and what a server of the test has to do with them.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { serveWebhook } from '../fixture/webhook.ts';
import { apply, type Manifest, namespaceForPods, outputOf, podOf, podReady, sleeping } from '../node/workloads.ts';

const cluster = clusterOfFile(() => startCluster({ node: true }));

function serviceOf(name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'redis' }, ports: [{ port: 6379 }], ...spec } };
}

const twoRedis: Manifest = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'redis' },
  spec: {
    serviceName: 'redis',
    replicas: 2,
    selector: { matchLabels: { app: 'redis' } },
    template: {
      metadata: { labels: { app: 'redis' } },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [
          {
            name: 'redis',
            image: 'docker.io/library/redis:fixture',
            imagePullPolicy: 'Never',
            args: ['--bind', '0.0.0.0', '--protected-mode', 'no', '--dir', '/data'],
            readinessProbe: { exec: { command: ['/usr/bin/redis-cli', 'ping'] }, periodSeconds: 1 },
            livenessProbe: { tcpSocket: { port: 6379 }, periodSeconds: 5 },
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    },
  },
};

describe('a StatefulSet of two redis pods behind Services', () => {
  let namespace = '';
  const redis = (pod: string, ...words: string[]) => outputOf(cluster(), namespace, pod, ['/usr/bin/redis-cli', ...words]);

  beforeAll(async () => {
    namespace = await namespaceForPods(cluster());
    const headless = serviceOf('redis', { clusterIP: 'None' });
    // The first pod alone answers here, wherever the question comes from.
    const first = serviceOf('first-redis', { selector: { 'apps.kubernetes.io/pod-index': '0' } });
    await apply(cluster(), namespace, [headless, first, twoRedis]);
    const rollout = ['rollout', 'status', '--namespace', namespace, 'statefulset/redis', '--timeout=60s'];
    expect(await cluster().kubectl(rollout)).toMatchObject({ code: 0 });
  }, 90_000);

  it('gives each pod a name of its own, by which the other reaches it', async () => {
    expect(await redis('redis-0', 'set', 'where', 'first')).toBe('OK');
    expect(await redis('redis-1', 'set', 'where', 'second')).toBe('OK');
    expect(await redis('redis-1', '-h', 'redis-0.redis', 'get', 'where')).toBe('first');
    expect(await redis('redis-0', '-h', `redis-1.redis.${namespace}.svc.cluster.local`, 'get', 'where')).toBe('second');
  });

  it('is reached by the name of a Service, from the pods behind it and from another namespace', async () => {
    expect(await redis('redis-1', '-h', 'first-redis', 'set', 'by', 'service')).toBe('OK');
    expect(await redis('redis-0', 'get', 'by')).toBe('service');
    expect(await redis('redis-0', '-h', 'first-redis', 'get', 'by')).toBe('service');
    const elsewhere = await namespaceForPods(cluster());
    await apply(cluster(), elsewhere, [podOf('asks', { image: 'redis' })]);
    await podReady(cluster(), elsewhere, 'asks');
    const asked = ['/usr/bin/redis-cli', '-h', `first-redis.${namespace}`, 'get', 'by'];
    expect(await outputOf(cluster(), elsewhere, 'asks', asked)).toBe('service');
  });

  it('has one address behind its Service and two behind its headless one', async () => {
    const addresses = async (name: string) => {
      const printed = await outputOf(cluster(), namespace, 'redis-0', ['nslookup', `${name}.${namespace}.svc.cluster.local`]);
      return [...printed.matchAll(/^Address(?: \d+)?: (10\.[\d.]+)$/gm)].map(([, address]) => address);
    };
    expect((await addresses('first-redis')).filter((address) => address?.startsWith('10.96.'))).toHaveLength(1);
    expect((await addresses('redis')).filter((address) => address?.startsWith('10.77.'))).toHaveLength(2);
  });

  it('makes a deleted pod again, under its old name', async () => {
    const uidOf = async () => {
      const { body } = await cluster().call('GET', `/api/v1/namespaces/${namespace}/pods/redis-1`);
      return body.metadata?.uid as string | undefined;
    };
    const before = await uidOf();
    await cluster().kubectl(['delete', '--namespace', namespace, 'pod/redis-1', '--wait=true']);
    await until('a new redis-1', async () => ![before, undefined].includes(await uidOf()));
    await podReady(cluster(), namespace, 'redis-1');
    expect(await redis('redis-0', '-h', 'redis-1.redis', 'get', 'where')).toBe('');
  });

  it('does not resolve the names of the outer world, and takes no time over it', async () => {
    const at = performance.now();
    const { code } = await cluster().exec('redis-0', ['nslookup', 'casemate.example'], { namespace });
    expect(code).not.toBe(0);
    expect(performance.now() - at).toBeLessThan(4_000);
  });
});

it('a mutating webhook that the test serves changes a pod before the node runs it', async () => {
  const namespace = await namespaceForPods(cluster());
  const { address } = cluster().node;
  const webhook = await serveWebhook(
    cluster(),
    () => ({ allowed: true, patch: [{ op: 'add', path: '/spec/containers/0/env', value: [{ name: 'ADDED', value: 'on the way' }] }] }),
    [`IP:${address}`],
  );
  const inside = await cluster().node.offer(webhook.port);
  const name = `adds-${namespace}.casemate.test`;
  await apply(cluster(), namespace, [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name,
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          clientConfig: { url: `https://${inside.host}:${inside.port}/`, caBundle: webhook.caBundle },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
      ],
    },
  ]);
  try {
    // The apiserver learns of a new webhook a moment later.
    await until('the webhook is asked', async () => {
      const trial = podOf('trial', { command: sleeping });
      await cluster().call('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, { body: trial });
      return webhook.requests.length > 0;
    });
    await apply(cluster(), namespace, [podOf('changed', { command: sleeping })]);
    await podReady(cluster(), namespace, 'changed');
    expect(await outputOf(cluster(), namespace, 'changed', ['sh', '-c', 'echo $ADDED'])).toBe('on the way');
  } finally {
    await cluster().kubectl(['delete', 'mutatingwebhookconfiguration', name]);
    await webhook.close();
  }
});

it('a pod reaches a server that the test runs on the machine, and nothing else of the machine', async () => {
  const namespace = await namespaceForPods(cluster());
  const server = createServer((request, response) => response.end(`you asked for ${request.url}`)).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const inside = await cluster().node.offer(port);
    await apply(cluster(), namespace, [podOf('asks', { command: sleeping })]);
    await podReady(cluster(), namespace, 'asks');
    // With -T, Debian's busybox ends in a segmentation fault.
    const get = (to: number) => cluster().exec('asks', ['wget', '-qO-', `http://${inside.host}:${to}/v1/sys`], { namespace });
    expect(await get(inside.port)).toMatchObject({ code: 0, stdout: 'you asked for /v1/sys' });
    expect((await get(port)).code).not.toBe(0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
