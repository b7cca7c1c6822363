// The nodes that `casemate kms install`, `uninstall` and `doctor` work on, and what must be so before they change anything.

import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { randomUuid } from '../../base/random.ts';
import { Ending } from '../../cli/ending.ts';
import type { FlagValues } from '../../cli/flags.ts';
import { systemRandom } from '../../crypto/random.ts';
import { changeKind } from '../../etcd/manager/change.ts';
import { takeLock } from '../../etcd/manager/lock.ts';
import { type ManagedNode, viewOf, type Waits } from '../../etcd/manager/managed-node.ts';
import { changeUnderWay, nodeJournal } from '../../etcd/manager/state-files.ts';
import { changeRefusal } from '../../etcd/nodes/layout.ts';
import { type OpenCluster, openCluster } from '../etcd/cluster.ts';
import type { changeFlags, nodeFlags } from './flags.ts';

export type Chosen = FlagValues<typeof nodeFlags>;

/** At least one. */
export type Nodes = readonly [ManagedNode, ...ManagedNode[]];

export async function withNodes<T>(
  flags: Chosen,
  signal: AbortSignal,
  work: (cluster: OpenCluster, nodes: Nodes) => Promise<T>,
): Promise<T> {
  if (flags.local && flags.node.length > 0) throw new Ending('name nodes with -node, or say -local for this one');
  const cluster = await openCluster({ ...flags, 'evict-node': [] }, signal);
  try {
    return await work(cluster, chosenOf(cluster, flags.node));
  } finally {
    await cluster.close();
  }
}

function chosenOf({ nodes }: OpenCluster, names: readonly string[]): Nodes {
  if (names.length === 0) return nodes;
  const chosen = names.map((name) => {
    const node = nodes.find((each) => each.name === name);
    if (node === undefined)
      throw new Ending(`there is no node ${JSON.stringify(name)} here; there is ${nodes.map((each) => each.name).join(', ')}`);
    return node;
  });
  return chosen as unknown as Nodes;
}

/** Throws Fault `usage` where a change of the manager is under way, or the distribution would write over what is written. */
export async function refuseForeign({ layout, nodes }: OpenCluster, signal: AbortSignal): Promise<void> {
  const records = await Promise.all(nodes.map((node) => nodeJournal(node).read(signal)));
  const underWay = changeUnderWay(records.map((record) => (record?.kind === changeKind ? record : undefined)));
  if (underWay !== undefined)
    throw new Fault('usage', `a change of "casemate etcd" is under way (${underWay.id}): finish it with "casemate etcd resume" first`);
  for (const node of nodes) {
    const { manifest } = await viewOf(node, signal);
    const refusal = changeRefusal(layout, { flags: manifest, staticPod: true });
    if (refusal !== undefined) throw new Fault('usage', refusal);
  }
}

/** The lock of `casemate etcd`: both write the same files. */
export async function locked(
  { client }: OpenCluster,
  note: (text: string) => void,
  signal: AbortSignal,
  work: (both: AbortSignal) => Promise<void>,
): Promise<void> {
  const lock = await takeLock({ client, holder: `casemate-kms-${randomUuid(systemRandom)}`, clock: systemClock, note }, signal);
  try {
    await work(AbortSignal.any([signal, lock.lost]));
  } catch (thrown) {
    if (lock.lost.aborted) throw lock.lost.reason;
    throw thrown;
  } finally {
    await lock.release();
  }
}

export function waitsOf(flags: FlagValues<typeof changeFlags>): Waits {
  return { clock: systemClock, reload: 1_000 * (flags['wait-reload'] ?? 150), restart: 1_000 * (flags['wait-restart'] ?? 120) };
}

/** Under it an old manifest is kept: another one for each run. */
export function runLabel(verb: string): string {
  return `kms-${verb}-${Buffer.from(systemRandom(4)).toString('hex')}`;
}
