// `casemate kms uninstall`: takes the plugin off the nodes again, when nothing in etcd needs it any more.

import { Fault } from '../../base/fault.ts';
import type { FlagValues } from '../../cli/flags.ts';
import { unitPath } from '../../etcd/install/plugin-place.ts';
import { applyRemoval, type NodeRemoval, planRemoval, refuseNeeded, refuseSealing } from '../../etcd/install/remove-plugin.ts';
import { observe } from '../../etcd/manager/change-context.ts';
import { viewOf } from '../../etcd/manager/managed-node.ts';
import type { OpenCluster } from '../etcd/cluster.ts';
import { confirmed } from '../etcd/confirm.ts';
import { formatOf, type Shown, shownAs } from '../etcd/show.ts';
import { locked, refuseForeign, runLabel, waitsOf, withNodes } from './chosen.ts';
import type { uninstallFlags } from './flags.ts';
import { removalDiff } from './show-plan.ts';

type Uninstall = FlagValues<typeof uninstallFlags>;

/** Resolves to the exit code. */
export async function uninstall(flags: Uninstall, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  const name = flags['kms-name'] ?? 'casemate';
  await withNodes(flags, signal, async (cluster, nodes) => {
    await refuseForeign(cluster, signal);
    await refuseUnlessUnneeded(cluster, name, signal);
    const removals: NodeRemoval[] = [];
    for (const node of nodes) {
      const removal = await planRemoval(node, await viewOf(node, signal), name, signal);
      removals.push(flags.purge ? { ...removal, files: [...removal.files, ...removal.keys] } : removal);
    }
    const diff = removals.map(removalDiff).join('\n');
    if (flags['dry-run']) {
      const listed = removals.map(({ node, files }) => ({ node: node.name, files, manifest: node.manifestPath }));
      return shown.result(listed, () => diff || 'Nothing would change.');
    }
    if (!flags.yes) await confirmed(`${diff}\nGo on?`, signal);
    await locked(cluster, shown.note, signal, async (both) => {
      // What was written since then counts as well.
      await refuseUnlessUnneeded(cluster, name, both);
      await removed(removals, flags, shown, both);
    });
  });
  return 0;
}

/** All kube-apiservers are looked at, also where the plugin shall stay: each may seal at any moment. */
async function refuseUnlessUnneeded(cluster: OpenCluster, name: string, signal: AbortSignal): Promise<void> {
  const unknown = (await observe(cluster, signal)).flatMap((state) => (state.known ? [] : [`${state.node} is unknown: ${state.reason}`]));
  if (unknown.length > 0) throw new Fault('unavailable', `nothing is taken away while a kube-apiserver is unknown: ${unknown.join('; ')}`);
  await refuseNeeded({ etcd: cluster.etcd, root: cluster.root, name }, signal);
  refuseSealing(await Promise.all(cluster.nodes.map(async (node) => [node, await viewOf(node, signal)] as const)), name);
  if (cluster.elsewhere.length > 0)
    throw new Fault(
      'usage',
      `${cluster.elsewhere.join(', ')} lies in another etcd (--etcd-servers-overrides), which is not read, so nobody knows whether something there needs the KMS`,
    );
}

async function removed(removals: readonly NodeRemoval[], flags: Uninstall, shown: Shown, signal: AbortSignal): Promise<void> {
  const work = { waits: waitsOf(flags), label: runLabel('uninstall'), report: (note: string) => shown.report({ step: 'uninstall', note }) };
  for (const removal of removals) await applyRemoval(removal, work, signal);
  const names = removals.map(({ node }) => node.name);
  const units = removals.some(({ files }) => files.includes(unitPath));
  const kept = flags.purge ? [] : [...new Set(removals.flatMap(({ keys }) => keys))];
  const keyless = flags.purge ? removals.flatMap(({ node, keys }) => (keys.length === 0 ? [node.name] : [])) : [];
  shown.result({ removed: names, kept }, () =>
    [
      `The plugin is taken off ${names.join(', ')}.`,
      ...(units
        ? ['Where it was a systemd unit it still runs: "systemctl stop casemate-kms.service; systemctl daemon-reload" ends it.']
        : []),
      ...(kept.length === 0 ? [] : [`Left in place, since snapshots of etcd may need it: ${kept.join(', ')}.`]),
      ...(keyless.length === 0
        ? []
        : [
            `Nothing on ${keyless.join(', ')} starts a plugin, so no key of one was found there: if some were left by an earlier uninstall, remove them by hand.`,
          ]),
    ].join('\n'),
  );
}
