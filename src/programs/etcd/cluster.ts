// Opens a cluster for `casemate etcd`: its nodes, every kube-apiserver at its own address, and etcd as kube-apiserver reaches it.

import { existsSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { posix } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../crypto/random.ts';
import { type AnyApiserver, anyApiserver } from '../../etcd/manager/any-apiserver.ts';
import type { ManagedNode } from '../../etcd/manager/managed-node.ts';
import { type Fleet, type NodeSpec, readFleet } from '../../etcd/nodes/fleet.ts';
import { type Layout, type LayoutName, layoutOf } from '../../etcd/nodes/layout.ts';
import { type ApiserverManifest, readManifest } from '../../etcd/nodes/manifest.ts';
import type { ControlPlaneNode } from '../../etcd/nodes/node.ts';
import { openNode } from '../../etcd/nodes/open-node.ts';
import { type EtcdClient, openEtcd } from '../../etcd/verify/etcd-client.ts';
import { createKubeClient, type KubeClient } from '../../kube/client.ts';
import type { Connection } from '../../kube/connection.ts';
import { findConnection } from '../../kube/find-connection.ts';

export interface ClusterOptions {
  /** This machine as the only node, whatever files lie in this folder. */
  readonly local?: boolean | undefined;
  readonly config?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly 'ssh-agent-auth': boolean;
  readonly sudo: boolean;
  readonly manifest?: string | undefined;
  readonly folder?: string | undefined;
  readonly 'etcd-endpoints'?: string | undefined;
  readonly 'etcd-cacert'?: string | undefined;
  readonly 'etcd-cert'?: string | undefined;
  readonly 'etcd-key'?: string | undefined;
  readonly 'evict-node': readonly string[];
}

export interface OpenCluster {
  readonly fleet: Fleet;
  readonly layout: Layout;
  readonly nodes: readonly [ManagedNode, ...ManagedNode[]];
  /** At the address of the kubeconfig, or at any node's. */
  readonly client: AnyApiserver;
  readonly etcd: EtcdClient;
  readonly root: string;
  /** Resources that lie in another etcd (`--etcd-servers-overrides`), which is not read here. */
  readonly elsewhere: readonly string[];
  close(): Promise<void>;
}

const fieldManager = 'casemate-etcd';

/** Throws Fault as what it opens does. */
export async function openCluster(options: ClusterOptions, signal: AbortSignal): Promise<OpenCluster> {
  const fleet = fleetOf(options);
  const connection = await connectionOf(options, fleet);
  const clients: [KubeClient, ...KubeClient[]] = [clientAt(connection)];
  const client = anyApiserver(clients, systemClock.monotonic);
  const opened: ControlPlaneNode[] = [];
  const close = async () => {
    for (const each of clients) each.close();
    await Promise.all(opened.map((node) => node.close()));
  };
  try {
    const specs = fleet.nodes.filter(({ name }) => !options['evict-node'].includes(name));
    const nodes = await Promise.all(
      specs.map(async (spec): Promise<{ readonly node: ManagedNode; readonly manifest: ApiserverManifest }> => {
        const files = await openNode(spec, waysOf(clients[0]), signal);
        opened.push(files);
        const name = await hostNameOf(spec, files, fleet, signal);
        const manifest = await manifestOn(files, spec.manifest, fleet.layout, signal);
        const url = manifest.advertiseUrl;
        if (url === undefined)
          throw new Fault(
            'usage',
            `the manifest of ${spec.name} does not say where its kube-apiserver is reached: give it the flag --advertise-address`,
          );
        const { folder } = spec;
        const stateFolder = posix.join(posix.dirname(folder), 'casemate-etcd');
        const apiserver = clientAt({ ...connection, server: url });
        clients.push(apiserver);
        return { node: { name, files, manifestPath: spec.manifest, configFolder: folder, stateFolder, apiserver }, manifest };
      }),
    );
    const [first, ...more] = nodes;
    if (first === undefined) throw new Fault('usage', 'no node is left: name one that is not evicted');
    const etcd = await etcdOf(options, first.node, first.manifest, signal);
    return {
      ...{ fleet, client, etcd, layout: layoutOf(fleet.layout) },
      elsewhere: first.manifest.etcd.overrides.map(({ resource }) => resource),
      nodes: [first.node, ...more.map(({ node }) => node)],
      root: first.manifest.etcd.prefix,
      async close() {
        etcd.close();
        await close();
      },
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** RKE's file may name a node by its address; its kube-apiserver is known by its host name. */
async function hostNameOf({ name }: NodeSpec, files: ControlPlaneNode, { encryption }: Fleet, signal: AbortSignal): Promise<string> {
  if (encryption === undefined) return name;
  const file = await files.read('/proc/sys/kernel/hostname', signal);
  return file?.bytes.toString('utf8').trim() || name;
}

/** A named file, else one of the usual names in this folder, else this machine as the only node. */
export function fleetOf(options: ClusterOptions): Fleet {
  if (options.local === true) return thisNode(options);
  const { config = process.env['RKE_CONFIG'] } = options;
  const path = config ?? ['casemate-etcd.yaml', 'cluster.yml'].find((usual) => existsSync(usual));
  if (path === undefined) return thisNode(options);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new Fault('usage', `${path} cannot be read (${(thrown as NodeJS.ErrnoException).code})`, { cause: thrown });
  }
  const fleet = readFleet(text, { path, home: homedir(), sshAgent: options['ssh-agent-auth'] });
  if (!options.sudo) return fleet;
  const withSudo = fleet.nodes.map((node) => (node.access.type === 'ssh' ? { ...node, access: { ...node.access, sudo: true } } : node));
  return { ...fleet, nodes: withSudo };
}

function thisNode({ manifest, folder }: ClusterOptions): Fleet {
  const layout = layoutOf('kubeadm');
  const path = manifest ?? layout.manifest ?? '';
  if (!existsSync(path))
    throw new Fault('usage', `there is no ${path} here: run this on a control-plane node, or name the nodes in a file with -config=FILE`);
  return { layout: 'kubeadm', nodes: [{ name: hostname(), access: { type: 'local' }, manifest: path, folder: folder ?? layout.folder }] };
}

export async function connectionOf({ kubeconfig, context }: ClusterOptions, fleet: Fleet): Promise<Connection> {
  const named = kubeconfig ?? fleet.kubeconfig;
  const usual = layoutOf(fleet.layout).kubeconfig;
  const local = named === undefined && process.env['KUBECONFIG'] === undefined && existsSync(usual) ? usual : undefined;
  return findConnection({ kubeconfig: named ?? local, context, env: process.env, now: systemClock.monotonic });
}

export function clientAt(connection: Connection): KubeClient {
  return createKubeClient({ connection, fieldManager, proxies: process.env, now: systemClock.monotonic });
}

export function waysOf(client: KubeClient) {
  return {
    random: systemRandom,
    now: systemClock.now,
    ssh: { home: homedir(), agentSocket: process.env['SSH_AUTH_SOCK'], passphrase: process.env['CASEMATE_SSH_PASSPHRASE'] },
    cluster: { client, pods: async () => (await import('../../kube/pods.ts')).createPods(client.exchange) },
  };
}

async function manifestOn(files: ControlPlaneNode, path: string, layout: LayoutName, signal: AbortSignal): Promise<ApiserverManifest> {
  const file = await files.read(path, signal);
  if (file !== undefined) return readManifest(file.bytes.toString('utf8'), { path: `${path} on ${files.name}` });
  const { own } = layoutOf(layout);
  const advice = own === undefined ? 'name its path in the nodes file' : `here ${layout} itself is in charge: ${own.command}`;
  throw new Fault('not-found', `there is no static pod of kube-apiserver at ${path} on ${files.name}; ${advice}`);
}

/** What `work` reads lies in this etcd. Throws Fault `usage` where a part of it does not: nothing would be found there, and it would look well. */
export function refuseElsewhere({ elsewhere }: Pick<OpenCluster, 'elsewhere'>, resources: readonly string[]): void {
  const missed = resources.filter((resource) => elsewhere.includes(resource));
  if (missed.length > 0)
    throw new Fault('usage', `${missed.join(', ')} lies in another etcd (--etcd-servers-overrides), which is not read: leave it out`);
}

/** With the certificate that kube-apiserver shows, from the node that it stands on; its loopback is reached through the node. */
async function etcdOf(options: ClusterOptions, node: ManagedNode, manifest: ApiserverManifest, signal: AbortSignal): Promise<EtcdClient> {
  const endpoints = options['etcd-endpoints']?.split(',') ?? manifest.etcd.servers;
  const onNode = async (path: string | undefined) => {
    const place = path === undefined ? undefined : manifest.nodePathOf(path);
    return place === undefined ? undefined : (await node.files.read(place, signal))?.bytes;
  };
  const { caFile, certFile, keyFile } = manifest.etcd;
  const pem = async (given: string | undefined, path: string | undefined) => (given === undefined ? onNode(path) : localPem(given));
  const [ca, cert, key] = await Promise.all([
    pem(options['etcd-cacert'], caFile),
    pem(options['etcd-cert'], certFile),
    pem(options['etcd-key'], keyFile),
  ]);
  const tls = ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key };
  return openEtcd({ endpoints, tls, connect: (host, port, until) => node.files.connect(host, port, until) });
}

function localPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    throw new Fault('usage', `${path} cannot be read (${(thrown as NodeJS.ErrnoException).code})`, { cause: thrown });
  }
}
