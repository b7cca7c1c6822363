// The configuration with which an old snapshot is read again: the one of today, and the keys of the archive that the snapshot needs.

import type { EncryptionConfig, KeyProvider, ResourceEntry } from '../config/encryption-config.ts';
import { groupResourceOf } from '../config/group-resource.ts';
import { entryFor } from '../config/lookup.ts';
import type { NeededKey } from './inspect.ts';
import type { NamedKey } from './known-keys.ts';

/**
 * The archived keys come last in each entry: they open, and nothing is sealed with them. A resource without an entry lies in clear
 * today: it gets one that goes on writing in clear.
 */
export function restoreConfig(
  configuration: EncryptionConfig | undefined,
  needs: readonly Pick<NeededKey, 'type' | 'name' | 'resources'>[],
  archive: readonly NamedKey[],
): EncryptionConfig {
  const entries = configuration?.resources ?? [];
  const added = new Map<ResourceEntry, Set<KeyProvider>>();
  const bare = new Map<string, Set<KeyProvider>>();
  const wanted = needs.flatMap((need) => archive.filter((key) => isFor(key, need)).map((key) => ({ need, provider: providerOf(key) })));
  for (const { need, provider } of wanted) {
    for (const resource of need.resources) {
      const found = entriesFor(entries, resource);
      for (const entry of found) added.set(entry, (added.get(entry) ?? new Set()).add(provider));
      if (found.length === 0) bare.set(resource, (bare.get(resource) ?? new Set()).add(provider));
    }
  }
  return {
    resources: [
      ...[...bare].map(([resource, keys]): ResourceEntry => ({ resources: [resource], providers: [{ type: 'identity' }, ...keys] })),
      ...entries.map((entry) => ({ ...entry, providers: [...entry.providers, ...(added.get(entry) ?? [])] })),
    ],
  };
}

const isFor = (key: NamedKey, need: Pick<NeededKey, 'type' | 'name'>): boolean => key.type === need.type && key.name === need.name;

const providerOf = ({ type, name, secret }: NamedKey): KeyProvider => ({ type, keys: [{ name, secret }] });

/** Those that kube-apiserver looks into for the resource: all that name it, or else the wildcard that counts. */
function entriesFor(entries: readonly ResourceEntry[], resource: string): readonly ResourceEntry[] {
  const counts = entryFor({ resources: entries }, groupResourceOf(resource));
  return counts === undefined ? [] : entries.filter(({ resources }) => resources === counts.resources);
}
