// Sealed bytes as one run of bytes that tells its own key: for KMS v1, which keeps neither key id nor annotations, and for files.

import { Fault } from '../base/fault.ts';
import type { SealedBytes } from './key-backend.ts';

/** `CMK` and the format's version. No vendor's ciphertext begins so. */
const magic = Buffer.from([0x43, 0x4d, 0x4b, 0x01]);

/**
 * Magic, then key id, number of annotations, each one's name and value, and the ciphertext to the end. Lengths are big-endian, of two
 * bytes, and of four for values.
 */
export function packSealed({ keyId, ciphertext, annotations }: SealedBytes): Uint8Array {
  const named = Object.entries(annotations);
  return Buffer.concat([
    magic,
    ...text(keyId),
    Buffer.from([named.length]),
    ...named.flatMap(([name, value]) => [...text(name), number(value.length, 4), value]),
    ciphertext,
  ]);
}

/** Undefined for bytes that do not begin as ours: somebody else's ciphertext. Throws Fault `corrupted` for ours cut short. */
export function unpackSealed(bytes: Uint8Array): SealedBytes | undefined {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!whole.subarray(0, magic.length).equals(magic)) return undefined;
  let at = magic.length;
  const take = (length: number): Buffer => {
    if (at + length > whole.length) throw new Fault('corrupted', 'the sealed data was cut short');
    at += length;
    return whole.subarray(at - length, at);
  };
  const takeText = (): string => take(take(2).readUInt16BE()).toString('utf8');
  const keyId = takeText();
  const count = take(1).readUInt8();
  const annotations = Array.from({ length: count }, () => [takeText(), Uint8Array.from(take(take(4).readUInt32BE()))] as const);
  // Own copies: the caller's buffer may be used again.
  return { keyId, annotations: Object.fromEntries(annotations), ciphertext: Uint8Array.from(whole.subarray(at)) };
}

function text(value: string): [Buffer, Buffer] {
  const bytes = Buffer.from(value);
  return [number(bytes.length, 2), bytes];
}

function number(value: number, width: 2 | 4): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
}
