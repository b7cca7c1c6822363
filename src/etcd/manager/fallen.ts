// A node that comes back in the middle of a change as it was earlier: restored from a backup, or with the manifest of before encryption.

import { Fault } from '../../base/fault.ts';
import { type Phase, phases } from './change.ts';
import { type ChangeContext, type PlacedNode, placeOf, wasTakenOut } from './change-context.ts';
import { type ManagedNode, viewOf } from './managed-node.ts';

/** How often whoever carries a change out begins its steps anew because of such a node, before it leaves that to the operator. */
export const mostBeginnings = 4;

/** Whether the steps are to be begun anew: those that the node has lost are done again, and what it sealed meanwhile is written anew. */
export function beginsAnew(thrown: unknown): thrown is Fault {
  return thrown instanceof Fault && thrown.fields?.['again'] === true;
}

/**
 * Throws Fault `conflict` for which `beginsAnew` holds where one of these nodes, which had all come to this phase, is behind it. One
 * that cannot be asked says nothing.
 */
export async function refuseFallen(
  context: ChangeContext,
  nodes: readonly ManagedNode[],
  phase: Phase,
  signal: AbortSignal,
): Promise<void> {
  const places = await Promise.all(nodes.map((node) => whereReached(() => placeOf(context, node, signal), signal)));
  const fallen = places.filter((place): place is PlacedNode => place !== undefined && place.phase < phases.indexOf(phase));
  if (fallen.length === 0) return;
  const named = fallen.map(({ node, view }) => `${node.name} came back ${inWords(view.configPath, view.config)}`);
  throw new Fault(
    'conflict',
    `${named.join(', and ')} while the change is under way: it is given the present configuration, and what it has written meanwhile is written anew`,
    { fields: { again: true } },
  );
}

function inWords(path: string | undefined, config: string | undefined): string {
  if (path === undefined) return 'with a manifest without encryption at rest';
  return config === undefined ? `without ${path}` : 'with an older encryption configuration';
}

/** Names of the nodes that the change itself has left without a configuration. */
export async function bareNodes({ change, nodes }: ChangeContext, signal: AbortSignal): Promise<ReadonlySet<string>> {
  if (!change.removeConfiguration) return new Set();
  const bare = async (node: ManagedNode) =>
    (await viewOf(node, signal)).configPath === undefined && (await wasTakenOut(change, node, signal));
  const all = await Promise.all(nodes.map((node) => whereReached(() => bare(node), signal)));
  return new Set(nodes.flatMap(({ name }, index) => (all[index] === true ? [name] : [])));
}

async function whereReached<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Fault && ['unavailable', 'timeout'].includes(thrown.code)) return undefined;
    throw thrown;
  }
}
