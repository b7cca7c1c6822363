// Objects as kube-apiserver stores them: takes a list in Protocol Buffers apart and makes each object a body of its own, its fields unread.

import { Fault } from '../../base/fault.ts';
import { apiVersionOf, type Resource } from '../../kube/object.ts';
import { message, readFields } from '../verify/wire/protobuf.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

/** What stands before every message of the API (apimachinery, runtime/serializer/protobuf): a runtime.Unknown follows. */
const magic = Buffer.from('k8s\0');

/** Numbers of fields (generated.proto of apimachinery; all built-in kinds have `metadata` and `items` in the same places). */
const unknown = { typeMeta: 1, raw: 2, contentEncoding: 3 } as const;
const typeMeta = { apiVersion: 1, kind: 2 } as const;
const list = { metadata: 1, items: 2 } as const;
const listMeta = { resourceVersion: 2, next: 3, remaining: 4 } as const;
const objectMetadata = 1;
const objectMeta = { name: 1, namespace: 3, uid: 5, resourceVersion: 6 } as const;

/** `stored`: the object as the server encodes it, a view of the page. */
export interface ProtobufObject extends Meta {
  readonly stored: Buffer;
}

interface Meta {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** As MetadataPage. */
export interface ProtobufPage {
  readonly objects: readonly ProtobufObject[];
  readonly next: string | undefined;
  readonly resourceVersion: string;
  readonly remaining: number | undefined;
  readonly bytes: Buffer;
}

/**
 * The objects are views of `bytes`. undefined: a message, but no list of this resource in its version. Throws Fault `corrupted` for bytes
 * that are none, and for an object that does not say, or says twice, which one it is.
 */
export function pageInProtobuf(bytes: Buffer, resource: Resource): ProtobufPage | undefined {
  const { apiVersion, kind, raw } = envelopeIn(bytes);
  if (apiVersion !== apiVersionOf(resource) || kind !== `${resource.kind}List`) return undefined;
  const objects: ProtobufObject[] = [];
  let metadata: Buffer | undefined;
  readFields(raw, {
    bytes(number, value) {
      if (number === list.metadata) metadata = once(metadata, value);
      else if (number === list.items) objects.push(objectIn(value));
    },
  });
  let next: Buffer | undefined;
  let version: Buffer | undefined;
  let remaining: number | undefined;
  readFields(metadata ?? Buffer.alloc(0), {
    whole(number, value) {
      if (number === listMeta.remaining) remaining = Number(value);
    },
    bytes(number, value) {
      if (number === listMeta.next) next = once(next, value);
      else if (number === listMeta.resourceVersion) version = once(version, value);
    },
  });
  return { objects, next: textIn(next), resourceVersion: textIn(version) ?? '', remaining, bytes };
}

/** Throws Fault `corrupted`. undefined where the answer has no version. */
export function versionInProtobuf(bytes: Buffer): string | undefined {
  return metaIn(envelopeIn(bytes).raw).resourceVersion;
}

/** What is sent to have an object of a list stored as it is: a copy, which may be wiped. */
export function bodyOf(resource: Resource, object: Buffer): Buffer {
  const kind = message([
    [typeMeta.apiVersion, Buffer.from(apiVersionOf(resource))],
    [typeMeta.kind, Buffer.from(resource.kind)],
  ]);
  return Buffer.concat([magic, message([[unknown.typeMeta, kind]]), beginningOf(unknown.raw, object.length), object]);
}

/** By hand, so that there is one copy of the object and no more. */
function beginningOf(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2];
  for (let rest = length; ; rest = Math.floor(rest / 0x80)) {
    bytes.push(rest < 0x80 ? rest : (rest % 0x80) | 0x80);
    if (rest < 0x80) return Uint8Array.from(bytes);
  }
}

interface Envelope {
  readonly apiVersion: string | undefined;
  readonly kind: string | undefined;
  readonly raw: Buffer;
}

function envelopeIn(bytes: Buffer): Envelope {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw broken('it does not begin as one');
  let type: Buffer | undefined;
  let raw: Buffer | undefined;
  readFields(bytes.subarray(magic.length), {
    bytes(number, value) {
      if (number === unknown.typeMeta) type = once(type, value);
      else if (number === unknown.raw) raw = once(raw, value);
      else if (number === unknown.contentEncoding && value.length > 0) throw broken('it is encoded in a way that is not known here');
    },
  });
  let apiVersion: Buffer | undefined;
  let kind: Buffer | undefined;
  readFields(type ?? Buffer.alloc(0), {
    bytes(number, value) {
      if (number === typeMeta.apiVersion) apiVersion = once(apiVersion, value);
      else if (number === typeMeta.kind) kind = once(kind, value);
    },
  });
  return { apiVersion: textIn(apiVersion), kind: textIn(kind), raw: raw ?? Buffer.alloc(0) };
}

function objectIn(object: Buffer): ProtobufObject {
  const { name, namespace, uid, resourceVersion } = metaIn(object);
  if (name === undefined || uid === undefined || resourceVersion === undefined)
    throw broken('an object in it has no name, uid or resourceVersion');
  return { name, namespace, uid, resourceVersion, stored: object };
}

function metaIn(object: Buffer): Partial<Meta> {
  let metadata: Buffer | undefined;
  readFields(object, {
    bytes(number, value) {
      if (number === objectMetadata) metadata = once(metadata, value);
    },
  });
  const found: { -readonly [field in keyof typeof objectMeta]?: Buffer } = {};
  readFields(metadata ?? Buffer.alloc(0), {
    bytes(number, value) {
      for (const field of metaFields) if (objectMeta[field] === number) found[field] = once(found[field], value);
    },
  });
  return {
    name: textIn(found.name),
    namespace: textIn(found.namespace),
    uid: textIn(found.uid),
    resourceVersion: textIn(found.resourceVersion),
  } as Partial<Meta>;
}

const metaFields = Object.keys(objectMeta) as readonly (keyof typeof objectMeta)[];

/** What came twice would be joined by one reader, and be the last of two for another. */
function once(earlier: Buffer | undefined, value: Buffer): Buffer {
  if (earlier !== undefined) throw broken('a part of it is there twice');
  return value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Absent and empty are the same in Kubernetes' messages. */
function textIn(value: Buffer | undefined): string | undefined {
  if (value === undefined || value.length === 0) return undefined;
  try {
    return utf8.decode(value);
  } catch {
    throw broken('a text in it is no UTF-8');
  }
}

function broken(why: string): Fault {
  return new Fault('corrupted', `the API server's answer is no message of Kubernetes: ${why}`);
}
