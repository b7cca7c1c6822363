// A change of encryption at rest as it is written down: all that is needed to take it up again on any machine. It holds keys.

import { Fault } from '../../base/fault.ts';
import { configHash } from './convergence.ts';

/** In their order; `bootstrap` gives `read` to nodes whose kube-apiserver has no configuration yet. */
export const phases = ['read', 'write', 'final'] as const;
export type Phase = (typeof phases)[number];

export type ChangeKind = 'enable' | 'rotate-key' | 'disable' | 'key-encryption-key';

/** What stood on a node before. */
export interface NodeBefore {
  /** Text of kube-apiserver's manifest. */
  readonly manifest: string;
  /** Text of its EncryptionConfiguration; undefined where it had none. */
  readonly config?: string | undefined;
}

export interface EncryptionChange {
  readonly version: 1;
  readonly id: string;
  /** Higher with each change of a cluster: stands in the configurations, so that no two changes have the same bytes. */
  readonly epoch: number;
  readonly kind: ChangeKind;
  /** What is to be rewritten, as patterns of an EncryptionConfiguration. */
  readonly patterns: readonly string[];
  /** Text of the EncryptionConfiguration in each phase, the same on all nodes. */
  readonly configs: Readonly<Record<Phase, string>>;
  /** The keys that are new with it: already in `configs`. */
  readonly newKeys: readonly string[];
  readonly removeConfiguration: boolean;
  /** By restarting kube-apiserver in place of its own reload. */
  readonly byRestart: boolean;
  /** By name; a node that joins later is added when it is first seen. */
  readonly nodes: Readonly<Record<string, NodeBefore>>;
  /** Nodes that are gone for good, in the operator's word. */
  readonly evicted: readonly string[];
  /** No snapshot of etcd before, in the operator's word. */
  readonly withoutSnapshot?: true | undefined;
}

export const changeKind = 'etcd-encryption';

/** Throws Fault `corrupted` or `usage` (of a newer version). */
export function changeIn(value: unknown): EncryptionChange {
  const change = value as EncryptionChange | null;
  if (typeof change !== 'object' || change === null) throw new Fault('corrupted', 'the journal holds no change of encryption at rest');
  if (change.version !== 1) throw new Fault('usage', 'the journal was written by a newer Casemate: use that one');
  return change;
}

/**
 * The phase that a configuration is of: -1 for what stood there before, and for none at all, which is what a node has that comes back
 * from before encryption; undefined for one that the change does not know.
 */
export function phaseOfText(change: EncryptionChange, node: string, text: string | undefined): number | undefined {
  const index = phases.findLastIndex((phase) => change.configs[phase] === text);
  if (index !== -1) return index;
  return text === undefined || text === change.nodes[node]?.config ? -1 : undefined;
}

/** Hashes of the configurations of this phase and the later ones: whoever runs with one of them has taken it. */
export function hashesFrom(change: EncryptionChange, phase: Phase): ReadonlySet<string> {
  return new Set(phases.slice(phases.indexOf(phase)).map((one) => configHash(change.configs[one])));
}
