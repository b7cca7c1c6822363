// Volumes from a CSI driver that registers with the node's kubelet.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { type CsiDriver, serveCsiDriver } from '../node/csi-driver.ts';
import { apply, namespaceForPods, outputOf, podOf, podReady, sleeping } from '../node/workloads.ts';

const driverName = 'texts.casemate.test';
const cluster = clusterOfFile(() => startCluster({ node: true, images: ['busybox'] }));
let driver: CsiDriver;

beforeAll(async () => {
  await apply(cluster(), 'default', [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driverName },
      spec: { attachRequired: false, podInfoOnMount: true, volumeLifecycleModes: ['Ephemeral'] },
    },
  ]);
  driver = await serveCsiDriver(cluster().node.kubeletFolder, driverName);
});

afterAll(() => driver.close());

it('a driver that shows its socket is registered on the node', async () => {
  await until('the kubelet has spoken', () => driver.registered());
  expect(driver.registered()).toEqual({ plugin_registered: true, error: '' });
  const listed = await until('the driver on the node', async () => {
    const { body } = await cluster().call('GET', '/apis/storage.k8s.io/v1/csinodes/node1');
    return body.spec.drivers?.find(({ name }: { readonly name: string }) => name === driverName);
  });
  expect(listed).toMatchObject({ nodeID: 'node1' });
});

it('a pod reads what the driver put into its volume, and the driver is told when the pod is gone', async () => {
  const namespace = await namespaceForPods(cluster());
  await apply(cluster(), namespace, [
    podOf('reads', {
      command: sleeping,
      container: { volumeMounts: [{ name: 'text', mountPath: '/text' }] },
      spec: { volumes: [{ name: 'text', csi: { driver: driverName, readOnly: true, volumeAttributes: { text: 'from the driver' } } }] },
    }),
  ]);
  await podReady(cluster(), namespace, 'reads');
  expect(await outputOf(cluster(), namespace, 'reads', ['cat', '/text/text'])).toBe('from the driver');
  const [request] = [...driver.published.values()];
  expect(request?.volume_context).toMatchObject({
    'csi.storage.k8s.io/pod.name': 'reads',
    'csi.storage.k8s.io/pod.namespace': namespace,
    'csi.storage.k8s.io/ephemeral': 'true',
  });
  await cluster().kubectl(['delete', '--namespace', namespace, 'pod/reads', '--wait=true']);
  await until('the volume is given back', () => driver.published.size === 0);
});
