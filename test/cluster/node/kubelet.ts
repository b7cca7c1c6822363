// Starts a node's kubelet.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeKubeconfig } from '../fixture/kubeconfig.ts';
import type { Pki } from '../fixture/pki.ts';
import type { Component } from '../fixture/runner.ts';
import { containerdSocket } from './containerd.ts';
import { type Namespaces, nodeAddress } from './namespaces.ts';
import type { NodePrograms } from './programs.ts';

export const nodeName = 'node1';
/** Of the Service that pods ask for names. */
export const dnsAddress = '10.96.0.10';

export interface NodePart {
  readonly programs: NodePrograms;
  readonly pki: Pki;
  /** Of the apiserver, as it is reached inside. */
  readonly apiserverUrl: string;
}

export async function startKubelet(namespaces: Namespaces, { programs, pki, apiserverUrl }: NodePart): Promise<Component> {
  const { folder } = namespaces;
  const { certificate, key, certificateFile, keyFile } = await pki.authority.issue({
    name: nodeName,
    subject: `/O=system:nodes/CN=system:node:${nodeName}`,
    names: [`DNS:${nodeName}`, `IP:${nodeAddress}`],
  });
  const kubeconfig = await writeKubeconfig(join(folder, 'kubelet.kubeconfig'), {
    url: apiserverUrl,
    authority: pki.authority.certificate,
    user: { certificate, key },
  });
  const configuration = join(folder, 'kubelet.yaml');
  await writeFile(
    configuration,
    stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: nodeAddress,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: pki.authority.certificateFile },
      },
      authorization: { mode: 'Webhook' },
      tlsCertFile: certificateFile,
      tlsPrivateKeyFile: keyFile,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: namespaces.cgroup,
      failCgroupV1: false,
      failSwapOn: false,
      enforceNodeAllocatable: ['pods'],
      // What would need CAP_SYS_RESOURCE is not asked for.
      oomScoreAdj: 0,
      containerRuntimeEndpoint: `unix://${containerdSocket}`,
      resolvConf: '',
      clusterDNS: [dnsAddress],
      clusterDomain: 'cluster.local',
      syncFrequency: '10s',
      configMapAndSecretChangeDetectionStrategy: 'Watch',
      // The disk is the machine's, and how full it is none of the tests' business.
      imageGCHighThresholdPercent: 100,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'nodefs.inodesFree': '1%', 'imagefs.available': '1%' },
      localStorageCapacityIsolation: false,
      volumePluginDir: join(folder, 'kubelet-plugins'),
    }),
  );
  return namespaces.spawn(
    'kubelet',
    join(programs.kube, 'kubelet'),
    [
      `--config=${configuration}`,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
      '--root-dir=/var/lib/kubelet',
      `--cert-dir=${join(folder, 'kubelet-certificates')}`,
    ],
    { env: { PATH: `${programs.containerd}:/usr/sbin:/usr/bin:/sbin:/bin` } },
  );
}
