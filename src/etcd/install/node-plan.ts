// What an installation writes on one node, thought out before anything is written: so that it can be shown as a diff.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig, KmsProvider } from '../config/encryption-config.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import { configHash } from '../manager/convergence.ts';
import { type ManagedNode, type NodeView, newConfigPath } from '../manager/managed-node.ts';
import { withEncryption } from '../nodes/manifest-edit.ts';
import {
  configFileOf,
  type PluginPlace,
  pluginConfigText,
  pluginName,
  pluginPodText,
  podPathOf,
  ringFileOf,
  unitPath,
  unitText,
  withPlugin,
} from './plugin-place.ts';
import { partOf, providerSteps, type StepOptions } from './provider-steps.ts';

export interface PlannedFile {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
  readonly mode: number;
  /** It may hold keys or tokens, so that nobody is shown what stands in it. */
  readonly secret: boolean;
}

export interface NodePlan {
  readonly node: ManagedNode;
  readonly view: NodeView;
  /** What the plugin needs, in the order in which it is written; only what differs. */
  readonly pluginFiles: readonly PlannedFile[];
  /** Of a static pod or a unit. */
  readonly starter: PlannedFile | undefined;
  /** A static pod of the plugin, where it becomes something else: only one may have the socket. */
  readonly leftover: { readonly path: string; readonly text: string; readonly mode: number } | undefined;
  /** undefined when it stays as it is. */
  readonly encryption: PlannedFile | undefined;
  /** kube-apiserver's, with `encryption` and the plugin in it. */
  readonly manifest: string;
  /** Of the configuration with which kube-apiserver runs in the end. */
  readonly hash: string | undefined;
}

export interface PlanOptions extends StepOptions {
  readonly place: PluginPlace;
  /** The operator's own configuration of the plugin, in place of one over a ring. */
  readonly ownConfig: string | undefined;
  /** The EncryptionConfiguration stays as it is. */
  readonly pluginOnly: boolean;
  /** The EncryptionConfiguration of another node, which has this KMS already. */
  readonly sibling: string | undefined;
  /** Bytes of a ring for a node that has none. */
  readonly ring: () => Promise<string>;
}

/** Throws Fault `usage` where something else is meant: the resources are encrypted, or a KMS of this name is another one. */
export async function planNode(node: ManagedNode, view: NodeView, options: PlanOptions, signal: AbortSignal): Promise<NodePlan> {
  const { place } = options;
  const encryption = options.pluginOnly ? undefined : encryptionFile(node, view, options);
  const path = `${node.manifestPath} on ${node.name}`;
  const edit = { automaticReload: true, featureGates: options.provider.apiVersion === 'v1' ? { KMSv1: true } : {}, path };
  // What stands there already may be mounted as a file, or lack the flag of its reload.
  const told = encryption?.path ?? (options.pluginOnly || view.reloads ? undefined : view.manifest.encryption.configPath);
  const edited = told === undefined ? view.text : withEncryption(view.text, { ...edit, configPath: told, folder: posix.dirname(told) });
  const text = encryption?.after ?? view.config;
  return {
    node,
    view,
    pluginFiles: await pluginFiles(node, view, options, signal),
    starter: await starterFile(node, place, signal),
    leftover: await leftoverOf(node, place, signal),
    encryption,
    manifest: withPlugin(edited, place, path),
    hash: text === undefined ? undefined : configHash(text),
  };
}

function encryptionFile(node: ManagedNode, view: NodeView, options: PlanOptions): PlannedFile | undefined {
  const present = presentIn(node, view);
  const { provider, sibling } = options;
  const part = partOf(present, provider.name);
  if (part !== undefined) {
    if (part.provider.endpoint === provider.endpoint && part.provider.apiVersion === provider.apiVersion) return undefined;
    throw new Fault('usage', otherKms(part.provider, provider, node));
  }
  refuseSealed(present, options, node);
  const after = view.config === undefined && sibling !== undefined ? sibling : providerSteps(present, options).read;
  // Beside the old one, which the old manifest names: so that the old manifest can be put back.
  const places = [newConfigPath(node), posix.join(node.configFolder, 'config-kms.yaml')];
  const path = places.find((each) => each !== view.configPath) as string;
  return { path, before: view.config, after, mode: 0o600, secret: false };
}

