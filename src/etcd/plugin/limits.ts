// What kube-apiserver takes of a KMS v2 plugin: sizes of ciphertext and key id, names and size of annotations.

import { Fault } from '../../base/fault.ts';
import type { Annotations } from './wire/messages.ts';

/** Bytes, each at least 1. */
export const mostCiphertext = 1_024;
export const mostKeyId = 1_024;
/** Bytes of all names and values together. */
export const mostAnnotationBytes = 32 * 1_024;
/** What kube-apiserver has sealed are seeds and keys of 32 bytes, and the word that v1 probes with. */
export const mostPlaintext = 4_096;
/** Of v1, whose sealed key stands behind a length of two bytes. */
export const mostV1Cipher = 65_535;
/** Of any message: a v1 ciphertext, or the three parts of a v2 request, and their frame. */
export const mostMessage = 128 * 1_024;

export interface SealedParts {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
  readonly annotations: Annotations;
}

/** undefined, or why kube-apiserver would refuse it, or must not have been given it. */
export function faultOfParts({ ciphertext, keyId, annotations }: SealedParts): string | undefined {
  if (ciphertext.length === 0) return 'the ciphertext is empty';
  if (ciphertext.length > mostCiphertext) return `the ciphertext has ${ciphertext.length} bytes; ${mostCiphertext} are allowed in KMS v2`;
  return faultOfKeyId(keyId) ?? faultOfAnnotations(annotations);
}

export function faultOfKeyId(keyId: string): string | undefined {
  if (keyId === '') return 'the key id is empty';
  const length = Buffer.byteLength(keyId);
  return length > mostKeyId ? `the key id has ${length} bytes; ${mostKeyId} are allowed` : undefined;
}

export function faultOfAnnotations(annotations: Annotations): string | undefined {
  let bytes = 0;
  for (const [name, value] of annotations) {
    if (!isDomainName(name)) return 'the name of an annotation is no fully qualified domain name, such as key.example.com';
    bytes += Buffer.byteLength(name) + value.length;
  }
  return bytes > mostAnnotationBytes
    ? `the annotations have ${bytes} bytes, names included; ${mostAnnotationBytes} are allowed`
    : undefined;
}

const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const domainName = new RegExp(`^${label}(?:[.]${label})+[.]?$`);

/** As Kubernetes has it: lower case, labels of 63 characters, at least two of them, 253 characters together. */
export function isDomainName(name: string): boolean {
  return name.replace(/[.]$/, '').length <= 253 && domainName.test(name);
}

/** Throws Fault `invalid-request` for what a request holds. */
export function refuseRequest(why: string | undefined): void {
  if (why !== undefined) throw new Fault('invalid-request', why);
}
