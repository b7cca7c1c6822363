// The keys that are at hand for opening: those of a configuration, each for its resources, and those of an archive for all.

import { type KeyObject, keyFromBytes } from '../../crypto/keys.ts';
import type { EncryptionConfig, Provider, ResourceEntry } from '../config/encryption-config.ts';
import { groupResourceOf } from '../config/group-resource.ts';
import { entryFor, providerTypeOf } from '../config/lookup.ts';
import type { StoredForm } from '../verify/stored-form.ts';
import { keyFingerprint } from './key-fingerprint.ts';
import type { KeyType } from './open-value.ts';

/** As it stands in a configuration. */
export interface NamedKey {
  readonly type: KeyType;
  readonly name: string;
  /** Base64. */
  readonly secret: string;
}

export interface HeldKey {
  readonly type: KeyType;
  readonly name: string;
  readonly key: KeyObject;
  readonly fingerprint: string;
  readonly source: 'configuration' | 'archive';
}

export interface KnownKeys {
  /** Each key once: two of one name with different bytes are two. */
  readonly all: readonly HeldKey[];
  /** Keys of this type and name that kube-apiserver would try for the resource, in its order, then those of the archive. */
  keysFor(resource: string, type: KeyType, name: string): readonly HeldKey[];
  /** Whether the configuration has the KMS provider for the resource; true where there is no configuration. */
  hasPlugin(resource: string, provider: StoredForm['provider'], name: string): boolean;
  /** Whether objects of the resource may lie in clear; true where there is no configuration. */
  takesPlaintext(resource: string): boolean;
}

interface ResourceKeys {
  readonly entry: ResourceEntry | undefined;
  readonly keys: readonly HeldKey[];
}

export function knownKeys(configuration: EncryptionConfig | undefined, archive: readonly NamedKey[]): KnownKeys {
  const held = new Map<string, HeldKey>();
  const hold = ({ type, name, secret }: NamedKey, source: HeldKey['source']): HeldKey => {
    const place = JSON.stringify([type, name, secret]);
    const known = held.get(place);
    if (known !== undefined) return known;
    const bytes = Buffer.from(secret, 'base64');
    const made = { type, name, source, key: keyFromBytes(bytes), fingerprint: keyFingerprint(bytes) };
    bytes.fill(0);
    held.set(place, made);
    return made;
  };
  if (configuration !== undefined) for (const key of keysInConfiguration(configuration)) hold(key, 'configuration');
  const archived = archive.map((key) => hold(key, 'archive'));
  const byResource = new Map<string, ResourceKeys>();
  const keysOf = (resource: string): ResourceKeys => {
    const known = byResource.get(resource);
    if (known !== undefined) return known;
    const entry = configuration === undefined ? undefined : entryFor(configuration, groupResourceOf(resource));
    const keys = [...namedKeys(entry?.providers ?? []).map((key) => hold(key, 'configuration')), ...archived];
    const found = { entry, keys };
    byResource.set(resource, found);
    return found;
  };
  return {
    all: [...held.values()],
    keysFor: (resource, type, name) => keysOf(resource).keys.filter((key) => key.type === type && key.name === name),
    hasPlugin(resource, type, name) {
      if (configuration === undefined) return true;
      const { entry } = keysOf(resource);
      return (
        entry?.providers.some((provider) => provider.type === 'kms' && providerTypeOf(provider) === type && provider.name === name) ?? false
      );
    },
    takesPlaintext(resource) {
      const { entry } = keysOf(resource);
      return entry === undefined || entry.providers.some(({ type }) => type === 'identity');
    },
  };
}

/** All keys with bytes of their own that stand in a configuration, for an archive or a manifest. */
export function keysInConfiguration({ resources }: EncryptionConfig): readonly NamedKey[] {
  return resources.flatMap(({ providers }) => namedKeys(providers));
}

function namedKeys(providers: readonly Provider[]): readonly NamedKey[] {
  return providers.flatMap((provider) =>
    provider.type === 'identity' || provider.type === 'kms'
      ? []
      : provider.keys.map(({ name, secret }) => ({ type: provider.type, name, secret })),
  );
}
