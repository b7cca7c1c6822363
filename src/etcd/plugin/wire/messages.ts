// The messages of the services v2.KeyManagementService and v1beta1.KeyManagementService, as kube-apiserver sends and takes them.

import { Fault } from '../../../base/fault.ts';
import { frame, frameBytes } from '../grpc/frame.ts';
import { eachField, message, textOf } from './protobuf.ts';

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

const none: Buffer = Buffer.alloc(0);

/** `StatusRequest` is empty, and what is in it all the same must still be a message. All readers throw Fault `invalid-request`. */
export function readStatusRequest(bytes: Buffer): void {
  eachField(bytes, () => {});
}

/** Of a repeated field the last counts, as everywhere in Protocol Buffers. */
export function readEncryptRequest(bytes: Buffer): EncryptRequest {
  let [plaintext, uid] = [none, none];
  eachField(bytes, (number, start, end) => {
    if (start < 0) return;
    if (number === 1) plaintext = bytes.subarray(start, end);
    else if (number === 2) uid = bytes.subarray(start, end);
  });
  return { plaintext, uid: textOf(uid) };
}

/** Annotations that a message may hold at all: their size is limited by their bytes, this bounds the work on empty ones. */
const mostAnnotations = 1_024;

const noAnnotations: Annotations = new Map();

export function readDecryptRequest(bytes: Buffer): DecryptRequest {
  let [ciphertext, uid, keyId] = [none, none, none];
  let annotations: Map<string, Uint8Array> | undefined;
  eachField(bytes, (number, start, end) => {
    if (start < 0) return;
    if (number === 1) ciphertext = bytes.subarray(start, end);
    else if (number === 2) uid = bytes.subarray(start, end);
    else if (number === 3) keyId = bytes.subarray(start, end);
    else if (number === 4) {
      annotations ??= new Map();
      if (annotations.size >= mostAnnotations) throw new Fault('invalid-request', `there are more than ${mostAnnotations} annotations`);
      const { key, value } = readAnnotation(bytes.subarray(start, end));
      annotations.set(key, value);
    }
  });
  return { ciphertext, uid: textOf(uid), keyId: textOf(keyId), annotations: annotations ?? noAnnotations };
}

function readAnnotation(bytes: Buffer): { readonly key: string; readonly value: Buffer } {
  let [key, value] = [none, none];
  eachField(bytes, (number, start, end) => {
    if (start < 0) return;
    if (number === 1) key = bytes.subarray(start, end);
    else if (number === 2) value = bytes.subarray(start, end);
  });
  return { key: textOf(key), value };
}

/** Replies come in their frame, ready to be sent. */
function reply(fields: Parameters<typeof message>[0]): Buffer {
  return frame(message(fields, frameBytes));
}

export function writeStatusReply({ version, healthz, keyId }: StatusReply): Buffer {
  return reply([
    [1, version],
    [2, healthz],
    [3, keyId],
  ]);
}

export function writeEncryptReply({ ciphertext, keyId, annotations }: EncryptReply): Buffer {
  return reply([[1, ciphertext], [2, keyId], ...annotationFields(3, annotations)]);
}

/** The plugin sends none: it is the form in which v1 keeps what it needs to open its ciphertext. */
export function writeDecryptRequest({ ciphertext, uid, keyId, annotations }: DecryptRequest): Buffer {
  return message([[1, ciphertext], [2, uid], [3, keyId], ...annotationFields(4, annotations)]);
}

function annotationFields(number: number, annotations: Annotations): readonly [number, Uint8Array][] {
  if (annotations.size === 0) return [];
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
  return reply([[1, bytes]]);
}

/** v1's `EncryptRequest` and `DecryptRequest`: a version, and bytes. */
export function readV1Request(bytes: Buffer): Buffer {
  let value = none;
  eachField(bytes, (number, start, end) => {
    if (number === 2 && start >= 0) value = bytes.subarray(start, end);
  });
  return value;
}

export function writeVersionReply({ version, runtimeName, runtimeVersion }: VersionReply): Buffer {
  return reply([
    [1, version],
    [2, runtimeName],
    [3, runtimeVersion],
  ]);
}
