// Protocol Buffers as far as the KMS services need them: length-delimited fields, everything else skipped, nothing trusted.

import { Fault } from '../../../base/fault.ts';

/** One field as it came: those that are not length-delimited have no value here. */
export interface WireField {
  readonly number: number;
  /** A view of the message, not a copy. Undefined for numbers, which no message of the services holds. */
  readonly value: Buffer | undefined;
}

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

/** Calls `visit` for each field in order. Throws Fault `invalid-request` for bytes that are no message. */
export function readFields(bytes: Buffer, visit: (field: WireField) => void): void {
  eachField(bytes, (number, start, end) => visit({ number, value: start < 0 ? undefined : bytes.subarray(start, end) }));
}

/** As `readFields`, without an object for each field: told where its value lies, from -1 to -1 for one that is not length-delimited. */
export function eachField(bytes: Buffer, visit: (number: number, start: number, end: number) => void): void {
  for (let at = 0; at < bytes.length; ) {
    const tag = varintAt(bytes, at);
    at = tag.next;
    const number = Math.floor(tag.value / 8);
    if (number === 0) throw broken('a field in it has no number');
    let start = -1;
    switch (tag.value % 8) {
      case varint:
        at = endOfVarint(bytes, at);
        break;
      case fixed64:
        at += 8;
        break;
      case delimited: {
        const length = varintAt(bytes, at);
        start = length.next;
        at = start + length.value;
        break;
      }
      case fixed32:
        at += 4;
        break;
      default:
        throw broken('a field in it is of no known kind');
    }
    if (at > bytes.length) throw broken('it breaks off');
    visit(number, start, start < 0 ? -1 : at);
  }
}

interface Varint {
  readonly value: number;
  /** Where the next byte lies. */
  readonly next: number;
}

/** Lengths and tags fit into 32 bits; a longer one is an attack or noise. */
function varintAt(bytes: Buffer, start: number): Varint {
  let value = 0;
  for (let at = start; at < start + 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw broken('it breaks off');
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, next: at + 1 };
  }
  throw broken('a number in it is too long');
}

/** Of a number whose value is not looked at, and which has ten bytes at most. */
function endOfVarint(bytes: Buffer, start: number): number {
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw broken('it breaks off');
    if (byte < 0x80) return at + 1;
  }
  throw broken('a number in it is too long');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws Fault `invalid-request` for bytes that are no UTF-8, as proto3 demands it. */
export function textOf(value: Buffer): string {
  // What is no UTF-8 becomes this character; a decoder that refuses it by itself takes several times as long.
  const text = value.toString();
  if (!text.includes('\ufffd')) return text;
  try {
    return utf8.decode(value);
  } catch (thrown) {
    throw new Fault('invalid-request', 'the message is malformed: a text in it is no UTF-8', { cause: thrown });
  }
}

/** The fields of one message behind `room` free bytes; empty values are left out, as proto3 leaves them out. */
export function message(fields: readonly (readonly [number: number, value: Uint8Array | string])[], room = 0): Buffer {
  let length = room;
  for (const [number, value] of fields) length += value.length === 0 ? 0 : lengthOfField(number, bytesIn(value));
  const bytes = Buffer.allocUnsafe(length);
  let at = room;
  for (const [number, value] of fields) {
    if (value.length === 0) continue;
    const inside = bytesIn(value);
    at = writeVarint(bytes, number * 8 + delimited, at);
    at = writeVarint(bytes, inside, at);
    if (typeof value === 'string') bytes.write(value, at);
    else bytes.set(value, at);
    at += inside;
  }
  return bytes;
}

function bytesIn(value: Uint8Array | string): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}

function lengthOfField(number: number, inside: number): number {
  return lengthOfVarint(number * 8 + delimited) + lengthOfVarint(inside) + inside;
}

function lengthOfVarint(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

/** Where the next byte belongs. */
function writeVarint(bytes: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}

function broken(why: string): Fault {
  return new Fault('invalid-request', `the message is malformed: ${why}`);
}
