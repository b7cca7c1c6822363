// `casemate etcd verify` and `status`: what lies in etcd, read from etcd itself, and what can be known without it.

import { systemClock } from '../../base/clock.ts';
import { Ending } from '../../cli/ending.ts';
import type { FlagValues } from '../../cli/flags.ts';
import { table } from '../../cli/output/columns.ts';
import type { EncryptionConfig } from '../../etcd/config/encryption-config.ts';
import { keysOf, writerOf } from '../../etcd/config/lookup.ts';
import { readEncryptionConfig } from '../../etcd/config/read-config.ts';
import { changeKind } from '../../etcd/manager/change.ts';
import { atAny, observe } from '../../etcd/manager/change-context.ts';
import { configHash } from '../../etcd/manager/convergence.ts';
import type { KeyRing } from '../../etcd/manager/key-ring.ts';
import { type NodeView, viewOf } from '../../etcd/manager/managed-node.ts';
import { resourcesOf } from '../../etcd/manager/resources.ts';
import { changeUnderWay, nodeJournal } from '../../etcd/manager/state-files.ts';
import { scanResources } from '../../etcd/verify/scan.ts';
import { sealedAs } from '../../etcd/verify/sealed-as.ts';
import { namedLines, scanReport, tableLines } from '../../etcd/verify/table.ts';
import { kindName } from '../../kube/object.ts';
import { fleetOf, type OpenCluster, openCluster, refuseElsewhere } from './cluster.ts';
import { keyRingFiles } from './context.ts';
import type { clusterFlags, verifyFlags } from './flags.ts';
import { formatOf, shownAs } from './show.ts';
import { openState } from './state.ts';

type Look = FlagValues<typeof clusterFlags>;

/** Resolves to the exit code: 1 when an object is not sealed as the configuration says. */
export async function verify(flags: Look & FlagValues<typeof verifyFlags>, signal: AbortSignal): Promise<number> {
  const distribution = await distributionOf(flags);
  if (distribution !== undefined) return distribution.verify(flags, signal);
  const shown = shownAs(formatOf(flags.format));
  return withCluster(flags, signal, async (cluster) => {
    const config = await presentConfig(cluster, signal);
    const wanted = flags.resources?.split(',') ?? config.resources.flatMap(({ resources }) => resources);
    const patterns = wanted.length === 0 ? ['secrets'] : wanted;
    const found = await atAny(cluster, (client) => resourcesOf(client, [...new Set(patterns)], signal), signal);
    for (const note of found.notes) shown.note(note);
    const resources = found.resources.map(kindName);
    refuseElsewhere(cluster, resources);
    const keyNames = keysOf(config).map(({ name }) => name);
    const onProgress = ({ objects }: { readonly objects: number }) => shown.report({ step: 'verify', note: 'objects read', done: objects });
    const scan = await scanResources(
      cluster.etcd,
      { root: cluster.root, resources, expected: sealedAs(config), keyNames },
      { signal, onProgress },
    );
    shown.result(scanReport(scan), () =>
      [
        ...tableLines(scan),
        '',
        `Read from etcd at revision ${scan.revision}.`,
        ...(scan.named.count === 0
          ? ['Every object is sealed as the configuration says.']
          : [`${scan.named.count} objects are not sealed as the configuration says:`, ...namedLines(scan)]),
      ].join('\n'),
    );
    return scan.named.count === 0 ? 0 : 1;
  });
}

/** k3s and RKE2 look after themselves: loaded where the nodes are theirs. */
async function distributionOf(flags: Look): Promise<typeof import('./distribution.ts') | undefined> {
  const { layout } = fleetOf(flags);
  return layout === 'k3s' || layout === 'rke2' ? import('./distribution.ts') : undefined;
}

async function presentConfig({ nodes }: OpenCluster, signal: AbortSignal): Promise<EncryptionConfig> {
  const [first] = nodes;
  const { config } = await viewOf(first, signal);
  return config === undefined
    ? { resources: [] }
    : readEncryptionConfig(config, { path: `the encryption configuration of ${first.name}` }).config;
}

