// Looks at everything before anything is changed, and makes out of a wish the change that will be written down.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { EncryptionConfig } from '../config/encryption-config.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import { renderEncryptionConfig } from '../config/render.ts';
import { findingsOf } from '../config/validate.ts';
import { type EncryptionChange, type Phase, phases } from './change.ts';
import { type ApiserverState, configHash } from './convergence.ts';
import { type KeyRing, newKey } from './key-ring.ts';
import { type ManagedNode, type NodeView, viewOf } from './managed-node.ts';
import { targetOf, type Wish } from './target.ts';
import { patternsOf, transitionOf } from './transition.ts';

export interface Findings {
  readonly views: ReadonlyMap<string, NodeView>;
  /** Without entries where nothing is encrypted at rest. */
  readonly present: EncryptionConfig;
}

/** Under this much nothing is begun: configurations, manifests and journals are small, but a full disk leaves a node half changed. */
const leastFree = 16 * 1024 * 1024;

/** Throws Fault `usage` or `unavailable` with what to do when a node or an apiserver is not fit to be changed. */
export async function lookAtAll(nodes: readonly ManagedNode[], states: readonly ApiserverState[], signal: AbortSignal): Promise<Findings> {
  const views = new Map(await Promise.all(nodes.map(async (node) => [node.name, await viewOf(node, signal)] as const)));
  const unknown = states.flatMap((state) => (state.known ? [] : [`${state.node} is unknown: ${state.reason}`]));
  if (unknown.length > 0) throw new Fault('unavailable', `nothing is begun while a kube-apiserver is unknown: ${unknown.join('; ')}`);
  for (const node of nodes) {
    const free = await node.files.freeBytes(posix.dirname(node.manifestPath), signal);
    if (free < leastFree)
      throw new Fault(
        'storage-failed',
        `the disk of ${node.name} has ${Math.floor(free / 1024)} KiB left at ${node.manifestPath}: make room first`,
      );
  }
  const texts = new Map([...views].map(([name, { config }]) => [name, config]));
  const [first] = texts.values();
  const different = [...texts].find(([, text]) => text !== first);
  if (different !== undefined)
    throw new Fault(
      'conflict',
      `${different[0]} has another encryption configuration than ${[...texts.keys()][0]}: make them the same first, or resume the change that was left`,
    );
  for (const state of states) {
    const text = texts.get(state.node);
    if (state.known && state.hash !== (text === undefined ? undefined : configHash(text)))
      throw new Fault(
        'conflict',
        `kube-apiserver on ${state.node} runs with another encryption configuration than its file holds: wait for its reload, or restart it`,
      );
  }
  const present =
    first === undefined
      ? { resources: [] }
      : readEncryptionConfig(first, { path: `the encryption configuration of ${[...texts.keys()][0]}` }).config;
  return { views, present };
}

export interface BeginOptions {
  readonly wish: Wish;
  readonly findings: Findings;
  readonly ring: KeyRing;
  readonly byRestart: boolean;
  readonly removeConfiguration: boolean;
  readonly withoutSnapshot: boolean;
  readonly random: RandomBytes;
  /** Minor version of the oldest kube-apiserver. */
  readonly kubernetesMinor?: number | undefined;
}

/** Throws Fault `usage` for a way on which a kube-apiserver would refuse a configuration: nothing has been written then. */
export function changeFor({
  wish,
  findings,
  ring,
  byRestart,
  removeConfiguration,
  withoutSnapshot,
  random,
  kubernetesMinor,
}: BeginOptions): {
  readonly change: EncryptionChange;
  readonly warnings: readonly string[];
} {
  const { present, views } = findings;
  const made: string[] = [];
  const target = targetOf(present, wish, () => {
    const key = newKey(ring, present, random, made);
    made.push(key.name);
    return key;
  });
  const id = Buffer.from(random(6)).toString('hex');
  const epoch = ring.epoch + 1;
  const way = transitionOf(present, target.config);
  const patterns = patternsOf(present, target.config);
  // The gate is set where a manifest is edited.
  const options = { automaticReload: !byRestart, kubernetesMinor, kmsV1Enabled: true };
  const warnings = new Set<string>();
  const rendered = phases.map((phase): readonly [Phase, string] => {
    const all = findingsOf(way[phase], options);
    const errors = all.filter(({ severity }) => severity === 'error');
    if (errors.length > 0)
      throw new Fault(
        'usage',
        `kube-apiserver would refuse the configuration of the phase ${phase}: ${errors.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
      );
    if (phase === 'final') for (const { path, message } of all) warnings.add(`${path} ${message}`);
    return [phase, renderEncryptionConfig(way[phase], { comments: commentsFor({ id, epoch, phase }) })];
  });
  const nodes = Object.fromEntries(
    [...views].map(([name, { text, config }]) => [name, config === undefined ? { manifest: text } : { manifest: text, config }]),
  );
  const configs = Object.fromEntries(rendered) as Record<Phase, string>;
  const removes = removeConfiguration && target.kind === 'disable';
  const change = {
    version: 1,
    id,
    epoch,
    kind: target.kind,
    patterns,
    configs,
    newKeys: made,
    removeConfiguration: removes,
    byRestart,
    nodes,
    evicted: [],
    ...(withoutSnapshot ? { withoutSnapshot } : {}),
  } as const;
  return { change, warnings: [...warnings] };
}

/** The bytes of two changes, and of two phases, are never the same: their hash says where an apiserver stands. */
function commentsFor({ id, epoch, phase }: { readonly id: string; readonly epoch: number; readonly phase: Phase }): readonly string[] {
  return [
    `Written by casemate etcd: change ${id}, epoch ${epoch}, phase ${phase}.`,
    'It holds keys. Do not edit it while a change is under way.',
  ];
}

/**
 * With a node that was not there when the change began: what stands on it now is what stood before. Throws Fault `conflict` when that
 * is a configuration that nobody else has: it may have sealed with keys that would be written over.
 */
export function withNode(change: EncryptionChange, name: string, { text, config }: NodeView): EncryptionChange {
  if (change.nodes[name] !== undefined) return change;
  const others = [...Object.values(change.configs), ...Object.values(change.nodes).map((node) => node.config)];
  if (config !== undefined && !others.includes(config))
    throw new Fault(
      'conflict',
      `${name} joined while the change is under way, with an encryption configuration that no other node has: copy that of another node to it, and go on with "casemate etcd resume"`,
      { fields: { frozen: true } },
    );
  return { ...change, nodes: { ...change.nodes, [name]: config === undefined ? { manifest: text } : { manifest: text, config } } };
}
