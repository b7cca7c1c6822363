// `casemate etcd snapshot save`, `inspect` and `restore-check`.

import { existsSync, readFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { Ending } from '../../cli/ending.ts';
import type { FlagValues } from '../../cli/flags.ts';
import { table } from '../../cli/output/columns.ts';
import type { EncryptionConfig } from '../../etcd/config/encryption-config.ts';
import { readEncryptionConfig } from '../../etcd/config/read-config.ts';
import { renderEncryptionConfig } from '../../etcd/config/render.ts';
import { archivedKeys } from '../../etcd/manager/key-ring.ts';
import { viewOf } from '../../etcd/manager/managed-node.ts';
import { type Inspection, inspectSnapshot } from '../../etcd/snapshots/inspect.ts';
import type { NamedKey } from '../../etcd/snapshots/known-keys.ts';
import { checkRestore, nameOfNeed } from '../../etcd/snapshots/restore-check.ts';
import { restoreConfig } from '../../etcd/snapshots/restore-config.ts';
import { saveSnapshot } from '../../etcd/snapshots/save.ts';
import { replaceFile } from '../../journal/file-journal.ts';
import { clusterUid } from './context.ts';
import type { clusterFlags, restoreFlags, snapshotFileFlags } from './flags.ts';
import { withCluster } from './look-commands.ts';
import { formatOf, shownAs } from './show.ts';
import { openState } from './state.ts';

type FileFlags = FlagValues<typeof snapshotFileFlags>;
type RestoreFlags = FlagValues<typeof restoreFlags>;

export async function save(flags: FlagValues<typeof clusterFlags>, path: string, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  return withCluster(flags, signal, async (cluster) => {
    const views = await Promise.all(cluster.nodes.map((node) => viewOf(node, signal)));
    const configurations = views.flatMap(({ config, configPath }) =>
      config === undefined ? [] : [readEncryptionConfig(config, { path: configPath ?? '' }).config],
    );
    const saved = await saveSnapshot({
      ...{ source: cluster.etcd.snapshot(signal), path, configurations, root: cluster.root, signal },
      cluster: await clusterUid(cluster, signal),
      now: systemClock.now,
      onProgress: (bytes) => shown.report({ step: 'snapshot', note: 'bytes', done: bytes }),
    });
    shown.result({ path: saved.path, manifest: saved.manifest }, () =>
      [`Saved to ${saved.path}, with ${saved.manifestPath} beside it.`, '', needsText(saved.inspection)].join('\n'),
    );
    return 0;
  });
}

/** Resolves to 1 when the configuration that was given does not open all of it. */
export async function inspect(flags: FileFlags, path: string, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  const inspection = await inspectSnapshot(path, {
    configuration: configurationOf(flags),
    archive: await archiveOf(flags, signal),
    signal,
  });
  shown.result(inspectionValue(inspection), () => needsText(inspection));
  return flags.configuration !== undefined && inspection.closed.count > 0 ? 1 : 0;
}

/** Throws Fault `usage` with the names of the keys that are missing. */
export async function restoreCheck(flags: RestoreFlags, path: string, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  const [configuration, archive, written] = [configurationOf(flags), await archiveOf(flags, signal), flags['write-configuration']];
  const { inspection, fromArchive, ofPlugins } = await checkRestore(path, { configuration, archive, signal });
  if (written !== undefined) {
    const comments = [`Opens the snapshot ${path} with keys of the archive. It holds keys.`];
    await replaceFile(written, renderEncryptionConfig(restoreConfig(configuration, fromArchive, archive), { comments }));
  }
  const place = written === undefined ? 'to be added to the configuration before (-write-configuration=FILE does)' : `added in ${written}`;
  const words = [
    ...fromArchive.map((need) => `From the archive, ${place}: ${nameOfNeed(need)}`),
    ...ofPlugins.map((need) => `To be held by the plugin: ${nameOfNeed(need)}`),
  ];
  shown.result({ ...(inspectionValue(inspection) as object), from_archive: fromArchive, of_plugins: ofPlugins }, () =>
    [`The snapshot ${path} can be restored: everything in it can be opened.`, ...words].join('\n'),
  );
  return 0;
}

function configurationOf({ configuration }: FileFlags): EncryptionConfig | undefined {
  if (configuration === undefined) return undefined;
  try {
    return readEncryptionConfig(readFileSync(configuration, 'utf8'), { path: configuration }).config;
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault('usage', `${configuration} cannot be read (${(thrown as NodeJS.ErrnoException).code})`, { cause: thrown });
  }
}

async function archiveOf({ state: folder }: FileFlags, signal: AbortSignal): Promise<readonly NamedKey[]> {
  if (folder === undefined) return [];
  const state = await openState(folder, 'reads');
  const ring = await state.readRing();
  if (!ring.keys.some(({ sealed }) => sealed !== undefined)) return [];
  if (!existsSync(state.archivePath))
    throw new Ending(`the list of keys in ${folder} has sealed keys, but their key ${state.archivePath} is not there: put its copy back`);
  const archive = await state.archive();
  try {
    return await archivedKeys(ring, archive, signal);
  } finally {
    archive.close();
  }
}

function inspectionValue({ snapshot, root, rows, needs, closed }: Inspection): unknown {
  const { revision, consistentIndex, ...rest } = snapshot;
  return {
    snapshot: {
      ...rest,
      revision: String(revision),
      ...(consistentIndex === undefined ? {} : { consistent_index: String(consistentIndex) }),
    },
    root,
    rows: rows.map(({ resource, provider, key, keyId, objects, verdict }) => ({
      resource,
      provider,
      key,
      key_id: keyId,
      count: objects,
      verdict,
    })),
    needs,
    closed: closed.count,
  };
}

const words: Readonly<Record<string, string>> = {
  opens: 'yes, proved',
  'needs-plugin': 'its plugin can tell',
  unchecked: 'not tried',
  unreadable: 'no',
};

function needsText({ rows, closed, snapshot }: Inspection): string {
  const lines = rows.map(({ resource, provider, key, keyId, objects, verdict }) => [
    resource,
    provider,
    [key, keyId].filter((part) => part !== undefined && part !== '').join(' ') || '-',
    String(objects),
    words[verdict] ?? `no: ${verdict.replace('-', ' ')}`,
  ]);
  const some = closed.objects
    .slice(0, 20)
    .map(({ resource, namespace, name, verdict }) => `  ${resource} ${namespace === undefined ? '' : `${namespace}/`}${name} (${verdict})`);
  return [
    table([['RESOURCE', 'PROVIDER', 'KEY', 'OBJECTS', 'OPENS'], ...lines]),
    '',
    `Revision ${snapshot.revision}.`,
    ...(closed.count === 0 ? [] : [`${closed.count} objects cannot be opened with what was given:`, ...some]),
  ].join('\n');
}
