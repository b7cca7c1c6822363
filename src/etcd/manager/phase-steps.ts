// The steps that bring a configuration to every kube-apiserver, and those that wait until every one of them runs with it.

import { posix } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { Step } from '../../journal/plan.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import { readManifest } from '../nodes/manifest.ts';
import { withEncryption, withGates } from '../nodes/manifest-edit.ts';
import { withShownFolder } from '../nodes/manifest-folders.ts';
import { draftMark } from '../nodes/node-scripts.ts';
import { type EncryptionChange, hashesFrom, type Phase, phases } from './change.ts';
import { type ChangeContext, observe, type PlacedNode, placeOf, placesOf } from './change-context.ts';
import { type ApiserverState, configHash, notConverged } from './convergence.ts';
import { bareNodes, refuseFallen } from './fallen.ts';
import { type ManagedNode, type NodeView, newConfigPath, replaceConfig, restartWith, viewOf } from './managed-node.ts';

const what: Readonly<Record<Phase, string>> = {
  read: 'can open what the new configuration will seal',
  write: 'seals with the new configuration',
  final: 'forgets what nothing needs any more',
};

/** Milliseconds between two looks at files while kube-apiservers are waited for: each is a connection to every node. */
const filesEvery = 5_000;

/** Gives one node the configuration of a phase. Before it does, every living kube-apiserver runs with that of the phase before. */
export function phaseStep(context: ChangeContext, phase: Phase, node: ManagedNode, more: Partial<Step> = {}): Step {
  const index = phases.indexOf(phase);
  return {
    name: `${phase}/${node.name}`,
    title: `kube-apiserver on ${node.name} ${what[phase]}`,
    seconds: context.change.byRestart ? 20 : 1,
    async done(signal) {
      const { view, phase: present } = await placeOf(context, node, signal);
      return present === phases.length || (present >= index && (context.change.byRestart || view.reloads));
    },
    async run(report, signal) {
      const { configPath, config } = (await placeOf(context, node, signal)).view;
      // Without the file that its manifest names it does not come up, so it is not waited for.
      const lost = configPath !== undefined && config === undefined ? node : undefined;
      await refuseUnlessAllRun(context, phase, { lost, note: (note) => report({ step: `${phase}/${node.name}`, note }) }, signal);
      const places = await placesOf(context, signal);
      const place = places.find((one) => one.node === node) as PlacedNode;
      // A node that was away takes the step that the others have reached: an older one could seal with what they have forgotten. But no
      // later one than `write`, which seals as `final` does and opens what the node itself may have written meanwhile.
      const reached = Math.min(phases.indexOf('write'), Math.max(...places.map((one) => one.phase)));
      await load(context, place, context.change.configs[phases[Math.max(index, reached)] as Phase], signal);
    },
    ...(phase === 'read' ? { undo: (_report, signal) => putBack(context, node, signal) } : {}),
    ...more,
  };
}

/** Waits until the metric of every living kube-apiserver, or of this one, shows this configuration, or one that comes later. */
export function convergedStep(context: ChangeContext, phase: Phase, only?: ManagedNode): Step {
  const wanted = hashesFrom(context.change, phase);
  const name = only === undefined ? `${phase}/converged` : `${phase}/${only.name}/runs`;
  const observed = async (signal: AbortSignal) =>
    (await observe(context, signal)).filter(({ node }) => only === undefined || node === only.name);
  const missingOf = async (states: readonly ApiserverState[], signal: AbortSignal) =>
    notConverged(states, wanted, await bareNodes(context, signal));
  return {
    name,
    title: only === undefined ? `every kube-apiserver ${what[phase]}` : `kube-apiserver on ${only.name} runs with it`,
    seconds: context.change.byRestart ? 1 : 60,
    done: async (signal) => (await missingOf(await observed(signal), signal)).length === 0,
    async run(report, signal) {
      const { clock } = context.waits;
      const first = await observed(signal);
      const refusals = new Map(first.flatMap((state) => (state.known ? [[state.node, state.refused]] : [])));
      let missing = await missingOf(first, signal);
      let lookedAt = Number.NEGATIVE_INFINITY;
      for (const end = clock.monotonic() + context.waits.reload; missing.length > 0; await pause(500, undefined, { signal })) {
        report({ step: name, note: `waiting: ${missing[0]}`, done: context.nodes.length - missing.length, total: context.nodes.length });
        if (clock.monotonic() - lookedAt > filesEvery) {
          await refuseFallen(context, only === undefined ? context.nodes : [only], phase, signal);
          lookedAt = clock.monotonic();
        }
        const states = await observed(signal);
        missing = await missingOf(states, signal);
        const refused = states.filter(
          (state) => state.known && !wanted.has(state.hash ?? '') && state.refused > (refusals.get(state.node) ?? 0),
        );
        const behind = states.flatMap((state) => (state.known && !wanted.has(state.hash ?? '') ? [state.node] : []));
        if (refused.length > 0) await takeBack(context, phase, { refused: refused.map(({ node }) => node), behind }, signal);
        if (missing.length > 0 && clock.monotonic() > end) throw frozen(phase, missing);
      }
    },
  };
}

