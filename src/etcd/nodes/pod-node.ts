// A node through a pod on it: for clusters whose nodes nobody logs in to. The pod may do anything on the node, and lives as short as can be.

import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import type { KubeClient } from '../../kube/client.ts';
import { pods as podKind } from '../../kube/kinds.ts';
import type { Kind, KubeObject, Ref } from '../../kube/object.ts';
import type { Pods } from '../../kube/pods.ts';
import { socketOpened } from './loopback-socket.ts';
import type { ControlPlaneNode } from './node.ts';
import { stopped } from './node-fault.ts';
import { type NodeShell, shellFiles } from './shell-files.ts';

export interface PodNodeOptions {
  readonly client: KubeClient;
  readonly pods: Pods;
  /** Of the Node object, which is its host name too unless it was given another. */
  readonly nodeName: string;
  /** Host name of the node; without it, it is asked. */
  readonly name?: string | undefined;
  /** Any with `sh`, `sleep` and `chroot`, such as busybox; all else is done with the node's own programs. */
  readonly image: string;
  /** One that admits privileged pods, such as `kube-system`. */
  readonly namespace: string;
  readonly random: RandomBytes;
  /** Wall clock in milliseconds, to tell which pods are left from earlier. */
  readonly now: () => number;
}

interface AccessPod extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly phase?: string;
    readonly message?: string;
    readonly containerStatuses?: readonly { readonly state?: { readonly waiting?: { readonly reason?: string } } }[];
  };
}

const accessPods: Kind<AccessPod> = podKind;

/** By which what was left behind is found; nothing else carries it. */
const label = { 'app.kubernetes.io/name': 'casemate-node-access' };
const container = 'node';
/** Seconds after which the kubelet ends the pod, whatever became of whoever made it. */
const lifetime = 3_600;
/** Milliseconds that an image may take to be pulled. */
const patience = { start: 120_000, poll: 500, exec: 60_000 };

/**
 * Makes the pod and waits until it runs. It sees the node's whole file system, its processes and its network, as root: whoever may
 * run commands in it owns the node. So only `close`, or an hour at most, stands between it and its end; it holds no service account
 * token, takes no traffic and listens nowhere. What is written goes through the API server and the kubelet, encrypted on both
 * stretches, and never into the pod's specification.
 * Throws KubeFault or Fault `permission-denied` where the cluster does not admit it, `timeout` when it does not come up.
 */
export async function openPodNode(options: PodNodeOptions, signal: AbortSignal): Promise<ControlPlaneNode> {
  const { client, pods, nodeName, random } = options;
  await removeLeftovers(options, signal);
  const made = await client.create(accessPods, manifestOf(options), { signal });
  const pod = { name: made.metadata.name as string, namespace: options.namespace };
  const close = async () => {
    await client.remove(accessPods, pod, { uid: made.metadata.uid, gracePeriodSeconds: 0, signal: AbortSignal.timeout(30_000) });
  };
  const shell = shellIn(pods, pod, nodeName);
  try {
    await running(options, pod, signal);
    const { code, stdout } = await shell.run('uname -n', undefined, signal);
    const found = stdout.toString().trim();
    if (code !== 0 || found === '') throw new Fault('unavailable', `${shell.way}: no command can be run on the node (exit code ${code})`);
    return {
      name: options.name ?? found,
      way: shell.way,
      ...shellFiles(shell, random),
      connect: (host, port, until) => connectThrough(pods, pod, { way: shell.way, host, port, signal: until }),
      close,
    };
  } catch (thrown) {
    await close().catch(() => undefined);
    throw thrown;
  }
}

function manifestOf({ nodeName, image, namespace, random }: PodNodeOptions): AccessPod {
  return {
    metadata: { name: `casemate-node-${randomBase62(random, 10).toLowerCase()}`, namespace, labels: label },
    spec: {
      // Set here, it needs no scheduler, and neither taints nor a cordon keep it away.
      nodeName,
      tolerations: [{ operator: 'Exists' }],
      hostNetwork: true,
      hostPID: true,
      // Its own service links and token would be for nothing.
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      activeDeadlineSeconds: lifetime,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: container,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', `trap exit TERM; sleep ${lifetime} & wait`],
          // Less would do for files, but not where SELinux or AppArmor stand between a container and its node.
          securityContext: { privileged: true, runAsUser: 0, runAsGroup: 0, runAsNonRoot: false },
          resources: { requests: { cpu: '10m', memory: '16Mi' } },
          volumeMounts: [{ name: 'node', mountPath: '/host', mountPropagation: 'HostToContainer' }],
        },
      ],
      volumes: [{ name: 'node', hostPath: { path: '/', type: 'Directory' } }],
    },
  };
}

