// Base64 as Go's standard decoder takes it: padded, newlines passed over, and a refusal that says where the first bad byte is.

import { Fault } from '../../../base/fault.ts';

/** Asked first, since Node passes over what is no base64, and takes some letters beyond ASCII for others. */
const plain = /^[A-Za-z0-9+/]*={0,2}$/;

const [cr, lf, pad] = [0x0d, 0x0a, 0x3d];

/** Padded and without newlines: Node decodes it as Go does. */
export function isPlainBase64(text: string): boolean {
  return (text.length & 3) === 0 && plain.test(text);
}

/** How many bytes plain base64 stands for. */
export function bytesInBase64(text: string): number {
  return (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
}

/** `undefined` for what is no base64. */
export function base64Bytes(text: string): Buffer | undefined {
  if (isPlainBase64(text)) return Buffer.from(text, 'base64');
  return firstBad(Buffer.from(text)) === undefined ? Buffer.from(text.replace(/[\r\n]/g, ''), 'base64') : undefined;
}

/** Throws Fault `invalid-request`: `<what>illegal base64 data at input byte 3`. */
export function decodeBase64(text: string, what = ''): Buffer {
  const bytes = base64Bytes(text);
  if (bytes !== undefined) return bytes;
  throw new Fault('invalid-request', `${what}illegal base64 data at input byte ${firstBad(Buffer.from(text))}`);
}

/** Walks groups of four, as Go does, so that the number in the refusal is the one that clients know. */
function firstBad(text: Uint8Array): number | undefined {
  let at = 0;
  let filled = 0;
  for (; at < text.length; at++) {
    const byte = text[at] as number;
    if (isNewline(byte)) continue;
    if (byte === pad) return badPadding(text, at, filled);
    if (isLetter[byte] !== true) return at;
    filled = (filled + 1) % 4;
  }
  return filled === 0 ? undefined : text.length - filled;
}

/** `at` is where the first padding stands, after `filled` letters of its group. */
function badPadding(text: Uint8Array, at: number, filled: number): number | undefined {
  if (filled < 2) return at;
  let next = afterNewlines(text, at + 1);
  if (filled === 2) {
    if (next >= text.length) return text.length;
    if (text[next] !== pad) return next - 1;
    next = afterNewlines(text, next + 1);
  }
  return next < text.length ? next : undefined;
}

function afterNewlines(text: Uint8Array, from: number): number {
  let at = from;
  while (at < text.length && isNewline(text[at] as number)) at++;
  return at;
}

function isNewline(byte: number): boolean {
  return byte === lf || byte === cr;
}

const letters = new Set(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'));
/** A table, since a refused body may be long. */
const isLetter: readonly boolean[] = Array.from({ length: 256 }, (_, byte) => letters.has(byte));
