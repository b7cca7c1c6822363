// What the steps of a change work with.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Marks } from '../../journal/runner.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EtcdClient } from '../verify/etcd-client.ts';
import { type EncryptionChange, phaseOfText, phases } from './change.ts';
import { type ApiserverState, observeApiservers } from './convergence.ts';
import type { KeyRing } from './key-ring.ts';
import { keptManifestPath, type ManagedNode, type NodeView, viewOf, type Waits } from './managed-node.ts';

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
  /** The step at which the change was taken up; undefined for one that begins. */
  readonly takenUpAt: string | undefined;
  /** Told once, before anything is rewritten for another key-encryption key. */
  readonly onKmsKeys: (keys: readonly KmsKeyFound[]) => void;
}

export interface KmsKeyFound {
  readonly provider: string;
  /** All that lies in etcd is sealed with the very key that the plugin names: nobody has rotated it at its holder. */
  readonly sameAsBefore: boolean;
  /** Where it is the same. */
  readonly keyId?: string | undefined;
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
  /** Index in `phases`; -1 before the first, `phases.length` where the change has taken the configuration out. */
  readonly phase: number;
}

/** Throws Fault `conflict` where a configuration stands that is not of this change. */
export async function placeOf({ change, nodes }: ChangeContext, node: ManagedNode, signal: AbortSignal): Promise<PlacedNode> {
  const view = await viewOf(node, signal);
  if (view.configPath === undefined && (await wasTakenOut(change, node, signal))) return { node, view, phase: phases.length };
  const phase = phaseOfText(change, node.name, view.config);
  if (phase !== undefined) return { node, view, phase };
  const other = nodes.find(({ name }) => name !== node.name);
  const copy =
    other === undefined
      ? `write what stands under change.configs in ${node.stateFolder}/journal.json over it`
      : `copy that of ${other.name} over it (0600, beside it and then renamed)`;
  throw new Fault(
    'conflict',
    `the change is frozen: the encryption configuration ${view.configPath ?? ''} on ${node.name} is none of this change${originOf(view.config ?? '')}, and may have sealed with keys that nobody else has. Keep a copy of it for its keys, ${copy}, and go on with "casemate etcd resume"; what was sealed meanwhile is named then`,
    { fields: { frozen: true } },
  );
}

/** What was removed by this change has left its manifest behind; a node that came back from before encryption has not. */
export async function wasTakenOut(change: EncryptionChange, node: ManagedNode, signal: AbortSignal): Promise<boolean> {
  if (!change.removeConfiguration || change.nodes[node.name]?.config === undefined) return false;
  return (await node.files.read(keptManifestPath(node, removedLabel(change)), signal)) !== undefined;
}

export function removedLabel({ id }: EncryptionChange): string {
  return `${id}-removed`;
}

function originOf(config: string): string {
  const written = /^# Written by casemate etcd: change (\w+), epoch (\d+)/m.exec(config);
  return written === null ? '' : ` but of an earlier one (${written[1]}, epoch ${written[2]})`;
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
