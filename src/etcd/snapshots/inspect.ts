// Tells offline which keys a snapshot of etcd needs, and proves whether a configuration and an archive of old keys open it.

import type { EncryptionConfig } from '../config/encryption-config.ts';
import type { CountRow } from '../verify/count.ts';
import { type ObjectKey, objectOfKey } from '../verify/resource-keys.ts';
import { openPrefix, type StoredForm } from '../verify/stored-form.ts';
import { type HeldKey, type KnownKeys, knownKeys, type NamedKey } from './known-keys.ts';
import { opensWith } from './open-value.ts';
import { openSnapshot, type Snapshot, type SnapshotEntry } from './snapshot-file.ts';

/**
 * `opens`: proved with an object, or it lies in clear and may. `missing`: nothing of that name is at hand for the resource; of
 * identity, that objects lie in clear and the configuration does not allow it. `wrong-key`: a key of that name is at hand, and is another one.
 * `damaged`: the key opens some objects and not others. `needs-plugin`: the KMS provider is in the configuration, and only its
 * plugin can tell. `unreadable`: no provider of kube-apiserver writes like that. `unchecked`: nothing was given to open it with.
 */
export type Verdict = 'opens' | 'missing' | 'wrong-key' | 'damaged' | 'needs-plugin' | 'unreadable' | 'unchecked';

export interface InspectedRow extends CountRow {
  readonly verdict: Verdict;
  /** Objects that were tried, and those of them that opened. */
  readonly tried: number;
  readonly opened: number;
}

/** A key, with all that needs it. Of identity there is one as well, when it matters: when it is missing. */
export interface NeededKey {
  readonly type: StoredForm['provider'];
  readonly name: string;
  /** KMS v2 alone. */
  readonly keyId?: string | undefined;
  readonly objects: number;
  readonly resources: readonly string[];
  /** The worst of its resources'. */
  readonly verdict: Verdict;
  /** Of the key that opened; a key that did not is not told apart. */
  readonly fingerprint?: string | undefined;
  readonly source?: HeldKey['source'] | undefined;
}

export interface ClosedObject extends ObjectKey {
  readonly form: StoredForm;
  readonly verdict: Verdict;
}

export interface Inspection {
  readonly snapshot: Pick<Snapshot, 'path' | 'kind' | 'bytes' | 'sha256' | 'revision' | 'consistentIndex' | 'etcdVersion'>;
  /** Beginning of all keys of Kubernetes: `/registry`. */
  readonly root: string;
  /** By resource, provider, key and key id. */
  readonly rows: readonly InspectedRow[];
  readonly needs: readonly NeededKey[];
  /** What kube-apiserver could not read. `count` counts all objects of a row of which none opened; `objects` are the first of them. */
  readonly closed: { readonly count: number; readonly objects: readonly ClosedObject[] };
  /** Keys that are none of Kubernetes. */
  readonly outside: number;
}

export interface InspectOptions {
  readonly configuration?: EncryptionConfig | undefined;
  /** Keys that are in no configuration any more: they open whatever resource. */
  readonly archive?: readonly NamedKey[] | undefined;
  /** kube-apiserver's `--etcd-prefix`. By default it is found by the namespace kube-system, and is `/registry` where there is none. */
  readonly root?: string | undefined;
  /** Opens every object, not one for each resource and key. */
  readonly every?: boolean | undefined;
  /** Objects to name; 1,000 by default. */
  readonly mostNamed?: number | undefined;
  /** What messages call the file. */
  readonly called?: string | undefined;
  readonly signal: AbortSignal;
}

/** Throws as `openSnapshot`. */
export async function inspectSnapshot(path: string, options: InspectOptions): Promise<Inspection> {
  const { configuration, archive, every = false, mostNamed = 1_000, signal } = options;
  const snapshot = await openSnapshot(path, signal, options.called);
  try {
    const root = options.root ?? (await rootOf(snapshot, signal));
    const keys = knownKeys(configuration, archive ?? []);
    const tally = createTally(keys, { root, every, mostNamed, isGiven: configuration !== undefined || archive !== undefined });
    for await (const entry of snapshot.liveEntries(signal)) tally.add(entry);
    const { kind, bytes, sha256, revision, consistentIndex, etcdVersion } = snapshot;
    return { snapshot: { path, kind, bytes, sha256, revision, consistentIndex, etcdVersion }, root, ...tally.result() };
  } finally {
    snapshot.close();
  }
}

