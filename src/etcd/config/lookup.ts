// Questions to an EncryptionConfiguration (what seals this resource, which keys are in it), and changed copies of its entries.

import type { EncryptionConfig, KeyProvider, Provider, ProviderType, ResourceEntry } from './encryption-config.ts';
import { everything, type GroupResource, groupResourceOf, isSame } from './group-resource.ts';

/** A key, or the kms that keeps one. */
export interface ConfigKey {
  readonly type: ProviderType;
  /** As the prefix of stored values tells it. */
  readonly name: string;
  /** base64; undefined for a kms. */
  readonly secret?: string | undefined;
  /** Of a kms. */
  readonly endpoint?: string | undefined;
}

/** What seals: `name` is that of the key or the kms, undefined for identity. */
export interface Writer {
  readonly type: ProviderType;
  readonly name: string | undefined;
}

/** A provider of an entry, or one key of it. Without a name it is identity. */
export type Named = Pick<Writer, 'type' | 'name'>;

/**
 * What counts for a resource: the entries that name it, else the one that names all of its group, else `*.*`; undefined when
 * it is stored in clear. Several entries that name it count as one, with the providers of all of them, as in kube-apiserver.
 */
export function entryFor(config: EncryptionConfig, resource: GroupResource): ResourceEntry | undefined {
  for (const wanted of [resource, { group: resource.group, plural: '*' }, everything]) {
    const [first, ...others] = config.resources.filter(({ resources }) => resources.some((name) => isSame(groupResourceOf(name), wanted)));
    if (first === undefined) continue;
    if (others.length === 0) return first;
    return { resources: first.resources, providers: [first, ...others].flatMap(({ providers }) => providers) };
  }
  return undefined;
}

export function providerTypeOf(provider: Provider): ProviderType {
  return provider.type === 'kms' ? `kms-${provider.apiVersion}` : provider.type;
}

/** An entry without providers, which kube-apiserver refuses, has identity. */
export function writerOf({ providers: [first] }: ResourceEntry): Writer {
  if (first === undefined || first.type === 'identity') return { type: 'identity', name: undefined };
  return { type: providerTypeOf(first), name: first.type === 'kms' ? first.name : first.keys[0]?.name };
}

/** Each key once, however many entries it stands in; two of one name with different secrets are two. */
export function keysOf(config: EncryptionConfig): readonly ConfigKey[] {
  const found = new Map<string, ConfigKey>();
  for (const key of config.resources.flatMap(({ providers }) => providers.flatMap(keysIn)))
    found.set(JSON.stringify([key.type, key.name, key.secret, key.endpoint]), key);
  return [...found.values()];
}

function keysIn(provider: Provider): readonly ConfigKey[] {
  const type = providerTypeOf(provider);
  if (provider.type === 'identity') return [];
  if (provider.type === 'kms') return [{ type, name: provider.name, endpoint: provider.endpoint }];
  return provider.keys.map(({ name, secret }) => ({ type, name, secret }));
}

/** Whether the entry opens what was sealed by it. */
export function opens({ providers }: ResourceEntry, named: Named): boolean {
  return providers.some((provider) => isNamed(provider, named));
}

function isNamed(provider: Provider, { type, name }: Named): boolean {
  if (providerTypeOf(provider) !== type) return false;
  return provider.type === 'identity' || keysIn(provider).some((key) => key.name === name);
}

/**
 * With a provider that opens: directly behind the first, so that identity stays last. The entry itself when it opens all of that
 * already. Each key becomes a provider of its own: kube-apiserver asks all of one type in turn.
 */
export function withReader(entry: ResourceEntry, provider: Provider): ResourceEntry {
  const missing = single(provider).filter((each) => !opens(entry, writerOf({ resources: [], providers: [each] })));
  if (missing.length === 0) return entry;
  const [first, ...rest] = entry.providers;
  return { ...entry, providers: first === undefined ? missing : [first, ...missing, ...rest] };
}

/** With a provider that seals: in front, and nowhere else. What sealed so far comes next and opens. */
export function withWriter(entry: ResourceEntry, provider: Provider): ResourceEntry {
  const rest = single(provider).reduce((left, each) => without(left, writerOf({ resources: [], providers: [each] })), entry);
  return { ...entry, providers: [...single(provider), ...rest.providers] };
}

/** A provider loses the key, or goes when it was the last; an entry may be left without providers. */
export function without(entry: ResourceEntry, named: Named): ResourceEntry {
  if (!opens(entry, named)) return entry;
  return { ...entry, providers: entry.providers.flatMap((provider) => pruned(provider, named)) };
}

function pruned(provider: Provider, named: Named): readonly Provider[] {
  if (!isNamed(provider, named)) return [provider];
  if (provider.type === 'identity' || provider.type === 'kms') return [];
  const keys = provider.keys.filter(({ name }) => name !== named.name);
  return keys.length === 0 ? [] : [{ ...provider, keys }];
}

function single(provider: Provider): readonly Provider[] {
  if (provider.type === 'identity' || provider.type === 'kms') return [provider];
  return provider.keys.map((key): KeyProvider => ({ type: provider.type, keys: [key] }));
}
