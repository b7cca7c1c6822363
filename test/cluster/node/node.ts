// A whole node beside a cluster's apiserver: containerd, kubelet, kube-proxy and CoreDNS in namespaces of their own.

import { join } from 'node:path';
import { Fault } from '../../../src/base/fault.ts';
import type { Caller } from '../fixture/caller.ts';
import type { Pki } from '../fixture/pki.ts';
import { lastLines } from '../fixture/runner.ts';
import { until } from '../fixture/waiting.ts';
import { type Containerd, startContainerd } from './containerd.ts';
import { nodeName, startKubelet } from './kubelet.ts';
import { type Namespaces, nodeAddress } from './namespaces.ts';
import type { NodePrograms } from './programs.ts';
import { exposeDns, startDns, startProxy } from './service-network.ts';

export interface NodeOptions {
  readonly programs: NodePrograms;
  /** Names of the images that pods of the test use; `busybox` and `redis` by default. */
  readonly images?: readonly string[];
  /** Milliseconds until each part has to be ready. */
  readonly within: number;
  readonly signal?: AbortSignal | undefined;
}

export interface JoinOptions {
  readonly pki: Pki;
  /** Of the apiserver, as it is reached inside. */
  readonly apiserverUrl: string;
  /** Calls on it, from the test. */
  readonly call: Caller['call'];
}

export interface PreparedNode {
  /** Resolves when the node is Ready, its Services and names work, and pods can be made in the namespace `default`. */
  join(options: JoinOptions): Promise<ClusterNode>;
}

export interface ClusterNode extends Pick<Namespaces, 'run' | 'offer' | 'reachAddress'> {
  readonly name: string;
  /** By which pods reach the node and what it listens on. */
  readonly address: string;
  /** The kubelet's folder (inside: /var/lib/kubelet) as the test sees it. What is mounted inside is not seen outside. */
  readonly kubeletFolder: string;
  /** Names from the fixture's images (`postgres`), or absolute paths of docker-archive files. */
  importImages(images: readonly string[]): Promise<void>;
}

/** Starts what needs no apiserver, so that it comes up beside it. */
export function prepareNode(namespaces: Namespaces, options: NodeOptions): PreparedNode {
  const { programs, images = ['busybox', 'redis'], within, signal } = options;
  const archives = (names: readonly string[]): readonly string[] =>
    names.map((name) => (name.startsWith('/') ? name : join(programs.images, `${name}.tar`)));
  const containerd = startContainerd(namespaces, { programs, within, signal });
  const imported = containerd.then((it) => it.importImages(archives(['pause', ...images])));
  // Told to whoever joins; should nobody, it must not end the test's process.
  imported.catch(() => undefined);
  return {
    async join({ pki, apiserverUrl, call }) {
      const runtime: Containerd = await containerd;
      const part = { programs, pki, apiserverUrl };
      await Promise.all([startKubelet(namespaces, part), startProxy(namespaces, part), startDns(namespaces, part)]);
      const wait = { within, signal };
      try {
        await Promise.all([
          imported,
          exposeDns({ call }, wait),
          nodeReady(call, wait),
          accountReady(call, wait),
          dnsReady(namespaces, wait),
        ]);
      } catch (thrown) {
        const parts = namespaces.components().filter(({ name }) => ['containerd', 'kubelet', 'kube-proxy', 'coredns'].includes(name));
        const logs = parts.map((component) => lastLines(component)).join('\n');
        throw new Fault('unavailable', `the node did not come up: ${(thrown as Error).message}\n${logs}`, { cause: thrown });
      }
      return {
        name: nodeName,
        address: nodeAddress,
        kubeletFolder: join(namespaces.folder, 'kubelet'),
        run: namespaces.run,
        offer: namespaces.offer,
        reachAddress: namespaces.reachAddress,
        importImages: (names) => runtime.importImages(archives(names)),
      };
    },
  };
}

interface Wait {
  readonly within: number;
  readonly signal?: AbortSignal | undefined;
}

async function nodeReady(call: Caller['call'], wait: Wait): Promise<void> {
  await until(
    `${nodeName} is Ready`,
    async () => {
      const { body } = await call('GET', `/api/v1/nodes/${nodeName}`);
      const conditions = (body.status?.conditions ?? []) as readonly { readonly type: string; readonly status: string; message?: string }[];
      const ready = conditions.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') throw new Fault('unavailable', ready?.message ?? 'not registered');
      // The taint of a new node keeps pods away a moment longer.
      return (body.spec.taints ?? []).length === 0;
    },
    wait,
  );
}

/** Pods of a namespace are refused before it has its account. */
async function accountReady(call: Caller['call'], wait: Wait): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  await until('the ServiceAccount default', async () => (await call('GET', path)).status === 200, wait);
}

async function dnsReady(namespaces: Namespaces, wait: Wait): Promise<void> {
  const port = await namespaces.reachAddress({ host: nodeAddress, port: 8181 });
  await until('CoreDNS is ready', async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok, wait);
}
