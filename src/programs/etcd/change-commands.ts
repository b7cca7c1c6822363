// `casemate etcd enable`, `rotate-key`, `disable`, `resume` and `abort`: looks at all, asks, writes down, and takes the plan through.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { Ending } from '../../cli/ending.ts';
import type { FlagValues } from '../../cli/flags.ts';
import { systemRandom } from '../../crypto/random.ts';
import { acceptEncryptionConfig } from '../../etcd/config/accept.ts';
import type { EncryptionConfig, KeyProvider, KmsProvider } from '../../etcd/config/encryption-config.ts';
import { changeFor, lookAtAll, withNode } from '../../etcd/manager/begin.ts';
import { changeIn, changeKind, type EncryptionChange } from '../../etcd/manager/change.ts';
import { type KmsKeyFound, observe } from '../../etcd/manager/change-context.ts';
import { beginsAnew, mostBeginnings } from '../../etcd/manager/fallen.ts';
import { takeLock } from '../../etcd/manager/lock.ts';
import { viewOf } from '../../etcd/manager/managed-node.ts';
import { planOf } from '../../etcd/manager/plan.ts';
import { changeUnderWay, nodeJournal } from '../../etcd/manager/state-files.ts';
import type { Wish } from '../../etcd/manager/target.ts';
import { changeRefusal } from '../../etcd/nodes/layout.ts';
import type { JournalRecord } from '../../journal/journal.ts';
import type { Step } from '../../journal/plan.ts';
import { abort as abortPlan, resume as resumePlan } from '../../journal/runner.ts';
import { type Lease, leases } from '../../kube/kinds.ts';
import { type OpenCluster, openCluster } from './cluster.ts';
import { confirmed } from './confirm.ts';
import { contextOf, keyRingFiles, runOptions, snapshotStep } from './context.ts';
import { showEnd } from './end.ts';
import type { changeFlags, clusterFlags, disableFlags, enableFlags, runFlags, writerFlags } from './flags.ts';
import { formatOf, planText, planValue, type Shown, shownAs } from './show.ts';
import { openState, type State } from './state.ts';

type Run = FlagValues<typeof clusterFlags & typeof runFlags>;
export type Change = Run &
  FlagValues<typeof changeFlags> &
  Partial<FlagValues<typeof writerFlags & typeof enableFlags & typeof disableFlags>>;

/** Throws Fault: `usage` where there is nothing to do, or a change is under way; with `frozen` in its fields when `resume` can go on. */
export async function begin(kind: Wish['kind'], flags: Change, signal: AbortSignal): Promise<void> {
  const shown = shownAs(formatOf(flags.format));
  await withAll(flags, flags['dry-run'] ? 'reads' : 'changes', signal, async (cluster, state) => {
    await refuseUnderWay(cluster, state, signal);
    const { change, warnings } = await makeChange(kind, flags, cluster, state, signal);
    const snapshot = change.withoutSnapshot === true ? undefined : snapshotStep(cluster, state, change);
    for (const warning of warnings) shown.note(`Note: ${warning}`);
    const plan = planOf(contextOf({ cluster, state, change, record: undefined, waiting: flags }), snapshot);
    if (flags['dry-run']) return shown.result(planValue(plan, change), () => planText(plan, change));
    if (!flags.yes) await confirmed(`${planText(plan, change)}\n\nGo on?`, signal);
    await locked(cluster, state, shown, signal, async (both) => {
      // Whoever held the lock until now may have left or ended a change that was not seen above.
      await refuseUnderWay(cluster, state, both);
      if ((await keyRingFiles(cluster, state).read(both)).epoch >= change.epoch)
        throw new Fault('usage', 'another manager has changed this cluster at this very moment: begin anew');
      await toItsEnd({ cluster, state, change, record: undefined, waiting: flags }, snapshot, shown, both);
    });
  });
}

