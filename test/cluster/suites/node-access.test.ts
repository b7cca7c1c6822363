// A node through a one-shot pod on it, on a real kubelet: the exercise suite, and what becomes of the pods.

import { beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../../src/base/fault.ts';
import { systemRandom } from '../../../src/crypto/random.ts';
import type { ControlPlaneNode } from '../../../src/etcd/nodes/node.ts';
import { openPodNode, type PodNodeOptions } from '../../../src/etcd/nodes/pod-node.ts';
import { createKubeClient, type KubeClient } from '../../../src/kube/client.ts';
import { findConnection } from '../../../src/kube/find-connection.ts';
import { createPods } from '../../../src/kube/pods.ts';
import { exerciseNodeAccess } from '../../suites/node-access.ts';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { namespaceForPods } from '../node/workloads.ts';

const cluster = clusterOfFile(() => startCluster({ node: true }));
const soon = () => AbortSignal.timeout(60_000);

let client: KubeClient;
let namespace = '';
beforeAll(async () => {
  const now = () => performance.now();
  const connection = await findConnection({ kubeconfig: cluster().kubeconfig, env: {}, now });
  client = createKubeClient({ connection, fieldManager: 'casemate-test', now });
  namespace = await namespaceForPods(cluster());
}, 180_000);

const open = (changes: Partial<PodNodeOptions> = {}, signal = soon()): Promise<ControlPlaneNode> =>
  openPodNode(
    {
      client,
      pods: createPods(client.exchange),
      nodeName: 'node1',
      image: 'docker.io/library/busybox:fixture',
      namespace,
      random: systemRandom,
      now: Date.now,
      ...changes,
    },
    signal,
  );

interface SeenPod {
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

const accessPods = async (): Promise<readonly SeenPod[]> => {
  const selector = 'labelSelector=app.kubernetes.io/name%3Dcasemate-node-access';
  const { body } = await cluster().call('GET', `/api/v1/namespaces/${namespace}/pods?${selector}`);
  return body.items;
};

const onNode = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await cluster().node.run('sh', ['-euc', script]);
  if (code !== 0) throw new Fault('unavailable', `${script}: ${stderr}`);
  return stdout;
};

exerciseNodeAccess('a pod', async () => {
  const node = await open();
  const folder = '/var/lib/casemate-suite';
  await onNode(`mkdir ${folder}`);
  const port = 18_077;
  const hello = `require('net').createServer((s) => s.on('error', () => {}).resume().end('hello')).listen(${port}, '127.0.0.1')`;
  const pid = await onNode(`'${process.execPath}' -e "${hello}" >/dev/null 2>&1 </dev/null & echo $!`);
  return {
    node,
    folder,
    shell: onNode,
    listen: async () => {
      await until('the server of the node listens', () =>
        onNode(`grep -q ':${port.toString(16).toUpperCase()} ' /proc/net/tcp && echo yes`),
      );
      return port;
    },
    end: async () => void (await onNode(`kill ${pid.trim()}`)),
  };
});

describe('a pod for a node', () => {
  it('names the node as it names itself, and is gone after it was closed', async () => {
    const before = await accessPods();
    const node = await open();
    expect([node.name, node.way]).toStrictEqual(['node1', 'a pod on node1']);
    expect(await accessPods()).toHaveLength(before.length + 1);
    await node.close();
    await until('the pod is gone', async () => (await accessPods()).length === before.length);
    await expect(node.read('/etc/hostname', soon())).rejects.toBeInstanceOf(Fault);
    await node.close();
  });

  it('has no token of the API, ends within the hour, and is never started again', async () => {
    const node = await open();
    const [pod] = await accessPods();
    expect(pod?.spec).toMatchObject({
      automountServiceAccountToken: false,
      activeDeadlineSeconds: 3_600,
      restartPolicy: 'Never',
      volumes: [{ name: 'node' }],
    });
    await node.close();
  });

  it('what an earlier one left goes when the next one is made, and those at work stay', async () => {
    const working = await open();
    const killed = await open();
    expect(await working.list('/', soon())).toContain('etc');
    const names = (await accessPods()).map(({ metadata }) => metadata.name);
    // Two hours later both have outlived their time.
    const later = await open({ now: () => Date.now() + 2 * 3_600_000 });
    await until('only the new one is there', async () => {
      const left = await accessPods();
      return left.length === 1 && !names.includes(left[0]?.metadata.name ?? '');
    });
    for (const node of [later, working, killed]) await node.close();
  });

  it('which cannot be started does not stay', async () => {
    const opening = open({ image: 'docker.io/library/no-such-image:1' }, AbortSignal.timeout(5_000));
    await expect(opening).rejects.toMatchObject({ code: 'timeout' });
    await until('no pod is left', async () => (await accessPods()).length === 0);
  });

  it('on a node that is not there is waited for no longer than the caller likes', async () => {
    const opening = open({ nodeName: 'node9' }, AbortSignal.timeout(3_000));
    await expect(opening).rejects.toBeInstanceOf(Fault);
  });

  it('connects to the loopback of the node alone', async () => {
    const node = await open();
    await expect(node.connect('10.77.0.1', 80, soon())).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('SSH'),
    });
    await node.close();
  });
});