/** Pods that have ended, or have outlived their time, are of nobody who is still there. */
async function removeLeftovers({ client, nodeName, namespace, now }: PodNodeOptions, signal: AbortSignal): Promise<void> {
  const labels = Object.entries(label).map(([name, value]) => `${name}=${value}`);
  const { items } = await client.list(accessPods, { namespace, labels: labels.join(','), fields: `spec.nodeName=${nodeName}` }, { signal });
  for (const { metadata, status } of items) {
    const age = now() - Date.parse(metadata.creationTimestamp ?? '');
    const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed' || age > lifetime * 1_000;
    if (ended && metadata.name !== undefined)
      await client.remove(accessPods, { name: metadata.name, namespace }, { uid: metadata.uid, gracePeriodSeconds: 0, signal });
  }
}

async function running({ client, nodeName, image }: PodNodeOptions, pod: Ref, signal: AbortSignal): Promise<void> {
  const end = performance.now() + patience.start;
  for (;;) {
    const found = await client.get(accessPods, pod, { signal });
    const phase = found?.status?.phase;
    if (phase === 'Running') return;
    if (phase === undefined && found === undefined)
      throw new Fault('unavailable', `the pod ${pod.name} was removed before it ran; try again`);
    if (phase === 'Failed' || phase === 'Succeeded')
      throw new Fault('unavailable', `the pod ${pod.name} on ${nodeName} has ended by itself: ${found?.status?.message ?? phase}`);
    const waits = found?.status?.containerStatuses?.[0]?.state?.waiting?.reason;
    if (performance.now() > end)
      throw new Fault(
        'timeout',
        `the pod ${pod.name} does not run on ${nodeName} after ${patience.start / 1_000} seconds${waits === undefined ? '; does its kubelet run?' : `: ${waits} for the image ${image}`}`,
      );
    await delay(patience.poll, undefined, { signal }).catch(() => {
      throw stopped(`a pod on ${nodeName}`, 'starting it', signal);
    });
  }
}

function shellIn(pods: Pods, pod: Ref, nodeName: string): NodeShell {
  const way = `a pod on ${nodeName}`;
  return {
    way,
    advice: 'a security module of the node forbids it to privileged pods; reach the node over SSH',
    async run(script, stdin, signal) {
      const until = AbortSignal.any([signal, AbortSignal.timeout(patience.exec)]);
      if (until.aborted) throw stopped(way, 'a command', until);
      try {
        const command = ['chroot', '/host', 'sh', '-c', script] as const;
        const done = await pods.exec(pod, { container, command, input: stdin, signal: until });
        return { ...done, stderr: done.stderr.toString() };
      } catch (thrown) {
        if (until.aborted) throw stopped(way, 'a command', until);
        throw thrown;
      }
    },
  };
}

interface Destination {
  readonly way: string;
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** The kubelet forwards to the loopback of the pod's network, which is the node's, and to nothing else. */
async function connectThrough(pods: Pods, pod: Ref, { way, host, port, signal }: Destination): Promise<Duplex> {
  if (host !== 'localhost' && host !== '::1' && !host.startsWith('127.'))
    throw new Fault('invalid-request', `${way} reaches the node's loopback alone, not ${host}; reach the node over SSH`);
  if (signal.aborted) throw stopped(way, `connecting to ${host}:${port}`, signal);
  const forward = await pods.forward(pod, port);
  let socket: Socket | undefined;
  try {
    socket = await socketOpened(connect({ host: '127.0.0.1', port: forward.port }), { way, host, port, signal });
    socket.on('close', () => void forward.close());
    return socket;
  } catch (thrown) {
    await forward.close();
    throw thrown;
  }
}
