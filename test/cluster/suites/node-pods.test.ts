// Pods on the node: what Kubernetes hands to them, and what can be done with them from outside.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../fixture/ports.ts';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { writeNodeImage } from '../node/node-image.ts';
import { apply, namespaceForPods, outputOf, podOf, podReady, sleeping } from '../node/workloads.ts';

const cluster = clusterOfFile(() => startCluster({ node: true }));

describe('a pod with a Secret and a token for one audience', () => {
  let namespace = '';
  beforeAll(async () => {
    namespace = await namespaceForPods(cluster());
    await apply(cluster(), namespace, [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' }, stringData: { password: 'hunter2' } },
      podOf('reader', {
        command: ['sh', '-c', 'trap exit TERM; echo the password is "$PASSWORD"; while :; do sleep 1 & wait; done'],
        container: {
          env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } }],
          resources: { limits: { memory: '64Mi', cpu: '200m' } },
          volumeMounts: [
            { name: 'login', mountPath: '/login' },
            { name: 'token', mountPath: '/token' },
          ],
        },
        spec: {
          volumes: [
            { name: 'login', secret: { secretName: 'login' } },
            {
              name: 'token',
              projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } }] },
            },
          ],
        },
      }),
    ]);
    await podReady(cluster(), namespace, 'reader');
  });

  it('finds the Secret in its environment and in a file that is only in memory', async () => {
    expect(await outputOf(cluster(), namespace, 'reader', ['sh', '-c', 'echo $PASSWORD; cat /login/password'])).toBe('hunter2\nhunter2');
    expect(await outputOf(cluster(), namespace, 'reader', ['grep', ' /login ', '/proc/mounts'])).toMatch(/^tmpfs /);
  });

  it('is held to the memory that it was given', async () => {
    const limits = ['/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max'];
    const shown = await outputOf(cluster(), namespace, 'reader', ['sh', '-c', `cat ${limits.join(' ')} 2>/dev/null; true`]);
    expect(shown).toBe(String(64 * 1024 * 1024));
  });

  it('tells its output in the logs', async () => {
    const { stdout } = await cluster().kubectl(['logs', '--namespace', namespace, 'reader']);
    expect(stdout).toBe('the password is hunter2\n');
  });

  it('has a token that a TokenReview knows for its audience, and for no other', async () => {
    const token = await outputOf(cluster(), namespace, 'reader', ['cat', '/token/token']);
    const review = async (audience: string) => {
      const spec = { token, audiences: [audience] };
      const { body } = await cluster().call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
      });
      return body.status;
    };
    expect(await review('vault')).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: {
        username: `system:serviceaccount:${namespace}:default`,
        extra: { 'authentication.kubernetes.io/pod-name': ['reader'], 'authentication.kubernetes.io/node-name': ['node1'] },
      },
    });
    expect((await review('another')).authenticated).not.toBe(true);
  });

  it('sees a changed Secret in its file', async () => {
    await apply(cluster(), namespace, [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' }, stringData: { password: 'correct horse' } },
    ]);
    await until(
      'the new password in the file',
      async () => (await outputOf(cluster(), namespace, 'reader', ['cat', '/login/password'])) === 'correct horse',
      { every: 500, within: 60_000 },
    );
  }, 90_000);

  it('reads the standard input of a command that is run in it, and hands back its exit code', async () => {
    const { stdout, code } = await cluster().exec('reader', ['sh', '-c', 'tr a-z A-Z; exit 7'], { namespace, input: 'casemate' });
    expect({ stdout, code }).toEqual({ stdout: 'CASEMATE', code: 7 });
  });
});

