// Which configuration every living kube-apiserver runs with: its own metric, joined with the identity Leases. What is unknown stops.

import { sha256Hex } from '../../crypto/hash.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type Lease, leases } from '../../kube/kinds.ts';
import { samplesOf } from '../../kube/metrics.ts';

/** One kube-apiserver, asked at its own address. */
export interface ReachableApiserver {
  /** Host name of its node. */
  readonly node: string;
  readonly client: KubeClient;
}

export type ApiserverState = RunningApiserver | UnknownApiserver;

export interface RunningApiserver {
  readonly node: string;
  readonly known: true;
  /** Of the metric `last_config_info`: `sha256:…` of the file's bytes; undefined when it runs without encryption at rest. */
  readonly hash: string | undefined;
  /** Reloads that it refused since its start. */
  readonly refused: number;
  /** `sha256:…` of the KMS key ids that its plugins named last, by provider. */
  readonly kmsKeys: Readonly<Record<string, KmsKeySeen>>;
}

export interface KmsKeySeen {
  readonly keyIdHash: string;
  /** Seconds since the Unix epoch, by the apiserver's clock: compared with others of the same apiserver alone. */
  readonly at: number;
}

export interface UnknownApiserver {
  readonly node: string;
  readonly known: false;
  /** A sentence: why nothing can be said, and what to do. */
  readonly reason: string;
}

const prefix = 'apiserver_encryption_config_controller';
const identities = 'apiserver.kubernetes.io/identity=kube-apiserver';

/** As the metric shows the hash of a configuration. */
export function configHash(text: string): string {
  return `sha256:${sha256Hex(text)}`;
}

/**
 * Every apiserver that lives, by the Leases that they keep, and every one that should. `through` is whichever answers. Throws
 * KubeFault or Fault `unavailable` when no apiserver tells the Leases.
 */
export async function observeApiservers(
  apiservers: readonly ReachableApiserver[],
  signal: AbortSignal,
): Promise<readonly ApiserverState[]> {
  const [living, states] = await Promise.all([
    identityLeases(apiservers, signal),
    Promise.all(apiservers.map((apiserver) => stateOf(apiserver, signal))),
  ]);
  const asked = new Map(states.map((state) => [state.node, state]));
  const joined = states.map(({ state, node, idHash }): ApiserverState => {
    if (!state.known || idHash === undefined) return state;
    const lease = living.find(({ metadata }) => identityHash(metadata.name ?? '') === idHash);
    if (lease === undefined)
      return unknown(node, 'it has no identity Lease in kube-system: the feature APIServerIdentity is off, or it has just started');
    const host = hostOf(lease);
    return host === node
      ? state
      : unknown(node, `the apiserver that answers at its address is that of ${host}: correct its address or its name`);
  });
  const strangers = living
    .filter((lease) => !asked.has(hostOf(lease)))
    .map((lease) =>
      unknown(
        hostOf(lease),
        `its identity Lease ${lease.metadata.name} is there, and no node of this name is known: name it among the nodes, or, if it is gone for good, say --evict-node ${hostOf(lease)}`,
      ),
    );
  return [...joined, ...strangers];
}

/** Those that do not run with one of the wanted hashes, each with a sentence; empty when all do. Those named in `bare` may have none. */
export function notConverged(
  states: readonly ApiserverState[],
  wanted: ReadonlySet<string>,
  bare: ReadonlySet<string> = new Set(),
): readonly string[] {
  return states.flatMap((state) => {
    if (!state.known) return [`${state.node} is unknown: ${state.reason}`];
    if (state.hash === undefined ? bare.has(state.node) : wanted.has(state.hash)) return [];
    const refusals = state.refused === 0 ? '' : `, and has refused ${state.refused} reloads since its start: its log says why`;
    return [
      `${state.node} runs with ${state.hash === undefined ? 'no encryption configuration' : `another one (${state.hash.slice(0, 19)}…)`}${refusals}`,
    ];
  });
}

async function identityLeases(apiservers: readonly ReachableApiserver[], signal: AbortSignal): Promise<readonly Lease[]> {
  let last: unknown;
  for (const { client } of apiservers) {
    try {
      return (await client.list(leases, { namespace: 'kube-system', labels: identities }, { signal, timeout: 10_000, patience: 0 })).items;
    } catch (thrown) {
      signal.throwIfAborted();
      last = thrown;
    }
  }
  throw last;
}

/** The metric has the hash of the whole identity, which is the Lease's name (k8s.io/apiserver pkg/server/options/encryptionconfig/metrics). */
function identityHash(name: string): string {
  return `sha256:${sha256Hex(name)}`;
}

function hostOf({ metadata }: Lease): string {
  return metadata.labels?.['kubernetes.io/hostname'] ?? metadata.name ?? '';
}

interface Asked {
  readonly node: string;
  readonly state: ApiserverState;
  readonly idHash?: string | undefined;
}

async function stateOf({ node, client }: ReachableApiserver, signal: AbortSignal): Promise<Asked> {
  let text: string;
  try {
    const answer = await client.raw('/metrics', { signal, timeout: 10_000, patience: 0 });
    if (answer.status !== 200)
      return {
        node,
        state: unknown(node, `it answers /metrics with ${answer.status}: the user of the kubeconfig must be allowed to get it`),
      };
    ({ text } = answer);
  } catch (thrown) {
    signal.throwIfAborted();
    return {
      node,
      state: unknown(
        node,
        `it cannot be asked (${(thrown as Error).message}); bring it back, or, if it is gone for good, say --evict-node ${node}`,
      ),
    };
  }
  const [info] = samplesOf(text, `${prefix}_last_config_info`);
  const kmsKeys: Record<string, KmsKeySeen> = {};
  for (const { labels, value } of samplesOf(text, 'apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds')) {
    const { provider_name: provider = '', key_id_hash: keyIdHash = '' } = labels;
    if ((kmsKeys[provider]?.at ?? 0) <= value) kmsKeys[provider] = { keyIdHash, at: value };
  }
  const refused = samplesOf(text, `${prefix}_automatic_reloads_total`)
    .filter(({ labels }) => labels['status'] === 'failure')
    .reduce((sum, { value }) => sum + value, 0);
  return { node, idHash: info?.labels['apiserver_id_hash'], state: { node, known: true, hash: info?.labels['hash'], refused, kmsKeys } };
}

function unknown(node: string, reason: string): UnknownApiserver {
  return { node, known: false, reason };
}
