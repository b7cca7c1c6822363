// `casemate etcd status` and `verify` on k3s and RKE2, which keep an encryption configuration and a stage machine of their own.

import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig } from '../../etcd/config/encryption-config.ts';
import { readEncryptionConfig } from '../../etcd/config/read-config.ts';
import { resourcesOf } from '../../etcd/manager/resources.ts';
import { type K3sServer, k3sStatus, k3sStatusText } from '../../etcd/nodes/k3s-stages.ts';
import { type Layout, layoutOf, type OwnEncryption } from '../../etcd/nodes/layout.ts';
import type { ControlPlaneNode } from '../../etcd/nodes/node.ts';
import { openNode } from '../../etcd/nodes/open-node.ts';
import { openEtcd } from '../../etcd/verify/etcd-client.ts';
import { scanResources } from '../../etcd/verify/scan.ts';
import { sealedAs } from '../../etcd/verify/sealed-as.ts';
import { namedLines, scanReport, tableLines } from '../../etcd/verify/table.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Kind } from '../../kube/object.ts';
import { kindName } from '../../kube/object.ts';
import { type ClusterOptions, clientAt, connectionOf, fleetOf, waysOf } from './cluster.ts';
import { formatOf, shownAs } from './show.ts';

const nodeKind: Kind = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };

interface Distribution {
  readonly layout: Layout;
  readonly own: OwnEncryption;
  readonly client: KubeClient;
  readonly first: ControlPlaneNode;
  readonly names: readonly string[];
}

type Flags = ClusterOptions & { readonly format?: string | undefined };

export async function status(flags: Flags, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  return withDistribution(flags, signal, async ({ own, client, first, names }) => {
    const servers = await Promise.all(
      names.map(async (name): Promise<K3sServer> => {
        const node = await client.get(nodeKind, { name }, { signal });
        return { name, annotation: node?.metadata.annotations?.[own.annotation ?? ''] };
      }),
    );
    const file = (await first.read(own.configPath, signal))?.bytes;
    const found = k3sStatus({ servers: servers as [K3sServer, ...K3sServer[]], file });
    shown.result(
      found,
      () => `${k3sStatusText(found)}\nTo change it: ${own.command}. How each object is sealed "casemate etcd verify" reads from etcd.`,
    );
    return 0;
  });
}

/** Resolves to 1 when an object is not sealed as the configuration says. */
export async function verify(flags: Flags & { readonly resources?: string | undefined }, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  return withDistribution(flags, signal, async (distribution) => {
    const { client, first, own } = distribution;
    const text = (await first.read(own.configPath, signal))?.bytes.toString('utf8');
    const config: EncryptionConfig = text === undefined ? { resources: [] } : readEncryptionConfig(text, { path: own.configPath }).config;
    const { resources } = await resourcesOf(client, flags.resources?.split(',') ?? ['secrets'], signal);
    const etcd = await etcdOf(distribution, signal);
    try {
      const scan = await scanResources(etcd, { resources: resources.map(kindName), expected: sealedAs(config) }, { signal });
      shown.result(scanReport(scan), () =>
        [...tableLines(scan), '', `Read from etcd at revision ${scan.revision}.`, ...namedLines(scan)].join('\n'),
      );
      return scan.named.count === 0 ? 0 : 1;
    } finally {
      etcd.close();
    }
  });
}

async function etcdOf({ layout, first }: Distribution, signal: AbortSignal) {
  const { server, caFile, certFile, keyFile } = layout.etcd;
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(async (path) => (await first.read(path, signal))?.bytes));
  if (ca === undefined || cert === undefined || key === undefined)
    throw new Fault(
      'not-found',
      `there is no ${certFile} on ${first.name}: this ${layout.name} keeps its data in no etcd of its own, and only that can be read`,
    );
  return openEtcd({ endpoints: [server], tls: { ca, cert, key }, connect: (host, port, until) => first.connect(host, port, until) });
}

async function withDistribution<T>(flags: Flags, signal: AbortSignal, work: (distribution: Distribution) => Promise<T>): Promise<T> {
  const fleet = fleetOf(flags);
  const layout = layoutOf(fleet.layout);
  const [spec] = fleet.nodes;
  if (layout.own === undefined || spec === undefined) throw new Fault('usage', 'these nodes are neither of k3s nor of RKE2');
  const client = clientAt(await connectionOf(flags, fleet));
  try {
    const first = await openNode(spec, waysOf(client), signal);
    try {
      return await work({ layout, own: layout.own, client, first, names: fleet.nodes.map(({ name }) => name) });
    } finally {
      await first.close();
    }
  } finally {
    client.close();
  }
}