export async function resume(flags: Run, signal: AbortSignal): Promise<void> {
  const shown = shownAs(formatOf(flags.format));
  await withAll(flags, 'changes', signal, async (cluster, state) => {
    await locked(cluster, state, shown, signal, async (both) => {
      const record = await recordOf(cluster, state, both);
      await settleOwn(record, state, both);
      if (record === undefined) return endLeft(cluster, state, shown, both);
      if (record.state === 'aborting') throw new Fault('usage', 'this change is being taken back: "casemate etcd abort" goes on with that');
      await state.journal.write(record, both);
      const change = await takenUp(changeIn(record.change), cluster, flags, both);
      await toItsEnd({ cluster, state, change, record, waiting: flags }, snapshotLeft(record, cluster, state, change), shown, both);
    });
  });
}

/** A node that comes back as it was earlier has the steps begun anew. */
async function toItsEnd(parts: Parameters<typeof contextOf>[0], snapshot: Step | undefined, shown: Shown, signal: AbortSignal) {
  const { cluster, state, change } = parts;
  const options = { ...runOptions(state, change), report: shown.report };
  const kmsKeys: KmsKeyFound[] = [];
  for (let beginning = 1; ; beginning++) {
    // What was rewritten before such a node came does not count, so only the first beginning knows of a cursor.
    const context = contextOf({
      ...parts,
      ...(beginning === 1 ? {} : { record: undefined }),
      onKmsKeys: (found) => kmsKeys.push(...found),
    });
    try {
      const steps = await resumePlan(planOf(context, snapshot), options, signal);
      await closeCopies(cluster, state, signal);
      return showEnd(shown, { change, archivePath: state.archivePath, steps, kmsKeys });
    } catch (thrown) {
      if (!beginsAnew(thrown) || beginning === mostBeginnings) throw thrown;
      shown.note(`Note: ${thrown.message}`);
    }
  }
}

/** It shows what was there before anything was changed: where a node has a copy of the journal, it was taken or not wanted. */
function snapshotLeft(record: JournalRecord, cluster: OpenCluster, state: State, change: EncryptionChange): Step | undefined {
  const nothingElse = record.step === undefined || record.step === 'snapshot';
  return nothingElse && change.withoutSnapshot !== true ? snapshotStep(cluster, state, change) : undefined;
}

export async function abort(flags: Run, signal: AbortSignal): Promise<void> {
  const shown = shownAs(formatOf(flags.format));
  await withAll(flags, 'changes', signal, async (cluster, state) => {
    await locked(cluster, state, shown, signal, async (both) => {
      const record = await recordOf(cluster, state, both);
      await settleOwn(record, state, both);
      if (record === undefined) return endLeft(cluster, state, shown, both);
      const change = await takenUp(changeIn(record.change), cluster, flags, both);
      // A step of a node that is gone is none of the plan; these two come before everything that cannot be taken back.
      const gone = change.evicted.some((name) => [`store/${name}`, `read/${name}`].includes(record.step ?? ''));
      await state.journal.write(gone ? { ...record, step: undefined } : record, both);
      const snapshot = snapshotLeft(record, cluster, state, change);
      const plan = planOf(contextOf({ cluster, state, change, record, waiting: flags }), snapshot);
      await abortPlan(plan, { ...runOptions(state, change), report: shown.report }, both);
      await closeCopies(cluster, state, both);
      shown.result({ id: change.id, aborted: true }, () => 'All nodes have what they had before.');
    });
  });
}

async function withAll(
  flags: Run,
  purpose: 'reads' | 'changes',
  signal: AbortSignal,
  work: (cluster: OpenCluster, state: State) => Promise<void>,
): Promise<void> {
  const state = await openState(flags.state ?? '', purpose);
  const own = async () => {
    const record = await state.journal.read(signal);
    return record !== undefined && isOpen(record) ? record : undefined;
  };
  try {
    // Who is gone for good is said once in a change.
    const evicted = (await own())?.change as Partial<EncryptionChange> | undefined;
    const evict = [...new Set([...flags['evict-node'], ...(evicted?.evicted ?? [])])];
    const cluster = await openCluster({ ...flags, 'evict-node': evict }, signal);
    try {
      await work(cluster, state);
    } finally {
      await cluster.close();
    }
  } catch (thrown) {
    const left = purpose === 'changes' ? await own().catch(() => undefined) : undefined;
    throw left === undefined ? thrown : resumable(thrown, left);
  } finally {
    state.close();
  }
}

