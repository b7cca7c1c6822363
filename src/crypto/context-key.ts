// Bytes of a key that belongs to a context: HKDF-SHA256 (RFC 5869) without salt, the context as info, however long that is.

import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { wipe } from './wipe.ts';

/** Node's own HKDF takes no more info than this, in bytes. */
const longestInfo = 1024;
const digestBytes = 32;
const noSalt = new Uint8Array(0);
const extraction = createSecretKey(new Uint8Array(digestBytes));

/** Up to 8,160 bytes, which are the caller's to wipe. Fewer bytes of the same key and context are the first of the same. */
export function contextBytes(key: KeyObject, context: Uint8Array, length: number): Uint8Array {
  return context.length <= longestInfo ? new Uint8Array(hkdfSync('sha256', key, noSalt, context, length)) : byHand(key, context, length);
}

/** RFC 5869, sections 2.2 and 2.3. */
export function byHand(key: KeyObject, context: Uint8Array, length: number): Uint8Array {
  const input = key.export();
  const extracted = createHmac('sha256', extraction).update(input).digest();
  const expanding = createSecretKey(extracted);
  wipe(input, extracted);
  const made = new Uint8Array(Math.ceil(length / digestBytes) * digestBytes);
  let block: Uint8Array = noSalt;
  for (let count = 1; (count - 1) * digestBytes < length; count++) {
    block = createHmac('sha256', expanding).update(block).update(context).update(Uint8Array.of(count)).digest();
    made.set(block, (count - 1) * digestBytes);
  }
  const wanted = made.slice(0, length);
  wipe(made, block);
  return wanted;
}