/** The name stands in what a KMS has sealed, and kube-apiserver wants it once: so it stays with that one. */
function otherKms(there: KmsProvider, wanted: KmsProvider, { name: node }: ManagedNode): string {
  const { name, endpoint, apiVersion } = wanted;
  if (there.endpoint !== endpoint)
    return `the KMS ${name} of ${node} is another one (${there.endpoint}): its name stands in what it has sealed, so name this one otherwise with -kms-name`;
  return `the KMS ${name} of ${node} is spoken to in ${there.apiVersion}, and the plugin answers ${apiVersion} at the same socket already: nothing is to be installed, move with "casemate etcd rotate-key -provider=kms-${apiVersion} -kms-name=${name}-${apiVersion} -kms-endpoint=${endpoint}", and name it so from then on`;
}

export function presentIn(node: ManagedNode, { config }: Pick<NodeView, 'config'>): EncryptionConfig {
  if (config === undefined) return { resources: [] };
  return readEncryptionConfig(config, { path: `the encryption configuration of ${node.name}` }).config;
}

function refuseSealed(present: EncryptionConfig, { resources, provider }: PlanOptions, node: ManagedNode): void {
  const sealed = present.resources
    .filter(({ providers }) => providers[0] !== undefined && providers[0].type !== 'identity')
    .flatMap((entry) => entry.resources)
    .filter((pattern) => resources.includes(pattern));
  if (sealed.length === 0) return;
  throw new Fault(
    'usage',
    `${sealed.join(', ')} is encrypted at rest on ${node.name} already: install the plugin with -plugin-only on every node, and then move with "casemate etcd rotate-key -provider=kms-${provider.apiVersion} -kms-name=${provider.name} -kms-endpoint=${provider.endpoint}"`,
  );
}

/** Throws Fault `usage` where another configuration would take the keys away from a plugin whose data lies in etcd. */
async function pluginFiles(
  node: ManagedNode,
  view: NodeView,
  { place, provider, ownConfig, ring }: PlanOptions,
  signal: AbortSignal,
): Promise<readonly PlannedFile[]> {
  const textAt = async (path: string) => (await node.files.read(path, signal))?.bytes.toString('utf8');
  const planned: PlannedFile[] = [];
  const configPath = configFileOf(place);
  const there = await textAt(configPath);
  const ringPath = ringFileOf(place);
  if (ownConfig === undefined && there === undefined && (await textAt(ringPath)) === undefined)
    planned.push({ path: ringPath, before: undefined, after: await ring(), mode: 0o600, secret: true });
  if (ownConfig !== undefined && there !== undefined && ownConfig !== there && partOf(presentIn(node, view), provider.name) !== undefined)
    throw new Fault(
      'usage',
      `${configPath} on ${node.name} is the configuration of the KMS ${provider.name}, which is in use, and another one than the one that is named: what was sealed may need its keys, so it is not written over; change it there, keep each key in it that something was sealed with, restart the plugin, and run "casemate kms doctor"`,
    );
  // What stands there may have been changed by hand since: it stays.
  const after = ownConfig ?? there ?? pluginConfigText(place);
  if (after !== there) planned.push({ path: configPath, before: there, after, mode: 0o600, secret: ownConfig !== undefined });
  return planned;
}

async function starterFile(
  { files, manifestPath }: ManagedNode,
  place: PluginPlace,
  signal: AbortSignal,
): Promise<PlannedFile | undefined> {
  if (place.form === 'sidecar') return undefined;
  const [path, after, mode] =
    place.form === 'static-pod' ? [podPathOf(manifestPath), pluginPodText(place), 0o600] : [unitPath, unitText(place), 0o644];
  const before = (await files.read(path, signal))?.bytes.toString('utf8');
  return { path, before, after, mode, secret: false };
}

/** Throws Fault `usage` for a unit, which cannot be stopped from here. */
async function leftoverOf(
  { files, manifestPath, name }: ManagedNode,
  { form }: PluginPlace,
  signal: AbortSignal,
): Promise<NodePlan['leftover']> {
  if (form !== 'systemd' && (await files.read(unitPath, signal)) !== undefined)
    throw new Fault(
      'usage',
      `the plugin is a systemd unit on ${name}: end it there with "systemctl disable --now ${pluginName}; rm ${unitPath}", and run this again within three minutes, for which kube-apiserver does without it`,
    );
  if (form === 'static-pod') return undefined;
  const path = podPathOf(manifestPath);
  const file = await files.read(path, signal);
  return file === undefined ? undefined : { path, text: file.bytes.toString('utf8'), mode: file.mode };
}
