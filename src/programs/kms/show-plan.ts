// What `casemate kms install` and `uninstall` would write, as a diff and for machines; nothing secret is in it.

import type { NodePlan, PlannedFile } from '../../etcd/install/node-plan.ts';
import type { NodeRemoval } from '../../etcd/install/remove-plugin.ts';
import { lineDiff } from '../../etcd/nodes/manifest-diff.ts';
import { maskedConfig } from '../etcd/show.ts';

/** Of one node; empty when nothing changes. */
export function planDiff(plan: NodePlan): string {
  return [...changedFiles(plan).map((file) => fileDiff(file, plan.node.name)), manifestDiff(plan)].join('');
}

export function filesOf(plan: NodePlan): unknown {
  const files = changedFiles(plan).map(({ path, before, secret }) => ({ path, new: before === undefined, secret }));
  return { node: plan.node.name, files, manifest: { path: plan.node.manifestPath, diff: manifestDiff(plan) } };
}

function changedFiles({ pluginFiles, starter, encryption }: NodePlan): readonly PlannedFile[] {
  return [...pluginFiles, ...(starter === undefined ? [] : [starter]), ...(encryption === undefined ? [] : [encryption])].filter(
    ({ before, after }) => before !== after,
  );
}

function fileDiff({ path, before, after, secret }: PlannedFile, node: string): string {
  const title = `${path} on ${node}`;
  if (secret)
    return `--- ${title}\n+++ ${title}\n(${before === undefined ? 'new' : 'another one'}, 0600; it holds secrets and is not shown)\n`;
  return lineDiff(maskedConfig(before ?? ''), maskedConfig(after), { path: title });
}

function manifestDiff({ node, view, manifest }: Pick<NodePlan, 'node' | 'view' | 'manifest'>): string {
  return lineDiff(view.text, manifest, { path: `${node.manifestPath} on ${node.name}` });
}

export function removalDiff({ node, view, config, manifest, files }: NodeRemoval): string {
  const path = `${view.configPath ?? ''} on ${node.name}`;
  const changed = config === undefined ? '' : lineDiff(maskedConfig(view.config ?? ''), maskedConfig(config), { path });
  return [changed, manifestDiff({ node, view, manifest }), ...files.map((each) => `removed: ${each} on ${node.name}\n`)].join('');
}
