// The RSA key that others wrap their keys with before they send them here: one per mount, made when it is first needed.

import { exportRsaKey, makeRsaKey, rsaKeyFromBytes } from '../../../crypto/key-wrap.ts';
import type { KeyObject } from '../../../crypto/keys.ts';
import { wipe } from '../../../crypto/wipe.ts';
import type { Host } from '../../core/engine.ts';
import { decodeEntry, encodeEntry } from './key-record.ts';

/** Base64 of PKCS#8; milliseconds since the epoch. */
interface StoredWrappingKey {
  readonly created: number;
  readonly key: string;
}

/** The private key. */
export type WrappingKey = () => Promise<KeyObject>;

const storageKey = 'wrapping-key';
/** No key can have this name, so nothing else waits for its turn. */
const turn = '/wrapping-key';

/** As many as Vault's and OpenBao's has: clients may count on it. */
const usualBits = 4096;

export function createWrappingKey(
  { cached, clock, serialise, storage }: Pick<Host, 'cached' | 'clock' | 'serialise' | 'storage'>,
  bits = usualBits,
): WrappingKey {
  const make = async (): Promise<KeyObject> => {
    const made = await makeRsaKey(bits);
    const bytes = exportRsaKey(made);
    const entry = encodeEntry({ created: clock.now(), key: bytes.toString('base64') } satisfies StoredWrappingKey);
    wipe(bytes);
    // Another process may have been quicker, and somebody may have wrapped with its key already.
    return storage.transact(async (transaction) => {
      const theirs = await transaction.get(storageKey);
      if (theirs !== undefined) return decoded(theirs);
      transaction.put(storageKey, entry);
      return made;
    });
  };
  return async () => (await cached(storageKey, decoded)) ?? serialise(turn, async () => (await cached(storageKey, decoded)) ?? make());
}

function decoded(entry: Uint8Array): KeyObject {
  const { key } = decodeEntry(entry) as StoredWrappingKey;
  const bytes = Buffer.from(key, 'base64');
  try {
    return rsaKeyFromBytes(bytes);
  } finally {
    wipe(bytes);
  }
}