/** While a change is open, whatever ended the command but a refusal is something after which it can go on. */
function resumable(thrown: unknown, { state }: JournalRecord): unknown {
  if (!(thrown instanceof Fault) || thrown.code === 'usage' || thrown.fields?.['frozen'] === true) return thrown;
  const { code, message, fields } = thrown;
  const verb = state === 'aborting' ? 'abort' : 'resume';
  const advice = message.includes(`casemate etcd ${verb}`) ? '' : `. The change stays open: "casemate etcd ${verb}" goes on with it`;
  return new Fault(code, `${message}${advice}`, { cause: thrown, fields: { ...fields, frozen: true } });
}

async function refuseUnderWay(cluster: OpenCluster, state: State, signal: AbortSignal): Promise<void> {
  const underWay = await recordOf(cluster, state, signal);
  if (underWay !== undefined)
    throw new Fault(
      'usage',
      `a change is under way (${underWay.id}): "casemate etcd resume" goes on with it, "casemate etcd abort" takes it back where that is possible`,
    );
}

/** One that was killed when all was done but the closing of the copies, which hold keys. */
async function endLeft(cluster: OpenCluster, state: State, shown: Shown, signal: AbortSignal): Promise<void> {
  const own = await state.journal.read(signal);
  const copies = await Promise.all(cluster.nodes.map((node) => nodeJournal(node).read(signal)));
  const holdsKeys = (record: JournalRecord | undefined) =>
    record !== undefined && record.id === own?.id && Object.keys((record.change as EncryptionChange).configs).length > 0;
  if (own === undefined || isOpen(own) || ![own, ...copies].some(holdsKeys))
    throw new Fault('usage', 'no change is under way, here or on the nodes');
  await closeCopies(cluster, state, signal);
  shown.result({ id: own.id, state: own.state }, () => `The change ${own.id} was at its end; now it is closed on all nodes.`);
}

async function locked(
  cluster: OpenCluster,
  state: State,
  shown: Shown,
  signal: AbortSignal,
  work: (both: AbortSignal) => Promise<void>,
): Promise<void> {
  const lock = await takeLock({ client: cluster.client, holder: state.holder, clock: systemClock, note: shown.note }, signal);
  try {
    await work(AbortSignal.any([signal, lock.lost]));
  } catch (thrown) {
    if (lock.lost.aborted) throw lock.lost.reason;
    throw thrown;
  } finally {
    // It runs out by itself, and whoever works in this folder takes it back at once.
    await lock.release().catch(() => shown.note('the lock could not be given back; it runs out by itself'));
  }
}

/** By this machine's journal and by the copies: whoever was away, and wherever it was begun. */
async function recordOf(cluster: OpenCluster, state: State, signal: AbortSignal): Promise<JournalRecord | undefined> {
  const [own, ...copies] = await recordsOf(cluster, state, signal);
  const found = changeUnderWay([own, ...copies]);
  // The own one is newer: it has the cursor.
  return found !== undefined && own?.id === found.id ? own : found;
}

/** That of this machine, and the copies. */
async function recordsOf({ nodes }: OpenCluster, state: State, signal: AbortSignal): Promise<readonly (JournalRecord | undefined)[]> {
  const all = await Promise.all([state.journal, ...nodes.map(nodeJournal)].map((journal) => journal.read(signal)));
  return all.map((record) => (record?.kind === changeKind ? record : undefined));
}

