// Writes what was planned on a node, waits until its kube-apiserver runs with it, and then has the KMS seal where that is safe.

import { posix } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { configHash, observeApiservers } from '../manager/convergence.ts';
import {
  keptManifestPath,
  type ManagedNode,
  type NodeView,
  replaceConfig,
  restartWith,
  viewOf,
  type Waits,
} from '../manager/managed-node.ts';
import type { NodePlan, PlannedFile } from './node-plan.ts';
import type { PluginPlace } from './plugin-place.ts';

export interface Work {
  readonly place: PluginPlace;
  readonly waits: Waits;
  /** Of this run: the old manifest is kept under it. */
  readonly label: string;
  readonly report: (note: string) => void;
}

/** `plugin-missing`: all is prepared, and somebody has to start the plugin before kube-apiserver is told of it. */
export type Applied = 'done' | 'unchanged' | 'plugin-missing';

/** Throws Fault `unavailable` when kube-apiserver does not come up; its old manifest is put back then. */
export async function applyPlan(plan: NodePlan, work: Work, signal: AbortSignal): Promise<Applied> {
  const { node, view, encryption } = plan;
  const { place, report } = work;
  const { files } = node;
  await files.makeFolder(place.folder, { mode: 0o700 }, signal);
  await files.makeFolder(place.socketFolder, { mode: 0o700 }, signal);
  for (const file of plan.pluginFiles) await put(node, file, work, signal);
  if (plan.starter !== undefined) {
    if (plan.starter.before !== plan.starter.after) await put(node, plan.starter, work, signal);
    const patience = place.form === 'systemd' ? 0 : work.waits.restart;
    if (!(await untilListens(node, work, patience, signal))) {
      if (place.form === 'systemd') return 'plugin-missing';
      throw new Fault(
        'unavailable',
        `the plugin on ${node.name} did not come up: there is no socket in ${place.socketFolder} after ${Math.round(patience / 1_000)} s; see the log of its container, and run this again`,
      );
    }
  }
  if (encryption !== undefined) {
    await files.makeFolder(posix.dirname(encryption.path), { mode: 0o700 }, signal);
    await put(node, encryption, work, signal);
  }
  if (plan.manifest === view.text) return 'unchanged';
  report(`kube-apiserver on ${node.name} starts with the plugin; its old manifest is kept as ${keptManifestPath(node, work.label)}`);
  if ((await viewOf(node, signal)).text !== view.text)
    throw new Fault('conflict', `${node.manifestPath} on ${node.name} was changed by somebody else meanwhile: run this again`);
  const { leftover } = plan;
  if (leftover !== undefined) await files.remove(leftover.path, signal);
  try {
    await restartWith(node, view, { text: plan.manifest, hash: plan.hash, label: work.label }, work.waits, signal);
  } catch (thrown) {
    if (leftover !== undefined)
      await files.write(leftover.path, Buffer.from(leftover.text), { mode: leftover.mode }, AbortSignal.timeout(10_000));
    throw thrown;
  }
  return 'done';
}

async function put({ files, name }: ManagedNode, { path, after, mode }: PlannedFile, { report }: Work, signal: AbortSignal): Promise<void> {
  report(`writes ${path} on ${name}`);
  await files.write(path, Buffer.from(after), { mode }, signal);
}

/** The socket is there; whether the plugin answers shows kube-apiserver's own check. */
async function untilListens({ files }: ManagedNode, { place, waits }: Work, patience: number, signal: AbortSignal): Promise<boolean> {
  const name = posix.basename(place.socket);
  for (const end = waits.clock.monotonic() + patience; ; await pause(500, undefined, { signal })) {
    if ((await files.list(place.socketFolder, signal))?.includes(name) === true) return true;
    if (waits.clock.monotonic() >= end) return false;
  }
}

/**
 * Another configuration at the place of the one that runs, and back to it when kube-apiserver refuses it or does not take it in time.
 * Throws Fault `unavailable` then.
 */
export async function reloadWith(node: ManagedNode, view: NodeView, text: string, waits: Waits, signal: AbortSignal): Promise<void> {
  const wanted = configHash(text);
  const refused = (await ownState(node, signal))?.refused ?? 0;
  await replaceConfig(node, view, text, signal);
  let trouble = 'it did not load it in time';
  for (const end = waits.clock.monotonic() + waits.reload; waits.clock.monotonic() < end; await pause(500, undefined, { signal })) {
    const state = await ownState(node, signal);
    if (state?.hash === wanted) return;
    if (state === undefined || state.refused <= refused) continue;
    trouble = 'it refused it: its log says why, and a KMS plugin that does not answer is the usual cause';
    break;
  }
  if (view.config !== undefined) await replaceConfig(node, await viewOf(node, signal), view.config, signal);
  throw new Fault(
    'unavailable',
    `kube-apiserver on ${node.name} does not run with the new configuration: ${trouble}; the old one was put back`,
  );
}

/** undefined while it does not answer. */
async function ownState({ name, apiserver }: ManagedNode, signal: AbortSignal) {
  try {
    const states = await observeApiservers([{ node: name, client: apiserver }], signal);
    const own = states.find(({ node }) => node === name);
    return own?.known === true ? own : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
