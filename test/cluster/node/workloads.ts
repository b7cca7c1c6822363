// Pods and what belongs to them, for suites on a node: made, waited for, described when they do not come up.

import { Fault } from '../../../src/base/fault.ts';
import { until } from '../fixture/waiting.ts';
import type { NodeCluster } from './start.ts';

/** Any object of the API, as it would stand in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface PodOptions {
  /** `busybox` by default. */
  readonly image?: string;
  /** The image's own by default. */
  readonly command?: readonly string[];
  /** Further fields of the container and of the pod's spec. */
  readonly container?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export const sleeping = ['sh', '-c', 'trap exit TERM; while :; do sleep 1 & wait; done'] as const;

/** A pod of one container, named `main`, of an image that the node has. */
export function podOf(name: string, { image = 'busybox', command, container, spec, labels }: PodOptions): Manifest {
  const main = {
    name: 'main',
    image: `docker.io/library/${image}:fixture`,
    imagePullPolicy: 'Never',
    ...(command !== undefined && { command }),
    ...container,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(labels !== undefined && { labels }) },
    spec: { terminationGracePeriodSeconds: 1, containers: [main], ...spec },
  };
}

/** A namespace of its own in which pods can be made at once. */
export async function namespaceForPods(cluster: NodeCluster): Promise<string> {
  const namespace = await cluster.namespace('pods');
  // Without the account pods are refused, without the certificate they wait in long steps.
  for (const path of ['serviceaccounts/default', 'configmaps/kube-root-ca.crt'])
    await until(`${path} in ${namespace}`, async () => {
      const { status } = await cluster.call('GET', `/api/v1/namespaces/${namespace}/${path}`);
      return status === 200;
    });
  return namespace;
}

/** Rejects with Fault `invalid-request` and kubectl's words when the API refuses one of them. */
export async function apply(cluster: NodeCluster, namespace: string, manifests: readonly Manifest[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: manifests };
  const { code, stderr } = await cluster.kubectl(['apply', '--namespace', namespace, '--filename', '-'], { input: JSON.stringify(list) });
  if (code !== 0) throw new Fault('invalid-request', stderr.trim());
}

/** Rejects with Fault `timeout` and what Kubernetes says about the pod. */
export async function podReady(cluster: NodeCluster, namespace: string, pod: string, within = 60_000): Promise<void> {
  const target = ['--namespace', namespace, `pod/${pod}`];
  const { code, stderr } = await cluster.kubectl(['wait', ...target, '--for=condition=Ready', `--timeout=${within / 1_000}s`]);
  if (code === 0) return;
  const { stdout } = await cluster.kubectl(['describe', ...target]);
  throw new Fault('timeout', `the pod ${pod} is not ready: ${stderr.trim()}\n${stdout}`);
}

/** The output of a command in a pod, without the line's end. Rejects with Fault `unavailable` when the command fails. */
export async function outputOf(cluster: NodeCluster, namespace: string, pod: string, command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.exec(pod, command, { namespace });
  if (code !== 0) throw new Fault('unavailable', `${command.join(' ')} in ${pod} ended with ${code}: ${stderr.trim()}`);
  return stdout.replace(/\n$/, '');
}