/** What another machine has taken to its end is over here as well, and its keys need not lie here. */
async function settleOwn(record: JournalRecord | undefined, state: State, signal: AbortSignal): Promise<void> {
  const own = await state.journal.read(signal);
  if (own === undefined || !isOpen(own) || own.id === record?.id) return;
  await state.journal.write({ ...own, state: 'aborted', change: withoutKeys(own.change as EncryptionChange) }, signal);
}

function isOpen({ kind, state }: JournalRecord): boolean {
  return kind === changeKind && (state === 'running' || state === 'aborting');
}

/** Keys stand in the configuration and, sealed, in the list of keys: a journal that is closed needs none. */
function withoutKeys(change: EncryptionChange): unknown {
  return { ...change, configs: {}, nodes: {} };
}

/** The end is written down on the nodes as well: otherwise their copies would say that the change is under way. */
async function closeCopies({ nodes }: OpenCluster, state: State, signal: AbortSignal): Promise<void> {
  const record = await state.journal.read(signal);
  if (record === undefined) return;
  const closed = { ...record, change: withoutKeys(record.change as EncryptionChange) };
  await Promise.all(nodes.map((node) => nodeJournal(node).write(closed, signal)));
  await state.journal.write(closed, signal);
}

/** Nodes that joined meanwhile are taken in. */
async function takenUp(change: EncryptionChange, cluster: OpenCluster, flags: Run, signal: AbortSignal): Promise<EncryptionChange> {
  await withoutLeases(cluster, flags, signal);
  let taken: EncryptionChange = { ...change, evicted: [...new Set([...change.evicted, ...flags['evict-node']])] };
  for (const node of cluster.nodes) taken = withNode(taken, node.name, await viewOf(node, signal));
  return taken;
}

/** Milliseconds: a kube-apiserver renews its identity Lease every ten seconds (k8s.io/kubernetes pkg/controlplane/apiserver/server.go). */
const deadAfter = 15_000;

/** Throws Fault `usage` for one that lives: its Lease would be back at once, and it would seal with what the others forget. */
async function refuseLiving({ client }: OpenCluster, host: string, seen: Lease, signal: AbortSignal): Promise<void> {
  const ref = { namespace: 'kube-system', name: seen.metadata.name ?? '' };
  for (const end = systemClock.monotonic() + deadAfter; systemClock.monotonic() < end; await pause(1_000, undefined, { signal })) {
    const now = await client.get(leases, ref, { signal });
    if (now !== undefined && now.spec?.renewTime !== seen.spec?.renewTime)
      throw new Fault('usage', `kube-apiserver on ${host} lives, so it is not gone for good: end it there before it is evicted`);
  }
}

/** Evicted nodes lose their identity Lease. */
async function withoutLeases(cluster: OpenCluster, { 'evict-node': evict }: Run, signal: AbortSignal): Promise<void> {
  for (const host of evict) {
    const { items } = await cluster.client.list(
      leases,
      { namespace: 'kube-system', labels: `apiserver.kubernetes.io/identity=kube-apiserver,kubernetes.io/hostname=${host}` },
      { signal },
    );
    await Promise.all(items.map((lease) => refuseLiving(cluster, host, lease, signal)));
    for (const { metadata } of items)
      await cluster.client.remove(leases, { namespace: 'kube-system', name: metadata.name ?? '' }, { signal });
  }
}

