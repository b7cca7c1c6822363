// How a value in etcd is sealed, told from its first bytes alone: kube-apiserver writes the provider and the key before what it sealed.

import type { ProviderType } from '../config/encryption-config.ts';
import { readFields } from './wire/protobuf.ts';

/** No key is needed to tell it. */
export interface StoredForm {
  /** `unknown`: it begins with `k8s:enc:`, and nobody knows how it goes on. */
  readonly provider: ProviderType | 'unknown';
  /** Name of the key; that of the KMS provider; empty for identity. */
  readonly key: string;
  /** KMS v2 alone: the id of the key encryption key, as the plugin named it. */
  readonly keyId?: string | undefined;
}

/** As kube-apiserver's `encryptionconfig` package writes them (k8s.io/apiserver, pkg/server/options/encryptionconfig/config.go). */
const providers: readonly (readonly [prefix: Buffer, provider: ProviderType])[] = [
  [Buffer.from('k8s:enc:aescbc:v1:'), 'aescbc'],
  [Buffer.from('k8s:enc:aesgcm:v1:'), 'aesgcm'],
  [Buffer.from('k8s:enc:secretbox:v1:'), 'secretbox'],
  [Buffer.from('k8s:enc:kms:v1:'), 'kms-v1'],
  [Buffer.from('k8s:enc:kms:v2:'), 'kms-v2'],
];

const mark = Buffer.from('k8s:enc:');
const colon = 0x3a;
const identity: StoredForm = { provider: 'identity', key: '' };
const unknown: StoredForm = { provider: 'unknown', key: '' };

/** Where the sealed bytes begin, beside the form. */
export interface SealedValue {
  readonly form: StoredForm;
  /** What stands behind the prefix; the value itself for identity and unknown. */
  readonly sealed: Buffer;
}

/**
 * `names` are the keys of a configuration: only with them is the end of a name that itself holds a colon found, which kube-apiserver
 * allows to all but KMS v2. Never throws.
 */
export function storedFormOf(value: Buffer, names: readonly string[] = []): StoredForm {
  return openPrefix(value, names).form;
}

/** The same, with what is left for a key to open. */
export function openPrefix(value: Buffer, names: readonly string[] = []): SealedValue {
  if (!beginsWith(value, 0, mark)) return { form: identity, sealed: value };
  const found = providers.find(([prefix]) => beginsWith(value, 0, prefix));
  if (found === undefined) return { form: unknown, sealed: value };
  const [prefix, provider] = found;
  const end = endOfName(value, prefix.length, names);
  if (end === undefined) return { form: unknown, sealed: value };
  const key = value.toString('utf8', prefix.length, end);
  const sealed = value.subarray(end + 1);
  if (provider !== 'kms-v2') return { form: { provider, key }, sealed };
  const object = readEncryptedObject(sealed);
  return object === undefined
    ? { form: { provider: 'unknown', key }, sealed: value }
    : { form: { provider, key, keyId: object.keyId }, sealed };
}

function endOfName(value: Buffer, start: number, names: readonly string[]): number | undefined {
  // The longest wins: of `a` and `a:b` the second one can only be meant when it fits.
  let end = start;
  for (const name of names) {
    if (!name.includes(':')) continue;
    const bytes = Buffer.from(`${name}:`);
    if (beginsWith(value, start, bytes)) end = Math.max(end, start + bytes.length - 1);
  }
  if (end === start) end = value.indexOf(colon, start);
  return end <= start ? undefined : end;
}

function beginsWith(value: Buffer, at: number, start: Buffer): boolean {
  return value.length >= at + start.length && value.compare(start, 0, start.length, at, at + start.length) === 0;
}

/** `EncryptedObject` of KMS v2 (k8s.io/apiserver, pkg/storage/value/encrypt/envelope/kmstypes/v2/api.proto). */
export interface EncryptedObject {
  readonly keyId: string;
  readonly encryptedData: Buffer;
  readonly encryptedSource: Buffer;
  /** Bytes by name, which lie in etcd in clear. */
  readonly annotations: ReadonlyMap<string, Buffer>;
  /** What the plugin sealed: a key for this one object, or a seed from which each object's key is derived. */
  readonly source: 'key' | 'seed' | 'unknown';
}

const none: Buffer = Buffer.alloc(0);
const sources = ['key', 'seed'] as const;

/** undefined when the bytes are no such object. */
export function readEncryptedObject(bytes: Buffer): EncryptedObject | undefined {
  const values = new Map<number, Buffer>();
  const annotations = new Map<string, Buffer>();
  let source = 0n;
  try {
    readFields(bytes, {
      whole(number, value) {
        if (number === 5) source = value;
      },
      bytes(number, value) {
        if (number === 4) addAnnotation(annotations, value);
        else values.set(number, value);
      },
    });
  } catch {
    return undefined;
  }
  const keyId = values.get(2)?.toString() ?? '';
  if (keyId === '') return undefined;
  return {
    keyId,
    encryptedData: values.get(1) ?? none,
    encryptedSource: values.get(3) ?? none,
    annotations,
    source: sources[Number(source)] ?? 'unknown',
  };
}

function addAnnotation(annotations: Map<string, Buffer>, entry: Buffer): void {
  let name = '';
  let value = none;
  readFields(entry, {
    bytes(number, bytes) {
      if (number === 1) name = bytes.toString();
      else if (number === 2) value = bytes;
    },
  });
  annotations.set(name, value);
}
