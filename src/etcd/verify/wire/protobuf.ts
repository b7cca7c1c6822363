// Protocol Buffers as far as etcd's messages and sealed objects need them: whole numbers and bytes, everything else skipped, nothing trusted.

import { Fault } from '../../../base/fault.ts';

/** Fields in the order in which they came; views of the message, never copies. */
export interface FieldVisitor {
  /** int64, uint64, int32, bool and enums; a signed one is read by `BigInt.asIntN`. */
  whole?(number: number, value: bigint): void;
  /** bytes, strings and messages. */
  bytes?(number: number, value: Buffer): void;
}

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

/** Throws Fault `corrupted` for bytes that are no message. */
export function readFields(message: Buffer, visitor: FieldVisitor): void {
  const cursor = { message, at: 0 };
  while (cursor.at < message.length) {
    const tag = readSmall(cursor);
    const number = Math.floor(tag / 8);
    if (number === 0) throw broken('a field in it has no number');
    switch (tag % 8) {
      case varint:
        visitWhole(visitor, number, readWhole(cursor));
        break;
      case fixed64:
        skip(cursor, 8);
        break;
      case delimited: {
        const length = readSmall(cursor);
        const start = cursor.at;
        skip(cursor, length);
        visitor.bytes?.(number, message.subarray(start, cursor.at));
        break;
      }
      case fixed32:
        skip(cursor, 4);
        break;
      default:
        throw broken('a field in it is of no known kind');
    }
  }
}

/** Apart, since an optional call would not read the number that nobody asks for. */
function visitWhole(visitor: FieldVisitor, number: number, value: bigint): void {
  visitor.whole?.(number, value);
}

interface Cursor {
  readonly message: Buffer;
  at: number;
}

/** Most numbers are below 2^28, and bigints all the way would cost as much as the rest of reading. */
function readWhole(cursor: Cursor): bigint {
  const start = cursor.at;
  let low = 0;
  for (let index = 0; index < 4; index++) {
    const byte = byteAt(cursor);
    low |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return BigInt(low);
  }
  cursor.at = start;
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = byteAt(cursor);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw broken('a number in it is too long');
}

/** Lengths and tags fit into 32 bits; a longer one is an attack or noise. */
function readSmall(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = byteAt(cursor);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw broken('a number in it is too long');
}

function byteAt(cursor: Cursor): number {
  const byte = cursor.message[cursor.at++];
  if (byte === undefined) throw broken('it breaks off');
  return byte;
}

function skip(cursor: Cursor, count: number): void {
  cursor.at += count;
  if (cursor.at > cursor.message.length) throw broken('it breaks off');
}

export type FieldValue = Uint8Array | bigint | boolean;

/** The fields of one message; what is empty, zero, false or undefined is left out, as proto3 leaves it out. */
export function message(fields: readonly (readonly [number: number, value: FieldValue | undefined])[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (value === undefined || value === false || value === 0n) continue;
    if (value instanceof Uint8Array) {
      if (value.length > 0) parts.push(varintOf(BigInt(number * 8 + delimited)), varintOf(BigInt(value.length)), value);
    } else parts.push(varintOf(BigInt(number * 8 + varint)), varintOf(BigInt.asUintN(64, BigInt(value))));
  }
  return Buffer.concat(parts);
}

function varintOf(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function broken(why: string): Fault {
  return new Fault('corrupted', `the message is malformed: ${why}`);
}