export async function status(flags: Look, signal: AbortSignal): Promise<number> {
  const distribution = await distributionOf(flags);
  if (distribution !== undefined) return distribution.status(flags, signal);
  const prometheus = flags.format === 'prometheus';
  const shown = shownAs(prometheus ? 'table' : formatOf(flags.format));
  return withCluster(flags, signal, async (cluster) => {
    const state = await openState(flags.state ?? '', 'reads');
    const [states, ring, records, views] = await Promise.all([
      observe(cluster, signal),
      keyRingFiles(cluster, state).read(signal),
      Promise.all(cluster.nodes.map((node) => nodeJournal(node).read(signal))),
      Promise.all(cluster.nodes.map(async (node) => [node.name, await viewOf(node, signal)] as const)),
    ]);
    const own = await state.journal.read(signal);
    const underWay = changeUnderWay([own, ...records].map((record) => (record?.kind === changeKind ? record : undefined)));
    if (prometheus) return text(metricsText(ring));
    const files = new Map<string, NodeView>(views);
    const nodes = states.map((seen) => {
      const view = files.get(seen.node);
      const runs = seen.known ? (seen.hash ?? 'nothing') : `unknown: ${seen.reason}`;
      const file = view?.config === undefined ? 'nothing' : configHash(view.config);
      return { node: seen.node, runs, file, reloads: view?.reloads ?? false, kms_keys: seen.known ? seen.kmsKeys : {} };
    });
    const config = await presentConfig(cluster, signal);
    const resources = config.resources.map(({ resources: patterns, providers }) => {
      const { type, name } = writerOf({ resources: patterns, providers });
      return { resources: patterns, provider: type, key: name ?? '', since: ring.keys.find((key) => key.name === name)?.since };
    });
    const enabled = resources.some(({ provider }) => provider !== 'identity');
    const change = underWay === undefined ? undefined : { id: underWay.id, state: underWay.state, step: underWay.step };
    shown.result(
      { enabled, change, nodes, resources, unknown: ['how each object is sealed: "casemate etcd verify" reads it from etcd'] },
      () =>
        [
          `Encryption Status: ${enabled ? 'Enabled' : 'Disabled'}`,
          change === undefined
            ? 'No change is under way.'
            : `A change is under way: ${change.id}, ${change.state} at ${change.step ?? 'its beginning'}.`,
          '',
          table([
            ['RESOURCES', 'SEALED WITH', 'KEY', 'SINCE'],
            ...resources.map(({ resources: all, provider, key, since }) => [all.join(), provider, key || '-', since ?? '-']),
          ]),
          '',
          table([
            ['NODE', 'RUNS WITH', 'FILE', 'RELOADS'],
            ...nodes.map(({ node, runs, file, reloads }) => [
              node,
              short(runs),
              runs === file ? 'the same' : short(file),
              reloads ? 'by itself' : 'at a restart',
            ]),
          ]),
          '',
          'Not known without reading etcd: how each object is sealed. "casemate etcd verify" tells that.',
        ].join('\n'),
    );
    return 0;
  });
}

function short(hash: string): string {
  return hash.startsWith('sha256:') ? hash.slice(0, 19) : hash;
}

function text(lines: string): number {
  process.stdout.write(lines);
  return 0;
}

/** For node_exporter's textfile collector. */
function metricsText(ring: KeyRing): string {
  const live = ring.keys.filter(({ retired }) => retired === undefined);
  const ages = live.map(({ type, name, since }) => {
    const age = Math.max(0, Math.round((systemClock.now() - Date.parse(since)) / 1_000));
    return `casemate_etcd_key_age_seconds{provider="${type}",key="${name}"} ${age}\n`;
  });
  return [
    '# HELP casemate_etcd_key_age_seconds Age of a key that a configuration holds.\n',
    '# TYPE casemate_etcd_key_age_seconds gauge\n',
    ...ages,
  ].join('');
}

export async function withCluster<T>(flags: Look, signal: AbortSignal, work: (cluster: OpenCluster) => Promise<T>): Promise<T> {
  const cluster = await openCluster(flags, signal);
  try {
    return await work(cluster);
  } finally {
    await cluster.close();
  }
}

export function refuseArguments(args: readonly string[]): void {
  if (args.length > 0) throw new Ending(`this takes flags and no arguments: ${args.join(' ')}`);
}
