// What the operator wishes, as the EncryptionConfiguration that shall stand at the end.

import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig, KeyProvider, KmsProvider, Provider, ResourceEntry } from '../config/encryption-config.ts';
import type { ChangeKind } from './change.ts';

export interface Wish {
  readonly kind: 'enable' | 'rotate-key' | 'disable';
  /** Of the key that shall seal; of a rotation the one that seals now when left out. */
  readonly writer?: KeyProvider['type'] | KmsProvider | undefined;
  /** What `enable` adds: patterns of an EncryptionConfiguration. */
  readonly resources: readonly string[];
  /** Clear text is read on afterwards. */
  readonly keepIdentity: boolean;
  /** The operator's own configuration, in place of all of the above. */
  readonly custom?: EncryptionConfig | undefined;
}

export type NewKey = (type: KeyProvider['type']) => KeyProvider['keys'][number];

export interface Target {
  readonly kind: ChangeKind;
  readonly config: EncryptionConfig;
}

const identity: Provider = { type: 'identity' };

/** Throws Fault `usage` where there is nothing to do, or something else is meant. */
export function targetOf(present: EncryptionConfig, wish: Wish, newKey: NewKey): Target {
  if (wish.custom !== undefined) return { kind: wish.kind, config: wish.custom };
  if (wish.kind === 'enable') return { kind: 'enable', config: enabled(present, wish, newKey) };
  if (present.resources.every(({ providers }) => providers[0]?.type === 'identity'))
    throw new Fault('usage', 'nothing is encrypted at rest here; "casemate etcd enable" changes that');
  if (wish.kind === 'disable')
    return { kind: 'disable', config: { resources: present.resources.map(({ resources }) => ({ resources, providers: [identity] })) } };
  return rotated(present, wish, newKey);
}

function enabled(present: EncryptionConfig, { writer = 'secretbox', resources, keepIdentity }: Wish, newKey: NewKey): EncryptionConfig {
  const sealing = new Set(
    present.resources.filter(({ providers }) => providers[0]?.type !== 'identity').flatMap((entry) => entry.resources),
  );
  const already = resources.filter((pattern) => sealing.has(pattern));
  if (already.length > 0)
    throw new Fault(
      'usage',
      `${already.join(', ')} is encrypted at rest already; "casemate etcd rotate-key" gives it another key or provider`,
    );
  const providers = [writerFor(writer, newKey), ...(keepIdentity ? [identity] : [])];
  // An entry that seals nothing gives way to the new one.
  const kept = present.resources.flatMap((entry) => {
    const left = entry.resources.filter((pattern) => !resources.includes(pattern));
    return left.length === 0 ? [] : [{ ...entry, resources: left }];
  });
  return { resources: inFront({ resources, providers }, kept) };
}

function rotated(present: EncryptionConfig, { writer }: Wish, newKey: NewKey): Target {
  const made = new Map<KeyProvider['type'], KeyProvider>();
  const one = (type: KeyProvider['type']): KeyProvider => {
    const provider = made.get(type) ?? { type, keys: [newKey(type)] };
    made.set(type, provider);
    return provider;
  };
  let changed = false;
  const resources = present.resources.map((entry): ResourceEntry => {
    const [first] = entry.providers;
    if (first === undefined || first.type === 'identity') return entry;
    const wanted = writer ?? (first.type === 'kms' ? undefined : first.type);
    // The key behind a KMS is rotated at its holder: the configuration stays.
    if (wanted === undefined) return entry;
    changed = true;
    const next = typeof wanted === 'string' ? one(wanted) : wanted;
    return { ...entry, providers: [next, ...(entry.providers.some(({ type }) => type === 'identity') ? [identity] : [])] };
  });
  return { kind: changed ? 'rotate-key' : 'key-encryption-key', config: { resources } };
}

function writerFor(writer: KeyProvider['type'] | KmsProvider, newKey: NewKey): Provider {
  return typeof writer === 'string' ? { type: writer, keys: [newKey(writer)] } : writer;
}

/** kube-apiserver takes the first entry that fits: what is named stands before wildcards. */
function inFront(entry: ResourceEntry, others: readonly ResourceEntry[]): readonly ResourceEntry[] {
  const wide = entry.resources.some((pattern) => pattern.startsWith('*'));
  return wide ? [...others, entry] : [entry, ...others];
}
