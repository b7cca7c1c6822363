// Puts together what a change works with: an open cluster, this machine's folder, the copies on the nodes, the lock.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import type { EncryptionConfig } from '../../etcd/config/encryption-config.ts';
import { readEncryptionConfig } from '../../etcd/config/read-config.ts';
import { changeKind, type EncryptionChange } from '../../etcd/manager/change.ts';
import type { ChangeContext, KeyRingFiles, KmsKeyFound } from '../../etcd/manager/change-context.ts';
import { withKeys, withRetired } from '../../etcd/manager/key-ring.ts';
import { newestRing, nodeJournal, putRing, ringOn, textOfRing } from '../../etcd/manager/state-files.ts';
import { saveSnapshot } from '../../etcd/snapshots/save.ts';
import { manifestPath } from '../../etcd/snapshots/snapshot-manifest.ts';
import type { JournalRecord } from '../../journal/journal.ts';
import type { Step } from '../../journal/plan.ts';
import { marksIn, type RunOptions } from '../../journal/runner.ts';
import { namespaces } from '../../kube/kinds.ts';
import type { OpenCluster } from './cluster.ts';
import type { State } from './state.ts';

export interface Waiting {
  /** Seconds. */
  readonly 'wait-reload': number | undefined;
  readonly 'wait-restart': number | undefined;
}

export function contextOf({
  cluster,
  state,
  change,
  record,
  waiting,
  onKmsKeys,
}: {
  readonly cluster: OpenCluster;
  readonly state: State;
  readonly change: EncryptionChange;
  /** What the journal held when the change was taken up. */
  readonly record: JournalRecord | undefined;
  readonly waiting: Waiting;
  readonly onKmsKeys?: ((keys: readonly KmsKeyFound[]) => void) | undefined;
}): ChangeContext {
  const { nodes, etcd, root } = cluster;
  return {
    ...{ change, nodes, etcd, root },
    waits: { clock: systemClock, reload: 1_000 * (waiting['wait-reload'] ?? 150), restart: 1_000 * (waiting['wait-restart'] ?? 120) },
    marks: marksIn(runOptions(state, change), change.id, record),
    copyOn: nodeJournal,
    journal: state.journal,
    keys: keyRingFiles(cluster, state),
    clock: systemClock,
    takenUpAt: record?.step,
    onKmsKeys: onKmsKeys ?? (() => undefined),
  };
}

export function runOptions({ journal }: State, change: EncryptionChange): Omit<RunOptions, 'report'> {
  return { journal, kind: changeKind, change, now: systemClock.now };
}

export function keyRingFiles({ nodes }: Pick<OpenCluster, 'nodes'>, state: State): KeyRingFiles {
  return {
    async read(signal) {
      return newestRing([await state.readRing(), ...(await Promise.all(nodes.map((node) => ringOn(node, signal))))]);
    },
    async write(ring, signal) {
      await state.writeRing(ring);
      await Promise.all(nodes.map((node) => putRing(node, ring, signal)));
    },
    async everywhere(ring, signal) {
      const text = textOfRing(ring);
      const copies = [await state.readRing(), ...(await Promise.all(nodes.map((node) => ringOn(node, signal))))];
      return copies.every((copy) => copy !== undefined && textOfRing(copy) === text);
    },
    async archived(change, ring, signal) {
      const at = new Date(systemClock.now()).toISOString();
      const [before, after] = [configOf(change.configs.write), configOf(change.configs.final)];
      const archive = await state.archive();
      try {
        return await withRetired(
          withKeys({ ...ring, epoch: Math.max(ring.epoch, change.epoch) }, after, at),
          { before, after },
          archive,
          at,
          signal,
        );
      } finally {
        archive.close();
      }
    },
  };
}

function configOf(text: string): EncryptionConfig {
  return readEncryptionConfig(text, { path: 'the configuration of the change' }).config;
}

/** The state of etcd before anything is changed, with the names of the keys that it needs. */
export function snapshotStep(cluster: OpenCluster, state: State, change: EncryptionChange): Step {
  const path = join(state.snapshots, `${change.id}-before.db`);
  const texts = Object.values(change.nodes).flatMap(({ config }) => (config === undefined ? [] : [config]));
  return {
    name: 'snapshot',
    title: `a snapshot of etcd lies at ${path}`,
    seconds: 5,
    done: async () => existsSync(manifestPath(path)),
    async run(report, signal) {
      mkdirSync(state.snapshots, { recursive: true, mode: 0o700 });
      // What an interrupted run has left under this change's own name.
      for (const name of readdirSync(state.snapshots))
        if (name.startsWith(`.${basename(path)}.`) || name === basename(path))
          rmSync(join(state.snapshots, name), { recursive: true, force: true });
      await saveSnapshot({
        ...{ source: cluster.etcd.snapshot(signal), path, configurations: texts.map(configOf), root: cluster.root, signal },
        cluster: await clusterUid(cluster, signal),
        now: systemClock.now,
        onProgress: (bytes) => report({ step: 'snapshot', note: 'bytes', done: bytes }),
      });
    },
  };
}

/** Stands for the cluster in manifests of snapshots. */
export async function clusterUid({ client }: Pick<OpenCluster, 'client'>, signal: AbortSignal): Promise<string | undefined> {
  return (await client.get(namespaces, { name: 'kube-system' }, { signal }))?.metadata.uid;
}