it('a port of a pod is reached through kubectl port-forward', async () => {
  const namespace = await namespaceForPods(cluster());
  await apply(cluster(), namespace, [podOf('redis', { image: 'redis' })]);
  await podReady(cluster(), namespace, 'redis');
  const [port] = (await freePorts(1)) as [number];
  const forwarding = new AbortController();
  const ended = cluster()
    .kubectl(['port-forward', '--namespace', namespace, 'pod/redis', `${port}:6379`], { signal: forwarding.signal })
    .then(({ stderr }) => stderr)
    .catch(() => 'aborted');
  try {
    expect(await until('an answer of redis', () => answerOf(port, 'PING\r\n'))).toBe('+PONG\r\n');
  } finally {
    forwarding.abort();
  }
  expect(await ended).toBe('aborted');
});

it('a pod calls the API with its own token, and may do what its role allows', async () => {
  const namespace = await namespaceForPods(cluster());
  const archive = writeNodeImage(`${cluster().folder}/node.tar`);
  await cluster().node.importImages([archive]);
  const rbac = 'rbac.authorization.k8s.io';
  await apply(cluster(), namespace, [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'greeting' }, data: { text: 'good morning' } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { name: 'reads-configmaps' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'default-reads-configmaps' },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'reads-configmaps' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    },
    podOf('caller', { image: 'node', command: sleepingNode }),
  ]);
  await podReady(cluster(), namespace, 'caller');
  const call = (path: string) => outputOf(cluster(), namespace, 'caller', ['/usr/bin/node', '-e', callingScript, path]);
  expect(await call(`/api/v1/namespaces/${namespace}/configmaps/greeting`)).toBe('200 good morning');
  expect(await call(`/api/v1/namespaces/${namespace}/secrets/login`)).toMatch(/^403 /);
});

it('a mount that one pod makes on the node is seen by another pod, and never by the machine', async () => {
  const namespace = await namespaceForPods(cluster());
  const shared = (propagation: string) => ({
    container: {
      securityContext: { privileged: true },
      volumeMounts: [{ name: 'shared', mountPath: '/shared', mountPropagation: propagation }],
    },
    spec: { volumes: [{ name: 'shared', hostPath: { path: '/var/lib/kubelet/shared', type: 'DirectoryOrCreate' } }] },
  });
  await apply(cluster(), namespace, [
    podOf('mounts', { command: sleeping, ...shared('Bidirectional') }),
    podOf('looks', { command: sleeping, ...shared('HostToContainer') }),
  ]);
  await podReady(cluster(), namespace, 'mounts');
  await podReady(cluster(), namespace, 'looks');
  const mount = 'mkdir /shared/disk && mount -t tmpfs disk /shared/disk && echo mounted > /shared/disk/word';
  await outputOf(cluster(), namespace, 'mounts', ['sh', '-c', mount]);
  expect(await outputOf(cluster(), namespace, 'looks', ['cat', '/shared/disk/word'])).toBe('mounted');
  expect((await cluster().node.run('cat', ['/var/lib/kubelet/shared/disk/word'])).stdout).toBe('mounted\n');
  expect(existsSync(`${cluster().node.kubeletFolder}/shared/disk`)).toBe(true);
  expect(existsSync(`${cluster().node.kubeletFolder}/shared/disk/word`)).toBe(false);
});

const sleepingNode = ['/usr/bin/node', '-e', "process.on('SIGTERM', () => process.exit()); setInterval(() => undefined, 1e6)"];

const callingScript = `
const { readFileSync } = require('node:fs');
const account = '/var/run/secrets/kubernetes.io/serviceaccount/';
const options = {
  host: 'kubernetes.default.svc',
  path: process.argv[1],
  ca: readFileSync(account + 'ca.crt'),
  headers: { authorization: 'Bearer ' + readFileSync(account + 'token', 'utf8') },
};
require('node:https').get(options, async (response) => {
  const body = JSON.parse((await response.toArray()).join(''));
  console.log(response.statusCode, body.data?.text ?? body.message);
});`;

/** What a server sends back first; undefined when it cannot be reached. */
async function answerOf(port: number, words: string): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write(words);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString();
  } finally {
    socket.destroy();
  }
}