/**
 * The gate before a phase: the rule of `Transition` holds only while everybody has taken the step before. One that is starting just
 * now, since whoever began its restart was killed, is waited for.
 */
async function refuseUnlessAllRun(
  context: ChangeContext,
  phase: Phase,
  { lost, note }: { readonly lost: ManagedNode | undefined; readonly note: (text: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const { change, waits } = context;
  const previous = phases[phases.indexOf(phase) - 1];
  for (const end = waits.clock.monotonic() + waits.restart; ; await pause(500, undefined, { signal })) {
    const states = (await observe(context, signal)).filter(({ node, known }) => known || node !== lost?.name);
    // Before the first phase everybody runs with what stood there, and some with nothing.
    const missing =
      previous === undefined
        ? states.flatMap((state) => (state.known ? [] : [`${state.node} is unknown: ${state.reason}`]))
        : notConverged(states, hashesFrom(change, previous), await bareNodes(context, signal));
    if (missing.length === 0) return;
    if (previous !== undefined) await refuseFallen(context, context.nodes, previous, signal);
    if (states.every(({ known }) => known) || waits.clock.monotonic() > end) throw frozen(phase, missing);
    note(`waiting: ${missing[0]}`);
  }
}

function frozen(phase: Phase, missing: readonly string[]): Fault {
  return new Fault(
    'unavailable',
    `the change is frozen before ${JSON.stringify(phase)} is complete, and nothing is lost: ${missing.join('; ')}. When that is mended, "casemate etcd resume" goes on`,
    { fields: { frozen: true } },
  );
}

/** Gives a node this configuration, in whichever way its kube-apiserver takes one. */
export async function load(context: ChangeContext, { node, view }: PlacedNode, text: string, signal: AbortSignal): Promise<void> {
  const { change } = context;
  if (!change.byRestart && view.reloads) {
    // A socket that its manifest does not show cannot be reached: the reload would be refused.
    const shown = withPlugins(node, view.text, text);
    const hash = view.config === undefined ? undefined : configHash(view.config);
    if (shown !== view.text) await restartWith(node, view, { text: shown, hash, label: change.id }, context.waits, signal);
    return replaceConfig(node, view, text, signal);
  }
  const folder = view.reloads || view.configPath === undefined ? node.configFolder : posix.dirname(view.configPath);
  // A name of its own for each: the kubelet starts the pod anew because its manifest differs.
  const configPath = change.byRestart ? posix.join(folder, `enc-${sha256Hex(text).slice(0, 8)}.yaml`) : newConfigPath(node);
  await node.files.makeFolder(posix.dirname(configPath), { mode: 0o700 }, signal);
  await node.files.write(configPath, Buffer.from(text), { mode: 0o600 }, signal);
  const manifest = manifestWith(node, view, { text, configPath, automaticReload: !change.byRestart });
  await restartWith(node, view, { text: manifest, hash: configHash(text), label: change.id }, context.waits, signal);
}

/** The manifest that loads a configuration from a file. */
export function manifestWith(
  node: ManagedNode,
  view: Pick<NodeView, 'text'>,
  { text, configPath, automaticReload }: { readonly text: string; readonly configPath: string; readonly automaticReload: boolean },
): string {
  const path = `${node.manifestPath} on ${node.name}`;
  const edited = withEncryption(view.text, { configPath, folder: posix.dirname(configPath), automaticReload, path });
  return withPlugins(node, edited, text);
}

/** A manifest that shows the sockets of a configuration's KMS plugins, with the gate that KMS v1 needs. */
function withPlugins(node: ManagedNode, manifest: string, text: string): string {
  const path = `${node.manifestPath} on ${node.name}`;
  const { config } = readEncryptionConfig(text, { path: 'the configuration' });
  const kms = config.resources.flatMap(({ providers }) => providers.flatMap((provider) => (provider.type === 'kms' ? [provider] : [])));
  const folders = [...new Set(kms.map(({ endpoint }) => posix.dirname(endpoint.replace(/^unix:\/\//, ''))))];
  const gates = kms.some(({ apiVersion }) => apiVersion === 'v1') ? withGates(manifest, { KMSv1: true }, path) : manifest;
  return folders.reduce((each, folder) => withShownFolder(each, { folder, volumeName: socketVolume(folder), path }), gates);
}

/** One folder, one name: another plugin may follow later. */
function socketVolume(folder: string): string {
  return `casemate-socket-${sha256Hex(folder).slice(0, 8)}`;
}

/**
 * A configuration that a kube-apiserver has refused is taken away again: at its next start it would not come up with it. So it is from
 * those that have not looked at it yet: what one refuses the next one may refuse as well.
 */
async function takeBack(
  context: ChangeContext,
  phase: Phase,
  { refused, behind }: { readonly refused: readonly string[]; readonly behind: readonly string[] },
  signal: AbortSignal,
): Promise<never> {
  const previous = phases[phases.indexOf(phase) - 1];
  for (const node of context.nodes) {
    if (!behind.includes(node.name)) continue;
    const text = previous === undefined ? context.change.nodes[node.name]?.config : context.change.configs[previous];
    if (text !== undefined) await replaceConfig(node, await viewOf(node, signal), text, signal);
  }
  throw new Fault(
    'unavailable',
    `${refused.join(', ')} refused the new configuration and runs on with the old one, which was put back there: a KMS plugin that does not answer is the usual cause, and kube-apiserver's log tells it. When that is mended, "casemate etcd resume" goes on`,
    { fields: { frozen: true } },
  );
}

async function putBack(context: ChangeContext, node: ManagedNode, signal: AbortSignal): Promise<void> {
  const before = context.change.nodes[node.name];
  if (before === undefined) return;
  // Never over a configuration that is not of this change: it may seal with keys that came after it.
  const { view } = await placeOf(context, node, signal);
  if (before.config !== undefined && view.text === before.manifest) {
    if (view.config !== before.config) await replaceConfig(node, view, before.config, signal);
    return removeOwnFiles(context.change, node, signal);
  }
  const hash = before.config === undefined ? undefined : configHash(before.config);
  const mount = readManifest(before.manifest, { path: node.manifestPath }).encryptionMount;
  if (before.config !== undefined && 'nodePath' in mount) await restoreFile(node, mount.nodePath, before.config, signal);
  if (view.text !== before.manifest)
    await restartWith(node, view, { text: before.manifest, hash, label: `${context.change.id}-undone` }, context.waits, signal);
  await removeOwnFiles(context.change, node, signal);
}

async function restoreFile(node: ManagedNode, path: string, text: string, signal: AbortSignal): Promise<void> {
  const there = (await node.files.read(path, signal))?.bytes.toString('utf8');
  if (there !== text) await node.files.write(path, Buffer.from(text), { mode: 0o600 }, signal);
}

/** What was there before runs again, on every node, when an abort is over: so nothing begins on top of what is still being loaded. */
export async function untilRunsAsBefore(context: ChangeContext, { name }: ManagedNode, signal: AbortSignal): Promise<void> {
  const config = context.change.nodes[name]?.config;
  const hash = config === undefined ? undefined : configHash(config);
  const { clock, reload } = context.waits;
  for (const end = clock.monotonic() + reload; ; await pause(500, undefined, { signal })) {
    const state = (await observe(context, signal)).find(({ node }) => node === name);
    if (state?.known === true && state.hash === hash) return;
    if (clock.monotonic() < end) continue;
    const why = state?.known === false ? state.reason : 'it still runs with another one';
    throw new Fault('unavailable', `kube-apiserver on ${name} does not run with the configuration that was put back: ${why}`);
  }
}

/** Of this change, and no manifest names them any more: they hold keys. */
export async function ownFiles(change: EncryptionChange, node: ManagedNode, signal: AbortSignal): Promise<readonly string[]> {
  const { configPath } = await viewOf(node, signal);
  const { config } = change.nodes[node.name] ?? {};
  const texts = new Set([...Object.values(change.configs), ...(config === undefined ? [] : [config])]);
  const found: string[] = [];
  for (const folder of new Set([node.configFolder, ...(configPath === undefined ? [] : [posix.dirname(configPath)])]))
    for (const name of (await node.files.list(folder, signal)) ?? []) {
      const path = posix.join(folder, name);
      if (path === configPath) continue;
      const text = name.endsWith('.yaml') ? (await node.files.read(path, signal))?.bytes.toString('utf8') : undefined;
      // What a killed write has left is hidden, and may hold half a key.
      if (name.includes(`.${draftMark}-`) || (text !== undefined && texts.has(text))) found.push(path);
    }
  return found;
}

export async function removeOwnFiles(change: EncryptionChange, node: ManagedNode, signal: AbortSignal): Promise<void> {
  for (const path of await ownFiles(change, node, signal)) await node.files.remove(path, signal);
}
