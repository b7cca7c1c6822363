// What the steps of a change work with.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Marks } from '../../journal/runner.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EtcdClient } from '../verify/etcd-client.ts';
import { type EncryptionChange, phaseOfText } from './change.ts';
import { type ApiserverState, observeApiservers } from './convergence.ts';
import type { KeyRing } from './key-ring.ts';
import { type ManagedNode, type NodeView, viewOf, type Waits } from './managed-node.ts';

export interface ChangeContext {
  readonly change: EncryptionChange;
  /** Those that are not evicted; at least one. */
  readonly nodes: readonly [ManagedNode, ...ManagedNode[]];
  readonly etcd: EtcdClient;
  /** kube-apiserver's `--etcd-prefix`. */
  readonly root: string;
  readonly waits: Waits;
  readonly marks: Marks;
  /** The journal's copy on a node. */
  readonly copyOn: (node: ManagedNode) => Journal;
  readonly journal: Journal;
  readonly keys: KeyRingFiles;
  /** Of the whole command. */
  readonly clock: Clock;
}

/** The list of keys, here and on all nodes. */
export interface KeyRingFiles {
  read(signal: AbortSignal): Promise<KeyRing>;
  /** Durable here and on every node when it resolves. */
  write(ring: KeyRing, signal: AbortSignal): Promise<void>;
  /** Whether this machine and every node hold this very list. */
  everywhere(ring: KeyRing, signal: AbortSignal): Promise<boolean>;
  /** With the keys of the final configuration, and those that it no longer holds retired and sealed. */
  archived(change: EncryptionChange, ring: KeyRing, signal: AbortSignal): Promise<KeyRing>;
}

export interface PlacedNode {
  readonly node: ManagedNode;
  readonly view: NodeView;
  /** Index in `phases`; -1 before the first. */
  readonly phase: number;
}

/** Throws Fault `conflict` where a configuration stands that is not of this change. */
export async function placeOf({ change }: ChangeContext, node: ManagedNode, signal: AbortSignal): Promise<PlacedNode> {
  const view = await viewOf(node, signal);
  const phase = phaseOfText(change, node.name, view.config);
  if (phase === undefined)
    throw new Fault(
      'conflict',
      `the encryption configuration ${view.configPath ?? ''} on ${node.name} was changed by somebody else while this change is under way: put back what stood there, or take its copy from another node, and resume`,
    );
  return { node, view, phase };
}

export function placesOf(context: ChangeContext, signal: AbortSignal): Promise<readonly PlacedNode[]> {
  return Promise.all(context.nodes.map((node) => placeOf(context, node, signal)));
}

export function observe({ nodes }: Pick<ChangeContext, 'nodes'>, signal: AbortSignal): Promise<readonly ApiserverState[]> {
  return observeApiservers(
    nodes.map(({ name, apiserver }) => ({ node: name, client: apiserver })),
    signal,
  );
}

/** One call at whichever kube-apiserver answers. */
export async function atAny<T>(
  { nodes }: Pick<ChangeContext, 'nodes'>,
  work: (client: KubeClient) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  let last: unknown;
  for (const { apiserver } of nodes) {
    try {
      return await work(apiserver);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof Fault) || !['unavailable', 'timeout'].includes(thrown.code)) throw thrown;
      last = thrown;
    }
  }
  throw last;
}
