// A cluster with a whole node: the control plane of the fixture put into namespaces, and a node beside it.

import { clusterFixtures } from '../../../scripts/fixtures/cluster.mjs';
import { Fault } from '../../../src/base/fault.ts';
import { assembleCluster } from '../fixture/assemble.ts';
import type { Cluster, ClusterOptions, KubectlResult } from '../fixture/cluster.ts';
import { type Guardian, startGuardian } from '../fixture/guardian.ts';
import { whatNodesNeed } from './machine.ts';
import { enterNamespaces, nodeAddress } from './namespaces.ts';
import { type ClusterNode, prepareNode } from './node.ts';

export interface NodeClusterOptions extends ClusterOptions {
  /** Names of the fixture's images that pods will use; `busybox` and `redis` by default. More can be imported later. */
  readonly images?: readonly string[];
}

export interface ExecOptions {
  /** Of the pod; `default` by default. */
  readonly namespace?: string;
  /** The pod's first by default. */
  readonly container?: string;
  /** Sent to the command's standard input. */
  readonly input?: string;
}

export interface NodeCluster extends Cluster {
  readonly node: ClusterNode;
  /** Runs a command in a pod's container, to its end. */
  exec(pod: string, command: readonly string[], options?: ExecOptions): Promise<KubectlResult>;
}

/**
 * Resolves when the node is Ready: about seven seconds on a quiet machine. Nothing of it is in the machine's own network, and
 * nothing in that network can be reached from it. Controller manager and scheduler run unless they are switched off.
 * Rejects with Fault `unavailable` that says what is missing or what a part printed.
 */
export async function startNodeCluster(options: NodeClusterOptions = {}): Promise<NodeCluster> {
  const startedAt = performance.now();
  const missing = whatNodesNeed();
  if (missing !== undefined) throw new Fault('unavailable', missing);
  const found = clusterFixtures();
  if (!found.ready) throw new Fault('unavailable', found.sentence);
  const { folders } = found;
  const guardian = await startGuardian();
  const namespaces = await orCleared(guardian, enterNamespaces(guardian, Object.values(folders)));
  const { images, within = 90_000, signal } = options;
  const node = prepareNode(namespaces, { programs: folders, within, signal, ...(images !== undefined && { images }) });
  const cluster = await assembleCluster(
    { runner: namespaces, guardian, programs: folders, advertiseAddress: nodeAddress },
    { controllerManager: true, scheduler: true, ...options },
  );
  try {
    const joined = await node.join({ pki: cluster.pki, apiserverUrl: cluster.innerUrl, call: cluster.call });
    return {
      ...cluster,
      node: joined,
      readyAfter: performance.now() - startedAt,
      exec(pod, command, { namespace = 'default', container, input } = {}) {
        const target = ['--namespace', namespace, ...(container === undefined ? [] : ['--container', container])];
        const words = ['exec', ...target, ...(input === undefined ? [] : ['--stdin']), pod, '--', ...command];
        return cluster.kubectl(words, input === undefined ? {} : { input });
      },
    };
  } catch (thrown) {
    await cluster.stop();
    throw thrown;
  }
}

async function orCleared<T>(guardian: Guardian, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    await guardian.end();
    throw thrown;
  }
}
