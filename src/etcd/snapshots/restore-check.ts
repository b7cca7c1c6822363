// Before a snapshot is restored: refuses with the names of the keys that are missing, or says which of them come from the archive.

import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig } from '../config/encryption-config.ts';
import { type Inspection, inspectSnapshot, isClosed, type NeededKey } from './inspect.ts';
import type { NamedKey } from './known-keys.ts';
import { checkManifest, readManifest, type SnapshotManifest } from './snapshot-manifest.ts';

export interface RestoreOptions {
  /** That kube-apiserver will run with; undefined for one without encryption, which opens what lies in clear alone. */
  readonly configuration: EncryptionConfig | undefined;
  readonly archive?: readonly NamedKey[] | undefined;
  readonly root?: string | undefined;
  readonly signal: AbortSignal;
}

export interface RestoreVerdict {
  readonly inspection: Inspection;
  readonly manifest: SnapshotManifest | undefined;
  /** Keys that the configuration lacks and the archive has: they have to be added to it before the snapshot is restored. */
  readonly fromArchive: readonly NeededKey[];
  /** Keys of KMS that the plugins have to hold: only they can tell. */
  readonly ofPlugins: readonly NeededKey[];
}

/**
 * Opens every object. Throws Fault `usage` that names what is missing, `corrupted` for a damaged snapshot or a manifest that is of
 * another one, and as `inspectSnapshot`.
 */
export async function checkRestore(path: string, { configuration, archive, root, signal }: RestoreOptions): Promise<RestoreVerdict> {
  const manifest = readManifest(path);
  const inspection = await inspectSnapshot(path, {
    // An apiserver without a configuration opens nothing that is sealed, but takes what lies in clear.
    configuration: configuration ?? { resources: [] },
    archive,
    root: root ?? manifest?.root,
    every: true,
    signal,
  });
  if (manifest !== undefined) checkManifest(manifest, inspection);
  const { needs } = inspection;
  if (needs.some(({ verdict }) => isClosed(verdict))) throw refusal(path, inspection, manifest);
  return {
    inspection,
    manifest,
    fromArchive: needs.filter(({ source }) => source === 'archive'),
    ofPlugins: needs.filter(({ verdict }) => verdict === 'needs-plugin'),
  };
}

/** Enough for one screen. */
const mostListed = 12;

function refusal(path: string, { needs, closed }: Inspection, manifest: SnapshotManifest | undefined): Fault {
  const failing = needs.filter(({ verdict }) => isClosed(verdict));
  const listed = failing
    .slice(0, mostListed)
    .map((need) => `${nameOfNeed(need, manifest)} (${counted(need.objects)} of ${need.resources.join(', ')})`);
  if (failing.length > mostListed) listed.push(`${failing.length - mostListed} more`);
  return new Fault(
    'usage',
    `the snapshot ${path} would not be readable, ${counted(closed.count)} could not be opened: ${listed.join('; ')}; ` +
      'restore with the configuration of that time, or hand in the archive that holds these keys',
    {
      data: {
        missing: failing.map(({ type, name, keyId, verdict, objects, resources }) => ({ type, name, keyId, verdict, objects, resources })),
      },
    },
  );
}

/** `secretbox key k2 is missing (fingerprint 0a…)`. Also for tables of those who only ask. */
export function nameOfNeed(need: NeededKey, manifest?: SnapshotManifest): string {
  const { type, verdict } = need;
  const name = printable(need.name);
  switch (type) {
    case 'identity':
      return 'objects lie in clear, and the configuration has no provider identity for them';
    case 'unknown':
      return 'a provider that is not known sealed them';
    case 'kms-v1':
    case 'kms-v2': {
      const plugin = `${type === 'kms-v1' ? 'KMS v1' : 'KMS v2'} provider ${name}${need.keyId === undefined ? '' : ` with key id ${printable(need.keyId)}`}`;
      return verdict === 'missing' ? `${plugin} is missing` : plugin;
    }
    default:
      return `${type} key ${name} ${states[verdict] ?? ''}${fingerprintIn(need, manifest)}`.trimEnd();
  }
}

const states: Readonly<Partial<Record<NeededKey['verdict'], string>>> = {
  missing: 'is missing',
  'wrong-key': 'is another key than the one of that name at hand',
  damaged: 'opens not all of its objects, some are damaged or were sealed by another key of that name',
};

function fingerprintIn({ type, name }: NeededKey, manifest: SnapshotManifest | undefined): string {
  const known = manifest?.keys.find((key) => key.type === type && key.name === name && key.objects > 0)?.fingerprint;
  return known === undefined ? '' : `, fingerprint ${printable(known)}`;
}

/** Names come from the file: nothing in them reaches a terminal as more than a name. */
function printable(name: string): string {
  return /^[\w.:@/+=-]{1,256}$/.test(name) ? name : JSON.stringify(name.slice(0, 256)).replaceAll(/[^\x20-\x7e]/g, '?');
}

function counted(objects: number): string {
  return objects === 1 ? '1 object' : `${objects} objects`;
}
