// A change of encryption at rest as a plan: which steps in which order.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { JournalRecord } from '../../journal/journal.ts';
import type { Plan, Step } from '../../journal/plan.ts';
import { withoutEncryption } from '../nodes/manifest-edit.ts';
import type { ChangeKind, EncryptionChange } from './change.ts';
import { changeKind } from './change.ts';
import { type ChangeContext, removedLabel } from './change-context.ts';
import { kmsKeyStep } from './kms-key-step.ts';
import type { ManagedNode } from './managed-node.ts';
import { restartWith, viewOf } from './managed-node.ts';
import { convergedStep, ownFiles, phaseStep, removeOwnFiles, untilRunsAsBefore } from './phase-steps.ts';
import { probeStep, proofStep, rewriteStep } from './seal-steps.ts';
import { ringOn } from './state-files.ts';

const titles: Readonly<Record<ChangeKind, string>> = {
  enable: 'enable encryption at rest',
  'rotate-key': 'rotate the key of encryption at rest',
  disable: 'disable encryption at rest',
  'key-encryption-key': 'rewrite what the KMS key before the current one sealed',
};

/** `snapshot` is a step of its own, taken first where there is one. */
export function planOf(context: ChangeContext, snapshot: Step | undefined): Plan {
  const { change, nodes } = context;
  return {
    id: change.id,
    title: `${titles[change.kind]} of ${change.patterns.join(', ')}`,
    steps: [
      ...(snapshot === undefined ? [] : [snapshot]),
      ...nodes.map((node) => storeStep(context, node)),
      ...(change.kind === 'key-encryption-key' ? kekSteps(context) : configSteps(context)),
      archiveStep(context),
    ],
  };
}

function configSteps(context: ChangeContext): readonly Step[] {
  const { change } = context;
  const [first, ...others] = context.nodes;
  const all = [first, ...others];
  return [
    ...all.map((node) => phaseStep(context, 'read', node)),
    convergedStep(context, 'read'),
    // From here on there may be objects that the configuration before cannot open.
    announced(context, phaseStep(context, 'write', first, { pointOfNoReturn: true })),
    // Until it seals anew the probe would prove nothing.
    convergedStep(context, 'write', first),
    probeStep(context),
    ...others.map((node) => phaseStep(context, 'write', node)),
    convergedStep(context, 'write'),
    rewriteStep(context),
    proofStep(context, 'verify'),
    ...all.map((node) => phaseStep(context, 'final', node)),
    convergedStep(context, 'final'),
    proofStep(context, 'verify-again'),
    ...(change.removeConfiguration ? all.map((node) => removeStep(context, node)) : []),
  ];
}

/** From here on no other machine may take the change back by an older copy of the journal. */
function announced(context: ChangeContext, step: Step): Step {
  return {
    ...step,
    async run(report, signal) {
      const record = await context.journal.read(signal);
      if (record !== undefined) await Promise.all(context.nodes.map((node) => context.copyOn(node).write(record, signal)));
      await step.run(report, signal);
    },
  };
}

function kekSteps(context: ChangeContext): readonly Step[] {
  return [kmsKeyStep(context), { ...rewriteStep(context), pointOfNoReturn: true }, proofStep(context, 'verify')];
}

/** Keys are durable on every node before any of them is used. */
function storeStep(context: ChangeContext, node: ManagedNode): Step {
  const { change } = context;
  const copy = context.copyOn(node);
  const holds = (record: JournalRecord | undefined) =>
    record?.id === change.id &&
    record.kind === changeKind &&
    JSON.stringify((record.change as EncryptionChange).configs) === JSON.stringify(change.configs);
  return {
    name: `store/${node.name}`,
    title: `${node.name} keeps a copy of the journal and of its keys`,
    seconds: 1,
    done: async (signal) => {
      const [record, ring] = await Promise.all([copy.read(signal), ringOn(node, signal)]);
      return holds(record) && (ring?.epoch ?? 0) >= change.epoch;
    },
    async run(_report, signal) {
      const record = await context.journal.read(signal);
      if (record === undefined) throw new Fault('storage-failed', 'the journal of this change is gone while it runs');
      await copy.write(record, signal);
      const ring = await context.keys.read(signal);
      await context.keys.write({ ...ring, epoch: Math.max(ring.epoch, change.epoch) }, signal);
    },
    // The first steps are undone last: by then every node was given back what it had.
    undo: (_report, signal) => untilRunsAsBefore(context, node, signal),
  };
}

function archiveStep(context: ChangeContext): Step {
  const { change, keys } = context;
  const known = async (signal: AbortSignal) => {
    const ring = await keys.read(signal);
    return { ring, wanted: await keys.archived(change, ring, signal) };
  };
  return {
    name: 'archive',
    title: 'keys that are no longer used are kept, sealed, for the snapshots that need them',
    seconds: 1,
    async done(signal) {
      const { ring, wanted } = await known(signal);
      const left = await Promise.all(context.nodes.map((node) => ownFiles(change, node, signal)));
      return (
        left.every((paths) => paths.length === 0) &&
        (await keys.everywhere(ring, signal)) &&
        JSON.stringify(ring.keys.map(({ fingerprint, retired }) => [fingerprint, retired])) ===
          JSON.stringify(wanted.keys.map(({ fingerprint, retired }) => [fingerprint, retired]))
      );
    },
    async run(_report, signal) {
      await keys.write((await known(signal)).wanted, signal);
      // Only now: what is removed holds the retired keys in clear.
      for (const node of context.nodes) await removeOwnFiles(change, node, signal);
    },
  };
}

/** One node after the other starts without any configuration; what it reads then was proved to be in clear. */
function removeStep(context: ChangeContext, node: ManagedNode): Step {
  return {
    name: `remove/${node.name}`,
    title: `kube-apiserver on ${node.name} starts without an encryption configuration`,
    seconds: 20,
    done: async (signal) => (await viewOf(node, signal)).configPath === undefined,
    async run(_report, signal) {
      const view = await viewOf(node, signal);
      const text = withoutEncryption(view.text, { path: `${node.manifestPath} on ${node.name}` });
      await restartWith(node, view, { text, hash: undefined, label: removedLabel(context.change) }, context.waits, signal);
      if (view.configPath !== undefined && posix.dirname(view.configPath) === node.configFolder)
        await node.files.remove(view.configPath, signal);
      await removeOwnFiles(context.change, node, signal);
    },
  };
}