/** Every cluster has this namespace from its first minute on. */
const knownNamespace = '/namespaces/kube-system';

async function rootOf(snapshot: Snapshot, signal: AbortSignal): Promise<string> {
  for await (const { key } of snapshot.liveEntries(signal)) {
    const text = key.toString();
    if (text.endsWith(knownNamespace) && text.startsWith('/')) return text.slice(0, -knownNamespace.length) || '/';
  }
  return '/registry';
}

interface TallyRow {
  readonly resource: string;
  readonly form: StoredForm;
  readonly candidates: readonly HeldKey[];
  /** undefined while objects are still tried. */
  readonly settled: Verdict | undefined;
  objects: number;
  bytes: number;
  tried: number;
  opened: number;
  opener: HeldKey | undefined;
}

/** A damaged object comes first now and then: so many are tried before a key is called another one. */
const tries = 16;

interface TallyOptions {
  readonly root: string;
  readonly every: boolean;
  readonly mostNamed: number;
  readonly isGiven: boolean;
}

function createTally(keys: KnownKeys, { root, every, mostNamed, isGiven }: TallyOptions) {
  const rows = new Map<string, TallyRow>();
  const closed: ClosedObject[] = [];
  const names = keys.all.map(({ name }) => name);
  let outside = 0;
  const rowOf = (resource: string, form: StoredForm): TallyRow => {
    // A key id comes last; nothing before it holds a NUL.
    const place = `${resource}\0${form.provider}\0${form.key}\0${form.keyId ?? ''}`;
    const known = rows.get(place);
    if (known !== undefined) return known;
    const row = newRow(keys, resource, form, isGiven);
    rows.set(place, row);
    return row;
  };
  return {
    add({ key, value }: SnapshotEntry): void {
      const object = objectAt(key.toString(), root);
      if (object === undefined) {
        outside += 1;
        return;
      }
      const { form, sealed } = openPrefix(value, names);
      const row = rowOf(object.resource, form);
      row.objects += 1;
      row.bytes += value.length;
      const isTried = row.settled === undefined && (every || (row.opened === 0 && row.tried < tries));
      const stays = isTried ? !tryKeys(row, sealed, key) : row.opened === 0 && isClosed(verdictOf(row));
      if (stays && closed.length < mostNamed) closed.push({ ...object, form, verdict: verdictOf(row) });
    },
    result(): Pick<Inspection, 'rows' | 'needs' | 'closed' | 'outside'> {
      const sorted = [...rows.values()].map((row) => ({ row, verdict: verdictOf(row) }));
      sorted.sort((one, other) => compare(placeOf(one.row), placeOf(other.row)));
      let count = 0;
      for (const { row, verdict } of sorted) if (isClosed(verdict)) count += row.opened === 0 ? row.objects : row.tried - row.opened;
      return {
        rows: sorted.map(({ row, verdict }) => inspectedRow(row, verdict)),
        needs: needsOf(sorted),
        closed: { count, objects: closed.map((object) => ({ ...object, verdict: verdictOf(rowOf(object.resource, object.form)) })) },
        outside,
      };
    },
  };
}

/**
 * What kube-apiserver keeps beside its resources (`ranges`, `masterleases`) is sealed as well when a configuration names
 * everything: it is counted under the first word of its path.
 */
function objectAt(key: string, root: string): ObjectKey | undefined {
  const object = objectOfKey(key, root);
  if (object !== undefined) return object;
  const base = root === '/' ? '/' : `${root.replace(/\/+$/, '')}/`;
  if (!key.startsWith(base)) return undefined;
  const [resource = '', ...rest] = key.slice(base.length).split('/');
  return rest.length === 0 ? undefined : { resource, name: rest.join('/') };
}

