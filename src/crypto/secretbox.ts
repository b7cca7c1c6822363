// Opens NaCl's secretbox (XSalsa20 and Poly1305), one of the ciphers of kube-apiserver, which Node's OpenSSL does not have.

import type { KeyObject } from 'node:crypto';
import { equalSecrets } from './equal.ts';

export const secretboxKeyBytes = 32;
export const secretboxNonceBytes = 24;
const macBytes = 16;
const blockBytes = 64;

/**
 * `sealed` is the 16 bytes of Poly1305 and then the ciphertext, as `crypto_secretbox_easy` and Go's nacl/secretbox write it.
 * `undefined` when they do not fit: bytes, nonce or key are not those that were sealed. The arithmetic of Poly1305 takes a time
 * that depends on the data: it is for what lies in a file here, not for what an attacker may send and time.
 */
export function openSecretbox(key: KeyObject, nonce: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  const bytes = key.export();
  try {
    if (bytes.length !== secretboxKeyBytes || nonce.length !== secretboxNonceBytes || sealed.length < macBytes) return undefined;
    const ciphertext = sealed.subarray(macBytes);
    // The first 32 bytes of the stream are the key of Poly1305, the data come after them.
    const stream = xsalsa20(bytes, nonce, 32 + ciphertext.length);
    if (!equalSecrets(poly1305(stream.subarray(0, 32), ciphertext), sealed.subarray(0, macBytes))) return undefined;
    const plaintext = stream.subarray(32);
    for (let at = 0; at < ciphertext.length; at++) plaintext[at] = (plaintext[at] as number) ^ (ciphertext[at] as number);
    return plaintext;
  } finally {
    bytes.fill(0);
  }
}

/** "expand 32-byte k". */
const sigma = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** Bernstein, "Extending the Salsa20 nonce": HSalsa20 of 16 bytes of the nonce is the key for the other 8. */
function xsalsa20(key: Buffer, nonce: Uint8Array, length: number): Buffer {
  const state = new Uint32Array(16);
  fillState(state, wordsOf(key), wordsOf(nonce.subarray(0, 16)));
  const mixed = Uint32Array.from(state);
  twentyRounds(mixed);
  // HSalsa20 leaves out the addition, and takes these eight words.
  const inner = [0, 5, 10, 15, 6, 7, 8, 9].map((word) => mixed[word] as number);
  const [low, high] = wordsOf(nonce.subarray(16)) as [number, number];
  const out = Buffer.alloc(length);
  const block = Buffer.alloc(blockBytes);
  for (let at = 0, counter = 0; at < length; at += blockBytes, counter++) {
    fillState(state, inner, [low, high, counter, 0]);
    mixed.set(state);
    twentyRounds(mixed);
    for (let word = 0; word < 16; word++) block.writeUInt32LE(((mixed[word] as number) + (state[word] as number)) >>> 0, word * 4);
    block.copy(out, at, 0, Math.min(blockBytes, length - at));
  }
  block.fill(0);
  return out;
}

/** Salsa20 specification, section 8. */
function fillState(state: Uint32Array, key: readonly number[], input: readonly number[]): void {
  state.set([sigma[0], ...key.slice(0, 4), sigma[1], ...input, sigma[2], ...key.slice(4), sigma[3]]);
}

/** Words of the four columns, then of the four rows, each begun on the diagonal (section 5 and 6). */
const quarters = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function twentyRounds(words: Uint32Array): void {
  for (let round = 0; round < 10; round++)
    for (const [a, b, c, d] of quarters) {
      step(words, b, a, d, 7);
      step(words, c, b, a, 9);
      step(words, d, c, b, 13);
      step(words, a, d, c, 18);
    }
}

function step(words: Uint32Array, into: number, one: number, other: number, turn: number): void {
  const sum = ((words[one] as number) + (words[other] as number)) >>> 0;
  words[into] = (words[into] as number) ^ ((sum << turn) | (sum >>> (32 - turn)));
}

function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, word) => view.getUint32(word * 4, true));
}

const prime = (1n << 130n) - 5n;
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** RFC 8439, section 2.5. The key is used for this message alone. */
export function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & clamp;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % prime;
  }
  const tag = Buffer.alloc(16);
  const whole = BigInt.asUintN(128, sum + littleEndian(key.subarray(16, 32)));
  tag.writeBigUInt64LE(BigInt.asUintN(64, whole), 0);
  tag.writeBigUInt64LE(whole >> 64n, 8);
  return tag;
}

function littleEndian(bytes: Uint8Array): bigint {
  const padded = Buffer.alloc(16);
  padded.set(bytes);
  return padded.readBigUInt64LE(0) | (padded.readBigUInt64LE(8) << 64n);
}
