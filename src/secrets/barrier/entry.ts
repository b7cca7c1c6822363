// The format of an encrypted entry, and the subkeys that seal and open it.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { nonceBytes, open, sealInto, tagBytes } from '../../crypto/aead.ts';
import { deriveKey, type KeyObject } from '../../crypto/keys.ts';
import type { Term } from './keyring.ts';

/*
 * | 0      | 1..4 | 5..20       | 21..32 | 33..         | last 16 |
 * | format | term | subkey salt | nonce  | ciphertext   | tag     |
 * Associated data: the format byte and the full storage key, so that an entry moved elsewhere does not open.
 * Subkey: HKDF-SHA256(term key, salt, "casemate entry"); the salt is new for each term and process start, and the nonce
 * under it is a counter, so no nonce repeats and none costs a random call.
 */
export const format = 1;
const saltBytes = 16;
const nonceAt = 5 + saltBytes;
const sealedAt = nonceAt + nonceBytes;
const purpose = 'casemate entry';
/** Below the 2^32 messages that one GCM key may see (NIST SP 800-38D, 8.3). */
const messagesPerSubkey = 2 ** 31;
const openers = 1_024;

export interface EntryKeys {
  /** How many entries a term sealed in this process since it was unsealed; 0 once another term seals. */
  sealedCount(term: Term): number;
  seal(term: Term, key: string, value: Uint8Array): Uint8Array;
  /** Throws Fault `corrupted` for what is no entry, or does not belong under this key. */
  open(termFor: (number: number) => Term | undefined, key: string, entry: Uint8Array): Uint8Array;
  forget(): void;
}

/** The subkey that seals at present. */
interface Sealing {
  readonly term: number;
  readonly key: KeyObject;
  readonly salt: Uint8Array;
  /** What earlier subkeys of the same term sealed. */
  readonly before: number;
  counter: number;
}

/** Number of the term that sealed an entry; `undefined` for bytes that are no entry. */
export function termOf(entry: Uint8Array): number | undefined {
  if (entry.length < sealedAt + tagBytes || entry[0] !== format) return undefined;
  return Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).readUInt32BE(1);
}

/** `limit` is how many entries one subkey seals before another takes its place. */
export function createEntryKeys(random: RandomBytes, limit = messagesPerSubkey): EntryKeys {
  const opening = new Map<string, KeyObject>();
  let sealing: Sealing | undefined;
  const nonce = Buffer.alloc(nonceBytes);

  const openerFor = (term: Term, salt: Buffer): KeyObject => {
    const name = `${term.number}/${salt.toString('latin1')}`;
    const known = opening.get(name);
    if (known !== undefined) return known;
    const key = deriveKey(term.key, salt, purpose);
    if (opening.size >= openers) opening.delete(opening.keys().next().value as string);
    opening.set(name, key);
    return key;
  };

  return {
    sealedCount: (term) => (sealing?.term === term.number ? sealing.before + sealing.counter : 0),
    seal(term, key, value) {
      if (sealing === undefined || sealing.term !== term.number || sealing.counter >= limit) {
        const salt = Uint8Array.from(random(saltBytes));
        const before = sealing?.term === term.number ? sealing.before + sealing.counter : 0;
        sealing = { term: term.number, key: deriveKey(term.key, salt, purpose), salt, before, counter: 0 };
      }
      sealing.counter += 1;
      nonce.writeUIntBE(sealing.counter, nonceBytes - 6, 6);
      const entry = Buffer.allocUnsafe(sealedAt + value.length + tagBytes);
      entry[0] = format;
      entry.writeUInt32BE(term.number, 1);
      entry.set(sealing.salt, 5);
      entry.set(nonce, nonceAt);
      sealInto(sealing.key, nonce, value, associatedData(key), entry, sealedAt);
      return entry;
    },
    open(termFor, key, entry) {
      const number = termOf(entry);
      const term = number === undefined ? undefined : termFor(number);
      if (term === undefined) throw damaged(key);
      const salt = Buffer.from(entry.buffer, entry.byteOffset + 5, saltBytes);
      const value = open(openerFor(term, salt), entry.subarray(nonceAt, sealedAt), entry.subarray(sealedAt), associatedData(key));
      if (value === undefined) throw damaged(key);
      return value;
    },
    forget() {
      opening.clear();
      sealing = undefined;
    },
  };
}

function associatedData(key: string): Buffer {
  return Buffer.from(`\u0001${key}`);
}

function damaged(key: string): Fault {
  return new Fault('corrupted', 'an entry of the store is damaged; the log names it', { fields: { storage_key: key } });
}
