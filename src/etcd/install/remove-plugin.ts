// Takes the KMS plugin off a node again: never while something in etcd needs it, or something is still sealed with it.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { configHash } from '../manager/convergence.ts';
import { type ManagedNode, type NodeView, restartWith, viewOf, type Waits } from '../manager/managed-node.ts';
import { readManifest } from '../nodes/manifest.ts';
import { withoutEncryption } from '../nodes/manifest-edit.ts';
import type { EtcdClient } from '../verify/etcd-client.ts';
import { scanResources } from '../verify/scan.ts';
import { reloadWith } from './apply-plan.ts';
import { presentIn } from './node-plan.ts';
import { configNames, pluginName, podPathOf, ringFileOf, unitLink, unitPath, withoutPlugin } from './plugin-place.ts';
import { partOf, textWithout } from './provider-steps.ts';

export interface NodeRemoval {
  readonly node: ManagedNode;
  readonly view: NodeView;
  /** Text of the configuration without the KMS: `undefined` when it goes as a whole. */
  readonly config: string | undefined;
  readonly manifest: string;
  /** Files that go at the end. */
  readonly files: readonly string[];
  /** The plugin's configurations and its key ring, which go only where that is asked for. */
  readonly keys: readonly string[];
}

/** Objects that are named in a refusal. */
const mostNamed = 5;

/** Throws Fault `usage` while one object of any kind is sealed by this KMS. */
export async function refuseNeeded(
  { etcd, root, name }: { readonly etcd: EtcdClient; readonly root: string; readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  const scan = await scanResources(
    etcd,
    {
      ...{ root, resources: 'everything', mostNamed, keyNames: [name] },
      expected: (_resource, { provider, key }) => !(provider.startsWith('kms-') && key === name),
    },
    { signal },
  );
  const { count, objects } = scan.named;
  if (count === 0) return;
  const first = objects.map((object) => `${object.resource} ${object.namespace === undefined ? '' : `${object.namespace}/`}${object.name}`);
  throw new Fault(
    'usage',
    `${count} objects in etcd are sealed by the KMS ${name} and would be lost (${first.join(', ')}${count > first.length ? ', …' : ''}): ${moveAway}`,
  );
}

const moveAway =
  'move them away with "casemate etcd rotate-key -provider=secretbox", or store them in clear with "casemate etcd disable", and come back';

/** Throws Fault `usage` while a configuration still seals with this KMS. */
export function refuseSealing(views: readonly (readonly [ManagedNode, NodeView])[], name: string): void {
  for (const [node, view] of views) {
    const seals = partOf(presentIn(node, view), name)?.seals ?? [];
    if (seals.length > 0)
      throw new Fault('usage', `kube-apiserver on ${node.name} still seals ${seals.join(', ')} with the KMS ${name}: ${moveAway}`);
  }
}

export async function planRemoval(node: ManagedNode, view: NodeView, name: string, signal: AbortSignal): Promise<NodeRemoval> {
  const path = `${node.manifestPath} on ${node.name}`;
  const present = presentIn(node, view);
  const config = view.config === undefined || partOf(present, name) === undefined ? view.config : textWithout(view.config, present, name);
  const goes = config === undefined && view.config !== undefined;
  const plain = withoutPlugin(view.text, path);
  const starters = [podPathOf(node.manifestPath), unitPath];
  const there = await Promise.all(starters.map(async (each) => ((await isOurs(node, each, signal)) ? [each] : [])));
  return {
    ...{ node, view, config },
    manifest: goes ? withoutEncryption(plain, { path }) : plain,
    files: [
      ...(goes && view.configPath !== undefined ? [view.configPath] : []),
      ...there.flat(),
      ...(there.flat().includes(unitPath) ? [unitLink] : []),
    ],
    keys: await keysOn(node, view, signal),
  };
}

async function keysOn(node: ManagedNode, view: NodeView, signal: AbortSignal): Promise<readonly string[]> {
  const config = await pluginConfigPath(node, view, signal);
  if (config === undefined) return [];
  const folder = posix.dirname(config);
  const usual = configNames.map((name) => posix.join(folder, name));
  const places = [...new Set([config, ...usual, ringFileOf({ folder })])];
  const there = await Promise.all(places.map(async (path) => ((await node.files.read(path, signal)) === undefined ? [] : [path])));
  return there.flat();
}

async function isOurs(node: ManagedNode, path: string, signal: AbortSignal): Promise<boolean> {
  return (await starterText(node, path, signal)) !== undefined;
}

/** Of a pod or a unit of ours. The pod names itself; the unit is named by its file alone, and starts a plugin. */
async function starterText({ files }: ManagedNode, path: string, signal: AbortSignal): Promise<string | undefined> {
  const text = (await files.read(path, signal))?.bytes.toString('utf8');
  const isOne = path === unitPath ? text?.includes(' kms ') : text?.includes(pluginName);
  return isOne === true ? text : undefined;
}

/** First the configuration, then the plugin: at no moment does kube-apiserver ask a plugin that is gone. */
export async function applyRemoval(
  { node, view, config, manifest, files }: NodeRemoval,
  { waits, label, report }: { readonly waits: Waits; readonly label: string; readonly report: (note: string) => void },
  signal: AbortSignal,
): Promise<void> {
  let now = view;
  if (config !== undefined && config !== view.config) {
    if (!view.reloads)
      throw new Fault(
        'usage',
        `kube-apiserver on ${node.name} does not reload its configuration by itself: take the KMS out of ${view.configPath ?? 'it'}, restart kube-apiserver, and come back`,
      );
    report(`kube-apiserver on ${node.name} loads a configuration without the KMS`);
    await reloadWith(node, view, config, waits, signal);
    now = await viewOf(node, signal);
  }
  if (manifest !== now.text) {
    report(`kube-apiserver on ${node.name} starts without the plugin`);
    await restartWith(node, now, { text: manifest, hash: config === undefined ? undefined : configHash(config), label }, waits, signal);
  }
  for (const path of files) {
    report(`removes ${path} on ${node.name}`);
    await node.files.remove(path, signal);
  }
}

/** Path of the plugin's configuration on the node, as whoever starts it says; undefined when nobody does. */
export async function pluginConfigPath(node: ManagedNode, view: Pick<NodeView, 'text'>, signal: AbortSignal): Promise<string | undefined> {
  const path = `${node.manifestPath} on ${node.name}`;
  const own = readManifest(view.text, { path }).sidecars.includes(pluginName) ? view.text : undefined;
  const others = await Promise.all([podPathOf(node.manifestPath), unitPath].map((each) => starterText(node, each, signal)));
  const text = [own, ...others].find((each) => each !== undefined) ?? '';
  const [, found] = /(?:serve|kms)["',\s-]+(?:config|f)=([^\s"',\]]+)/.exec(text) ?? [];
  return found;
}
