// A control-plane node with its kube-apiserver: which configuration stands on it, and how another one gets there.

import { posix } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type ApiserverManifest, readManifest } from '../nodes/manifest.ts';
import type { ControlPlaneNode } from '../nodes/node.ts';
import { type ApiserverState, observeApiservers } from './convergence.ts';

export interface ManagedNode {
  /** Host name. */
  readonly name: string;
  readonly files: ControlPlaneNode;
  /** Path of kube-apiserver's static pod. */
  readonly manifestPath: string;
  /** Folder on the node for EncryptionConfigurations, where none stands yet. */
  readonly configFolder: string;
  /** Folder on the node for what the manager writes down. */
  readonly stateFolder: string;
  /** At this kube-apiserver's own address. */
  readonly apiserver: KubeClient;
}

export interface NodeView {
  readonly text: string;
  readonly mode: number;
  readonly manifest: ApiserverManifest;
  /** On the node; undefined where kube-apiserver runs without a configuration. */
  readonly configPath: string | undefined;
  /** Text of it; undefined also when the file is not there. */
  readonly config: string | undefined;
  /** A file that is renamed over the old one is seen without a restart. */
  readonly reloads: boolean;
}

export interface Waits {
  readonly clock: Clock;
  /** Milliseconds for a reload: the poll of a minute, the closing of old KMS connections, and some pause. */
  readonly reload: number;
  /** Milliseconds for a kube-apiserver to be ready again. */
  readonly restart: number;
}

/** Throws Fault `not-found` where there is no manifest. */
export async function viewOf(node: ManagedNode, signal: AbortSignal): Promise<NodeView> {
  const file = await node.files.read(node.manifestPath, signal);
  if (file === undefined)
    throw new Fault('not-found', `there is no ${node.manifestPath} on ${node.name}: name the static pod of its kube-apiserver`);
  const text = file.bytes.toString('utf8');
  const manifest = readManifest(text, { path: `${node.manifestPath} on ${node.name}` });
  const mount = manifest.encryptionMount;
  if (mount.type === 'not-mounted')
    throw new Fault(
      'usage',
      `kube-apiserver on ${node.name} reads ${manifest.encryption.configPath}, which no volume of its manifest shows`,
    );
  const configPath = mount.type === 'none' ? undefined : mount.nodePath;
  const config = configPath === undefined ? undefined : (await node.files.read(configPath, signal))?.bytes.toString('utf8');
  return { text, mode: file.mode, manifest, configPath, config, reloads: mount.type === 'folder' && manifest.encryption.automaticReload };
}

/** Puts it where the running kube-apiserver looks for it. */
export async function replaceConfig(node: ManagedNode, { configPath }: NodeView, text: string, signal: AbortSignal): Promise<void> {
  await node.files.write(configPath ?? newConfigPath(node), Buffer.from(text), { mode: 0o600 }, signal);
}

export function newConfigPath({ configFolder }: ManagedNode): string {
  return posix.join(configFolder, 'config.yaml');
}

/**
 * Writes another manifest, keeps the old one outside the folder that the kubelet watches, and waits until kube-apiserver is ready
 * and runs with the configuration of this hash (`undefined`: with none). Otherwise the old manifest is put back, and the Fault says
 * whether that helped.
 */
export async function restartWith(
  node: ManagedNode,
  view: NodeView,
  { text, hash, label }: { readonly text: string; readonly hash: string | undefined; readonly label: string },
  waits: Waits,
  signal: AbortSignal,
): Promise<void> {
  await keepManifest(node, view, label, signal);
  await node.files.write(node.manifestPath, Buffer.from(text), { mode: view.mode }, signal);
  const trouble = await untilRuns(node, (state) => state.hash === hash, waits, signal);
  if (trouble === undefined) return;
  await node.files.write(node.manifestPath, Buffer.from(view.text), { mode: view.mode }, signal);
  const after = await untilRuns(node, () => true, waits, signal);
  const outcome =
    after === undefined ? 'its previous manifest was put back, and it is well' : `its previous manifest was put back, and ${after}`;
  throw new Fault('unavailable', `kube-apiserver on ${node.name} did not come up with its new manifest: ${trouble}; ${outcome}`);
}

export function keptManifestPath({ stateFolder }: ManagedNode, label: string): string {
  return posix.join(stateFolder, `kube-apiserver.${label}.yaml`);
}

/** The kubelet would run a copy in its own folder. */
async function keepManifest(node: ManagedNode, view: NodeView, label: string, signal: AbortSignal): Promise<void> {
  await node.files.makeFolder(node.stateFolder, { mode: 0o700 }, signal);
  const path = keptManifestPath(node, label);
  if ((await node.files.read(path, signal)) === undefined) await node.files.write(path, Buffer.from(view.text), { mode: 0o600 }, signal);
}

/** Resolves to a sentence when it does not come to pass in time. Twice, since an old process answers until it has ended. */
async function untilRuns(
  node: ManagedNode,
  wanted: (state: Extract<ApiserverState, { known: true }>) => boolean,
  { clock, restart }: Waits,
  signal: AbortSignal,
): Promise<string | undefined> {
  let last = 'it does not answer';
  let good = 0;
  for (const end = clock.monotonic() + restart; clock.monotonic() < end; await pause(500, undefined, { signal })) {
    const state = await stateOf(node, signal);
    const seen = typeof state === 'string' ? state : wanted(state) ? await readiness(node, signal) : 'it runs with another configuration';
    good = seen === undefined ? good + 1 : 0;
    if (good === 2) return undefined;
    last = seen ?? last;
  }
  return last;
}

async function stateOf(node: ManagedNode, signal: AbortSignal): Promise<Extract<ApiserverState, { known: true }> | string> {
  try {
    const states = await observeApiservers([{ node: node.name, client: node.apiserver }], signal);
    const own = states.find((state) => state.node === node.name);
    if (own === undefined) return 'it does not answer';
    return own.known ? own : own.reason;
  } catch (thrown) {
    signal.throwIfAborted();
    return (thrown as Error).message;
  }
}

async function readiness({ apiserver }: ManagedNode, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { status, text } = await apiserver.raw('/readyz?verbose', { signal, timeout: 5_000, patience: 0 });
    const failing = text.split('\n').flatMap((line) => (line.startsWith('[-]') ? [line.slice(3).split(' ')[0]] : []));
    return status === 200 ? undefined : `it is not ready: ${failing.join(', ')}`;
  } catch (thrown) {
    signal.throwIfAborted();
    return (thrown as Error).message;
  }
}
