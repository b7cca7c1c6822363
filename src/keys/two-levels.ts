// A KeyBackend of two levels: a key made here seals, the holder's key wraps it, and what is sealed carries the wrapped key in its annotations.

import { Fault } from '../base/fault.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { keyFromBytes } from '../crypto/keys.ts';
import { wipe } from '../crypto/wipe.ts';
import type { BackendParts } from './backend-parts.ts';
import { type CipherKey, cipherKey, ciphers, fingerprintOf, keyBytesOf, openUnder, sealUnder } from './cipher.ts';
import type { Cipher } from './description.ts';
import { packSealed, unpackSealed } from './envelope.ts';
import type { KeyBackend, SealedBytes } from './key-backend.ts';
import { openWrappedKeyCache, type WrappedKeyCache } from './wrapped-key-cache.ts';

export interface TwoLevelOptions {
  /** Of the keys made here; aes-256-gcm by default. */
  readonly cipher?: Cipher | undefined;
  /** The keys of `ring` protect the file. */
  readonly cache?: { readonly path: string; readonly ring: KeyBackend } | undefined;
}

/** Never to change: what was sealed carries its key under this name. */
export const wrappedKeyAnnotation = 'wrapped-key.kms.casemate.internal';

interface MadeKey {
  readonly key: CipherKey;
  /** The holder's, so that all nodes name the key alike, whatever each of them made. */
  readonly keyId: string;
  /** As the annotation carries it. */
  readonly wrapped: Uint8Array;
  readonly context: string;
  seals: number;
}

/** Far below 2^32, from where random nonces begin to repeat. */
const mostSeals = 2 ** 31;

/** Keys of other nodes and of earlier starts that are remembered. */
const mostKeys = 1000;

const format = 1;

/** `holder` and the cache's ring are closed with it. Throws Fault `usage` for a cache that others may read. */
export async function openTwoLevels(
  holder: KeyBackend,
  { random, log }: Pick<BackendParts, 'random' | 'log'>,
  { cipher = 'aes-256-gcm', cache: cached }: TwoLevelOptions,
): Promise<KeyBackend> {
  const cache = cached === undefined ? undefined : openWrappedKeyCache(cached.path, cached.ring, log);
  const keys = new Map<string, CipherKey>();
  let made = cache === undefined ? undefined : await lastMade(cache);
  let making: Promise<MadeKey> | undefined;
  let refused = false;
  let closed = false;

  const remember = (digest: string, key: CipherKey): void => {
    keys.delete(digest);
    keys.set(digest, key);
    const [oldest] = keys.keys();
    if (keys.size > mostKeys && oldest !== undefined) keys.delete(oldest);
  };
  if (made !== undefined) remember(sha256Hex(made.wrapped), made.key);
  const make = async (signal: AbortSignal): Promise<MadeKey> => {
    const bytes = Buffer.concat([Buffer.from([format, ciphers.indexOf(cipher)]), random(keyBytesOf(cipher))]);
    try {
      const sealed = await holder.seal(bytes, signal);
      const one = madeKey(keyIn(bytes), sealed);
      await cache?.add(one.wrapped, bytes, true, signal);
      remember(sha256Hex(one.wrapped), one.key);
      made = one;
      return one;
    } finally {
      wipe(bytes);
    }
  };
  const makeOnce = (signal: AbortSignal): Promise<MadeKey> => {
    making ??= make(signal).finally(() => {
      making = undefined;
    });
    return making;
  };
  const unwrapped = async (wrapped: Uint8Array, sealed: SealedBytes, signal: AbortSignal): Promise<CipherKey> => {
    const digest = sha256Hex(wrapped);
    const known = keys.get(digest);
    if (known !== undefined) return known;
    const bytes = (await cache?.find(wrapped, signal)) ?? (await holder.open(sealed, signal));
    try {
      const key = keyIn(bytes);
      await cache?.add(wrapped, bytes, false, signal);
      remember(digest, key);
      return key;
    } finally {
      wipe(bytes);
    }
  };
  const isStale = (one: MadeKey): boolean =>
    one.keyId !== holder.current().keyId || one.key.cipher !== cipher || one.seals >= mostSeals / 2;
  const checkOpen = (): void => {
    if (closed) throw new Fault('unavailable', 'the key backend was closed');
  };
  return {
    type: holder.type,
    // With a key in memory an outage of the holder keeps nobody from sealing: only a holder that says no does.
    current: () => ({ keyId: made?.keyId ?? holder.current().keyId, healthy: made !== undefined && !refused && !closed }),
    async seal(plaintext, signal) {
      checkOpen();
      const one = made === undefined || made.seals >= mostSeals ? await makeOnce(signal) : made;
      one.seals += 1;
      return {
        keyId: one.keyId,
        ciphertext: sealUnder(one.key, plaintext, one.context, random),
        annotations: { [wrappedKeyAnnotation]: one.wrapped },
      };
    },
    async open(sealed, signal) {
      checkOpen();
      const wrapped = sealed.annotations[wrappedKeyAnnotation];
      const fingerprint = fingerprintOf(sealed.ciphertext);
      const wrappedKey = wrapped === undefined ? undefined : unpackSealed(wrapped);
      if (wrapped === undefined || wrappedKey === undefined || fingerprint === undefined)
        throw new Fault('corrupted', 'the data was not sealed by a backend of two levels, or is damaged');
      if (wrappedKey.keyId !== sealed.keyId)
        throw new Fault('invalid-request', 'the data names another key than the one that wraps its own');
      const key = await unwrapped(wrapped, wrappedKey, signal);
      if (key.fingerprint !== fingerprint) throw new Fault('corrupted', 'the data was not sealed with the key that it carries');
      return openUnder(key, sealed.ciphertext, contextOf(wrapped));
    },
    async probe(signal) {
      checkOpen();
      try {
        await holder.probe(signal);
        // Each version of the holder's key wraps a key of its own: what carries the old id is all that the old one opened.
        if (made === undefined || isStale(made)) await makeOnce(signal);
        refused = false;
      } catch (thrown) {
        refused = thrown instanceof Fault && thrown.code === 'permission-denied';
        throw thrown;
      }
    },
    close() {
      closed = true;
      made = undefined;
      keys.clear();
      holder.close();
      cached?.ring.close();
    },
  };
}

async function lastMade(cache: WrappedKeyCache): Promise<MadeKey | undefined> {
  const last = await cache.last(AbortSignal.timeout(10_000));
  if (last === undefined) return undefined;
  const sealed = unpackSealed(last.wrapped);
  try {
    return sealed === undefined ? undefined : madeKey(keyIn(last.bytes), sealed);
  } finally {
    wipe(last.bytes);
  }
}

function madeKey(key: CipherKey, sealed: SealedBytes): MadeKey {
  const wrapped = packSealed(sealed);
  return { key, keyId: sealed.keyId, wrapped, context: contextOf(wrapped), seals: 0 };
}

/** Ties what is sealed to the wrapped key beside it: with a changed annotation nothing opens, though the key is in memory. */
function contextOf(wrapped: Uint8Array): string {
  return `casemate two levels ${sha256Hex(wrapped)}`;
}

/** Format, cipher, key. Throws Fault `corrupted`. */
function keyIn(bytes: Uint8Array): CipherKey {
  const cipher = bytes[0] === format ? ciphers[bytes[1] ?? ciphers.length] : undefined;
  if (cipher === undefined || bytes.length !== 2 + keyBytesOf(cipher))
    throw new Fault('corrupted', 'what the holder opened is no key of ours');
  return cipherKey(cipher, keyFromBytes(bytes.subarray(2)));
}
