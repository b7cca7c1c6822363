// Batch tokens: the sealed entry is the token itself, so that no store holds it.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { nonceBytes, open, sealInto, tagBytes } from '../../crypto/aead.ts';
import { deriveKey, type KeyObject } from '../../crypto/keys.ts';
import { decodeToken, encodeToken, type TokenEntry } from './token-entry.ts';
import type { BatchTokens } from './tokens.ts';

export interface BatchTokenParts {
  /** The store's own, 32 bytes; sealed like everything else that it keeps. */
  readonly key: () => KeyObject;
  readonly random: RandomBytes;
}

/*
 * `hvb.` and, in base64url:
 * | 0      | 1..16       | 17..22  | 23..       | last 16 |
 * | format | subkey salt | counter | ciphertext | tag     |
 * Associated data: the format byte and the purpose. Subkey: HKDF-SHA256(key, salt, purpose); the salt is new for each
 * process start, and the counter, behind six zero bytes, is the nonce under it: no nonce repeats.
 */
const format = 1;
const saltBytes = 16;
const counterAt = 1 + saltBytes;
const counterBytes = 6;
const sealedAt = counterAt + counterBytes;
const purpose = 'casemate batch token';
const associated = Buffer.concat([Buffer.of(format), Buffer.from(purpose)]);
/** Below the 2^32 messages that one GCM key may see (NIST SP 800-38D, 8.3). */
const messagesPerSubkey = 2 ** 31;
/** Subkeys of other processes, and of earlier ones, that are remembered. */
const openers = 64;
const prefix = 'hvb.';

export function createBatchTokens({ key, random }: BatchTokenParts): BatchTokens {
  const opening = new Map<string, KeyObject>();
  let sealing: { readonly salt: Uint8Array; readonly key: KeyObject; counter: number } | undefined;

  return {
    prefix,
    issue(entry) {
      if (entry.expires === null) throw new Fault('invalid-request', 'batch tokens must have a TTL');
      if (sealing === undefined || sealing.counter >= messagesPerSubkey) {
        const salt = Uint8Array.from(random(saltBytes));
        sealing = { salt, key: deriveKey(key(), salt, purpose), counter: 0 };
      }
      sealing.counter += 1;
      const plaintext = encodeToken(entry);
      const bytes = Buffer.alloc(sealedAt + plaintext.length + tagBytes);
      bytes[0] = format;
      bytes.set(sealing.salt, 1);
      bytes.writeUIntBE(sealing.counter, counterAt, counterBytes);
      sealInto(sealing.key, nonceOf(bytes), plaintext, associated, bytes, sealedAt);
      return prefix + bytes.toString('base64url');
    },
    open(token) {
      const text = token.slice(prefix.length);
      const bytes = Buffer.from(text, 'base64url');
      // Another spelling of the same bytes would be another token to whoever hashes it.
      if (!token.startsWith(prefix) || bytes.toString('base64url') !== text) return undefined;
      if (bytes.length < sealedAt + tagBytes || bytes[0] !== format) return undefined;
      const salt = bytes.subarray(1, counterAt);
      const name = salt.toString('latin1');
      const subkey = opening.get(name) ?? deriveKey(key(), salt, purpose);
      const plaintext = open(subkey, nonceOf(bytes), bytes.subarray(sealedAt), associated);
      if (plaintext === undefined) return undefined;
      // Only what opened something is remembered: made-up salts push nothing out.
      if (opening.size >= openers && !opening.has(name)) opening.delete(opening.keys().next().value as string);
      opening.set(name, subkey);
      return batchEntry(decodeToken(plaintext));
    },
  };
}

function nonceOf(bytes: Buffer): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  bytes.copy(nonce, nonceBytes - counterBytes, counterAt, sealedAt);
  return nonce;
}

function batchEntry(entry: TokenEntry): TokenEntry | undefined {
  return entry.type === 'batch' && entry.expires !== null ? entry : undefined;
}
