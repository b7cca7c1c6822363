// The messages of the services v2.KeyManagementService and v1beta1.KeyManagementService, as kube-apiserver sends and takes them.

import { Fault } from '../../../base/fault.ts';
import { message, readFields, textOf } from './protobuf.ts';

/** Names and bytes; a Map, since a name from outside may be that of a property of objects. */
export type Annotations = ReadonlyMap<string, Uint8Array>;

export interface EncryptRequest {
  readonly plaintext: Buffer;
  /** Names the call in the logs of both sides. */
  readonly uid: string;
}

export interface EncryptReply {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
  readonly annotations: Annotations;
}

export interface DecryptRequest {
  readonly ciphertext: Buffer;
  readonly uid: string;
  readonly keyId: string;
  readonly annotations: Annotations;
}

export interface StatusReply {
  readonly version: string;
  readonly healthz: string;
  readonly keyId: string;
}

export interface VersionReply {
  readonly version: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
}

const none = Buffer.alloc(0);

/** Of a repeated field the last counts, as everywhere in Protocol Buffers. All readers throw Fault `invalid-request`. */
function lastValues(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const values = new Map<number, Buffer>();
  readFields(bytes, ({ number, value }) => {
    if (value !== undefined) values.set(number, value);
  });
  return values;
}

/** `StatusRequest` is empty, and what is in it all the same must still be a message. */
export function readStatusRequest(bytes: Buffer): void {
  readFields(bytes, () => {});
}

export function readEncryptRequest(bytes: Buffer): EncryptRequest {
  const values = lastValues(bytes);
  return { plaintext: values.get(1) ?? none, uid: textOf(values.get(2) ?? none) };
}

/** Annotations that a message may hold at all: their size is limited by their bytes, this bounds the work on empty ones. */
const mostAnnotations = 1_024;

export function readDecryptRequest(bytes: Buffer): DecryptRequest {
  const annotations = new Map<string, Uint8Array>();
  readFields(bytes, ({ number, value }) => {
    if (number !== 4 || value === undefined) return;
    if (annotations.size >= mostAnnotations) throw new Fault('invalid-request', `there are more than ${mostAnnotations} annotations`);
    const entry = lastValues(value);
    annotations.set(textOf(entry.get(1) ?? none), entry.get(2) ?? none);
  });
  const values = lastValues(bytes);
  return {
    ciphertext: values.get(1) ?? none,
    uid: textOf(values.get(2) ?? none),
    keyId: textOf(values.get(3) ?? none),
    annotations,
  };
}

export function writeStatusReply({ version, healthz, keyId }: StatusReply): Buffer {
  return message([
    [1, version],
    [2, healthz],
    [3, keyId],
  ]);
}

export function writeEncryptReply({ ciphertext, keyId, annotations }: EncryptReply): Buffer {
  return message([[1, ciphertext], [2, keyId], ...annotationFields(3, annotations)]);
}

/** The plugin sends none: it is the form in which v1 keeps what it needs to open its ciphertext. */
export function writeDecryptRequest({ ciphertext, uid, keyId, annotations }: DecryptRequest): Buffer {
  return message([[1, ciphertext], [2, uid], [3, keyId], ...annotationFields(4, annotations)]);
}

function annotationFields(number: number, annotations: Annotations): [number, Uint8Array][] {
  return [...annotations].map(([name, value]) => [
    number,
    message([
      [1, name],
      [2, value],
    ]),
  ]);
}

/** `DecryptResponse` of v2 and v1, and v1's `EncryptResponse`: one field of bytes. */
export function writeBytesReply(bytes: Uint8Array): Buffer {
  return message([[1, bytes]]);
}

/** v1's `EncryptRequest` and `DecryptRequest`: a version, and bytes. */
export function readV1Request(bytes: Buffer): Buffer {
  return lastValues(bytes).get(2) ?? none;
}

export function writeVersionReply({ version, runtimeName, runtimeVersion }: VersionReply): Buffer {
  return message([
    [1, version],
    [2, runtimeName],
    [3, runtimeVersion],
  ]);
}
