// Opens the way to a control-plane node that its description names.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Pods } from '../../kube/pods.ts';
import { type LocalNodeOptions, openLocalNode } from './local-node.ts';
import type { ControlPlaneNode } from './node.ts';
import type { NodeAccess } from './node-access.ts';
import type { SshEnvironment } from './ssh-node.ts';

export interface NodeDescription {
  /** Of its Node object, and its host name unless `hostName` tells another. */
  readonly name: string;
  readonly hostName?: string | undefined;
  readonly access: NodeAccess;
}

/** What the ways need of the program. */
export interface NodeWays {
  readonly random: RandomBytes;
  /** Wall clock in milliseconds. */
  readonly now: () => number;
  readonly ssh: SshEnvironment;
  readonly relabel?: LocalNodeOptions['relabel'];
  /** For pods; a program that knows no cluster leaves it out. `pods` brings a library with it, and is loaded when it is called. */
  readonly cluster?: { readonly client: KubeClient; readonly pods: () => Promise<Pods> } | undefined;
}

/** Throws Fault as the ways do; `usage` for a pod where no cluster is known. The library for SSH is loaded only for SSH. */
export async function openNode(
  { name, hostName, access }: NodeDescription,
  ways: NodeWays,
  signal: AbortSignal,
): Promise<ControlPlaneNode> {
  const host = hostName ?? name;
  switch (access.type) {
    case 'local':
      return openLocalNode({ name: host, random: ways.random, relabel: ways.relabel });
    case 'ssh': {
      const { openSshNode } = await import('./ssh-node.ts');
      return openSshNode({ name: host, access, environment: ways.ssh, random: ways.random }, signal);
    }
    case 'pod': {
      if (ways.cluster === undefined)
        throw new Fault(
          'usage',
          `the node ${name} is to be reached by a pod, but no cluster is known: name a kubeconfig, or reach it over SSH`,
        );
      const { openPodNode } = await import('./pod-node.ts');
      const { image, namespace } = access;
      const { client, pods } = ways.cluster;
      return openPodNode(
        { client, pods: await pods(), nodeName: name, name: host, image, namespace, random: ways.random, now: ways.now },
        signal,
      );
    }
  }
}