function newRow(keys: KnownKeys, resource: string, form: StoredForm, isGiven: boolean): TallyRow {
  const candidates = isOwnKey(form.provider) ? keys.keysFor(resource, form.provider, form.key) : [];
  return {
    resource,
    form,
    candidates,
    settled: candidates.length > 0 ? undefined : settledVerdict(keys, resource, form, isGiven),
    objects: 0,
    bytes: 0,
    tried: 0,
    opened: 0,
    opener: undefined,
  };
}

/** Where there is nothing to try. */
function settledVerdict(keys: KnownKeys, resource: string, { provider, key }: StoredForm, isGiven: boolean): Verdict {
  switch (provider) {
    case 'identity':
      return keys.takesPlaintext(resource) ? 'opens' : 'missing';
    case 'kms-v1':
    case 'kms-v2':
      return keys.hasPlugin(resource, provider, key) ? 'needs-plugin' : 'missing';
    case 'unknown':
      return 'unreadable';
    default:
      return isGiven ? 'missing' : 'unchecked';
  }
}

function isOwnKey(provider: StoredForm['provider']): provider is HeldKey['type'] {
  return provider === 'aescbc' || provider === 'aesgcm' || provider === 'secretbox';
}

function tryKeys(row: TallyRow, sealed: Buffer, etcdKey: Buffer): boolean {
  row.tried += 1;
  const opener = row.candidates.find(({ type, key }) => opensWith(type, key, sealed, etcdKey));
  if (opener === undefined) return false;
  row.opened += 1;
  row.opener ??= opener;
  return true;
}

function verdictOf({ settled, tried, opened }: TallyRow): Verdict {
  if (settled !== undefined) return settled;
  if (opened === 0) return 'wrong-key';
  return opened === tried ? 'opens' : 'damaged';
}

/** Whether kube-apiserver cannot read it. */
export function isClosed(verdict: Verdict): boolean {
  return verdict === 'missing' || verdict === 'wrong-key' || verdict === 'damaged' || verdict === 'unreadable';
}

function inspectedRow({ resource, form, objects, bytes, tried, opened }: TallyRow, verdict: Verdict): InspectedRow {
  return { resource, ...form, objects, bytes, verdict, tried, opened };
}

/** The later, the worse. */
const ranks: readonly Verdict[] = ['opens', 'needs-plugin', 'unchecked', 'damaged', 'wrong-key', 'missing', 'unreadable'];

function needsOf(sorted: readonly { readonly row: TallyRow; readonly verdict: Verdict }[]): readonly NeededKey[] {
  const needs = new Map<string, NeededKey>();
  for (const { row, verdict } of sorted) {
    const { form, opener } = row;
    if (form.provider === 'identity' && verdict === 'opens') continue;
    const place = `${form.provider}\0${form.key}\0${form.keyId ?? ''}`;
    const known = needs.get(place);
    const worst = known !== undefined && ranks.indexOf(known.verdict) > ranks.indexOf(verdict) ? known.verdict : verdict;
    needs.set(place, {
      type: form.provider,
      name: form.key,
      ...(form.keyId === undefined ? {} : { keyId: form.keyId }),
      objects: (known?.objects ?? 0) + row.objects,
      resources: [...(known?.resources ?? []), row.resource],
      verdict: worst,
      fingerprint: known?.fingerprint ?? opener?.fingerprint,
      // Whoever restores has to look for it when it comes from the archive for one resource at least.
      source: known?.source === 'archive' ? 'archive' : (opener?.source ?? known?.source),
    });
  }
  return [...needs.values()].sort((one, other) =>
    compare(`${one.type}\0${one.name}\0${one.keyId}`, `${other.type}\0${other.name}\0${other.keyId}`),
  );
}

function placeOf({ resource, form }: TallyRow): string {
  return `${resource}\0${form.provider}\0${form.key}\0${form.keyId ?? ''}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
