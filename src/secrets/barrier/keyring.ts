// The keyring: one key per term, newest last, sealed under the root key in one entry.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { nonceBytes, open, sealInto, tagBytes } from '../../crypto/aead.ts';
import { exportKey, type KeyObject, keyFromBytes } from '../../crypto/keys.ts';
import { wipe } from '../../crypto/wipe.ts';

export interface Term {
  readonly number: number;
  readonly key: KeyObject;
  /** Milliseconds since the epoch. */
  readonly installed: number;
}

export type Keyring = readonly Term[];

export const keyringKey = 'core/keyring';
const format = 1;
const headBytes = 1 + nonceBytes;
const termBytes = 4 + 8 + 32;
const associated = Buffer.from(`casemate keyring ${format} ${keyringKey}`);

export function freshTerm(number: number, random: RandomBytes, now: number): Term {
  const bytes = random(32);
  const key = keyFromBytes(bytes);
  wipe(bytes);
  return { number, key, installed: now };
}

/** Format version, nonce, then sealed: term number (4), time (8), key (32) for each term. */
export function sealKeyring(keyring: Keyring, rootKey: KeyObject, random: RandomBytes): Uint8Array {
  const plain = Buffer.alloc(keyring.length * termBytes);
  for (const [index, term] of keyring.entries()) {
    const at = index * termBytes;
    plain.writeUInt32BE(term.number, at);
    plain.writeBigUInt64BE(BigInt(term.installed), at + 4);
    const bytes = exportKey(term.key);
    plain.set(bytes, at + 12);
    wipe(bytes);
  }
  const sealed = new Uint8Array(headBytes + plain.length + tagBytes);
  const nonce = random(nonceBytes);
  sealed[0] = format;
  sealed.set(nonce, 1);
  sealInto(rootKey, nonce, plain, associated, sealed, headBytes);
  wipe(plain);
  return sealed;
}

/** `undefined` when the root key is not the one that sealed it. */
export function openKeyring(sealed: Uint8Array, rootKey: KeyObject): Keyring | undefined {
  if (sealed[0] !== format) throw new Fault('corrupted', 'the keyring has a format that this version does not know');
  const plain = open(rootKey, sealed.subarray(1, headBytes), sealed.subarray(headBytes), associated);
  if (plain === undefined) return undefined;
  const terms: Term[] = [];
  for (let at = 0; at < plain.length; at += termBytes)
    terms.push({
      number: plain.readUInt32BE(at),
      installed: Number(plain.readBigUInt64BE(at + 4)),
      key: keyFromBytes(plain.subarray(at + 12, at + termBytes)),
    });
  wipe(plain);
  return terms;
}