async function makeChange(kind: Wish['kind'], flags: Change, cluster: OpenCluster, state: State, signal: AbortSignal) {
  await refuseForeign(cluster, signal);
  if (kind === 'enable' && cluster.fleet.encryption?.enabled === false)
    throw new Fault(
      'usage',
      `${flags.config ?? 'cluster.yml'} says enabled: false under secrets_encryption_config: set it to true, or run "casemate etcd disable"`,
    );
  await withoutLeases(cluster, flags, signal);
  const findings = await lookAtAll(cluster.nodes, await observe(cluster, signal), signal);
  await refuseSickEtcd(cluster, signal);
  const list = await keyRingFiles(cluster, state).read(signal);
  // One that was taken back early has raised the number of its journal alone.
  const epochs = (await recordsOf(cluster, state, signal)).map((record) => (record?.change as EncryptionChange | undefined)?.epoch ?? 0);
  const ring = { ...list, epoch: Math.max(list.epoch, ...epochs) };
  const minor = await minorVersion(cluster, signal);
  const byRestart = flags.restart;
  const wish: Wish = {
    kind,
    writer: writerOf(kind, flags, cluster),
    resources: (flags.resources ?? 'secrets').split(','),
    keepIdentity: flags['keep-identity'] ?? false,
    custom: customConfig(kind, flags, cluster, minor),
  };
  const options = { removeConfiguration: flags['remove-configuration'] ?? false, withoutSnapshot: flags['no-snapshot'] };
  return changeFor({ wish, findings, ring, byRestart, ...options, random: systemRandom, kubernetesMinor: minor });
}

/** A distribution that writes the flags or the file itself would write over what is written here. */
async function refuseForeign({ layout, nodes }: OpenCluster, signal: AbortSignal): Promise<void> {
  for (const node of nodes) {
    const { manifest } = await viewOf(node, signal);
    const refusal = changeRefusal(layout, { flags: manifest, staticPod: true });
    if (refusal !== undefined) throw new Fault('usage', refusal);
  }
}

async function refuseSickEtcd({ etcd }: OpenCluster, signal: AbortSignal): Promise<void> {
  const alarms = await etcd.alarms(signal);
  if (alarms.length > 0)
    throw new Fault(
      'unavailable',
      `etcd has raised ${alarms.map(({ alarm }) => alarm).join(', ')}: mend that before everything is written anew`,
    );
}

async function minorVersion({ client }: OpenCluster, signal: AbortSignal): Promise<number | undefined> {
  const { text } = await client.raw('/version', { signal });
  const found = /"minor":\s*"(\d+)/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

const keyTypes: readonly string[] = ['aescbc', 'aesgcm', 'secretbox'] satisfies readonly KeyProvider['type'][];

function writerOf(kind: Wish['kind'], flags: Change, { fleet }: OpenCluster): KeyProvider['type'] | KmsProvider | undefined {
  const { provider, 'kms-name': name = 'casemate', 'kms-endpoint': endpoint, 'kms-timeout': timeout } = flags;
  // What RKE gives whoever asks for nothing.
  if (provider === undefined) return kind === 'enable' && fleet.encryption !== undefined ? 'aescbc' : undefined;
  if (keyTypes.includes(provider)) return provider as KeyProvider['type'];
  const apiVersion = ({ 'kms-v1': 'v1', 'kms-v2': 'v2' } as const)[provider];
  if (apiVersion === undefined)
    throw new Ending(`there is no provider ${JSON.stringify(provider)}; use ${[...keyTypes, 'kms-v2', 'kms-v1'].join(', ')}`);
  if (endpoint === undefined) throw new Ending('name the socket of the KMS plugin with -kms-endpoint=unix:///PATH');
  return { type: 'kms', apiVersion, name, endpoint, timeout };
}

function customConfig(
  kind: Wish['kind'],
  flags: Change,
  { fleet }: OpenCluster,
  kubernetesMinor: number | undefined,
): EncryptionConfig | undefined {
  const path = flags['custom-config'];
  if (path !== undefined && kind === 'disable')
    throw new Ending('what shall stand at the end of "disable" is no encryption: leave -custom-config out');
  const asked = kind === 'enable' && flags.provider === undefined ? fleet.encryption?.customConfig : undefined;
  const text = path === undefined ? asked : fileText(path);
  if (text === undefined) return undefined;
  const from = path ?? flags.config ?? 'cluster.yml';
  return acceptEncryptionConfig(text, { path: from, automaticReload: !flags.restart, kubernetesMinor, kmsV1Enabled: true }).config;
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new Fault('usage', `${path} cannot be read (${(thrown as NodeJS.ErrnoException).code})`, { cause: thrown });
  }
}
