// A KeyBackend over a key that lies on this machine: in a file that only its owner reads, or in the environment.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { nonceBytes, open, sealInto, tagBytes } from '../../crypto/aead.ts';
import { hmacSha256Hex } from '../../crypto/hash.ts';
import { type KeyObject, keyFromBytes } from '../../crypto/keys.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { KeyBackend } from '../key-backend.ts';
import { readPrivateFile } from '../private-file.ts';

export interface LocalKeys {
  readonly current: KeyObject;
  /** The key before the last rotation: what it sealed still opens. */
  readonly previous?: KeyObject;
}

/** A random nonce is safe here: a root key is sealed a handful of times in its life, far below 2^32. */
export function localBackend(keys: LocalKeys, random: RandomBytes): KeyBackend {
  const named = [keys.current, ...(keys.previous === undefined ? [] : [keys.previous])].map((key) => ({ key, id: keyId(key) }));
  const [current] = named as [{ readonly key: KeyObject; readonly id: string }];
  return {
    type: 'static',
    current: () => ({ keyId: current.id, healthy: true }),
    async seal(plaintext) {
      const ciphertext = new Uint8Array(nonceBytes + plaintext.length + tagBytes);
      const nonce = random(nonceBytes);
      ciphertext.set(nonce);
      sealInto(current.key, nonce, plaintext, Buffer.from(current.id), ciphertext, nonceBytes);
      return { keyId: current.id, ciphertext, annotations: {} };
    },
    async open(sealed) {
      const holder = named.find(({ id }) => id === sealed.keyId);
      if (holder === undefined)
        throw new Fault(
          'invalid-request',
          `the data was sealed with key ${sealed.keyId}, which is neither the current nor the previous key given here`,
        );
      const plaintext = open(
        holder.key,
        sealed.ciphertext.subarray(0, nonceBytes),
        sealed.ciphertext.subarray(nonceBytes),
        Buffer.from(holder.id),
      );
      if (plaintext === undefined) throw new Fault('corrupted', 'the sealed data is damaged');
      return plaintext;
    },
    // The key lies in memory: there is nothing to ask and nothing that could be away.
    probe: async () => {},
    close: () => {},
  };
}

/** A keyed hash of a constant: names the key without telling anything of it. */
function keyId(key: KeyObject): string {
  return `local:${hmacSha256Hex(key, 'casemate key id').slice(0, 32)}`;
}

/** 32 bytes as hex or base64, with or without padding. Throws Fault `usage` without showing what was given. */
export function keyFromText(text: string, source: string): KeyObject {
  const trimmed = text.trim();
  const encoding = /^[0-9a-fA-F]{64}$/.test(trimmed) ? 'hex' : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? 'base64' : undefined;
  // Node's decoder skips what it does not know: without the pattern a passphrase of the right length would be a key.
  if (encoding === undefined) throw new Fault('usage', `${source} must hold a key of 32 bytes, as hex or base64`);
  const bytes = Buffer.from(trimmed, encoding);
  const key = keyFromBytes(bytes);
  wipe(bytes);
  return key;
}

/** Raw bytes, hex or base64; in a text, lines that begin with # are notes. Throws Fault `usage` for a file that others may read. */
export function keyFromFile(path: string): KeyObject {
  const content = readPrivateFile(path, 'the key file');
  try {
    if (content.length === 32) return keyFromBytes(content);
    return keyFromText(content.toString('latin1').replace(/^#.*$/gm, ''), `the key file ${path}`);
  } finally {
    wipe(content);
  }
}
