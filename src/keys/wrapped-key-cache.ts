// Keys of two levels on disk, sealed by a ring of this machine: with them a start opens its data while the holder of the outer key is away.

import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { packSealed, unpackSealed } from './envelope.ts';
import type { KeyBackend } from './key-backend.ts';
import { privateFileIfThere, writePrivateFile } from './private-file.ts';

export interface WrappedKeyCache {
  /** The key whose wrapped form this is; undefined where it is not kept. The caller wipes it. */
  find(wrapped: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** The key that was made here last. The caller wipes it. */
  last(signal: AbortSignal): Promise<{ readonly wrapped: Uint8Array; readonly bytes: Uint8Array } | undefined>;
  /** `made` here, or by another node. A disk that is full costs the cache, not the call. */
  add(wrapped: Uint8Array, bytes: Uint8Array, made: boolean, signal: AbortSignal): Promise<void>;
}

interface StoredCache {
  readonly format: 1;
  /** The oldest first. Base64. */
  readonly keys: readonly { readonly wrapped: string; readonly sealed: string; readonly made: boolean }[];
}

const most = 1000;

/** Throws Fault `usage` for a file that others may read. A damaged one is logged, and begun anew. */
export function openWrappedKeyCache(path: string, ring: KeyBackend, log: Log): WrappedKeyCache {
  const entries = new Map<string, StoredCache['keys'][number]>();
  for (const entry of stored(path, log)) entries.set(digestOf(entry.wrapped), entry);

  /** What does not open was sealed by another ring, or was changed: the holder is asked instead. */
  const opened = async (sealed: string, signal: AbortSignal): Promise<Uint8Array | undefined> => {
    try {
      const unpacked = unpackSealed(Buffer.from(sealed, 'base64'));
      return unpacked === undefined ? undefined : await ring.open(unpacked, signal);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.warn('a key of the cache cannot be opened', { path, error: thrown });
      return undefined;
    }
  };
  const write = (): void => {
    const content: StoredCache = { format: 1, keys: [...entries.values()] };
    try {
      writePrivateFile(path, 'the key cache', `${JSON.stringify(content)}\n`);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.warn('the key cache cannot be written: a start while the key service is away will not open its data', { path, error: thrown });
    }
  };
  return {
    async find(wrapped, signal) {
      const entry = entries.get(sha256Hex(wrapped));
      return entry === undefined ? undefined : opened(entry.sealed, signal);
    },
    async last(signal) {
      const entry = [...entries.values()].findLast(({ made }) => made);
      const bytes = entry === undefined ? undefined : await opened(entry.sealed, signal);
      return entry === undefined || bytes === undefined ? undefined : { wrapped: Buffer.from(entry.wrapped, 'base64'), bytes };
    },
    async add(wrapped, bytes, made, signal) {
      const digest = sha256Hex(wrapped);
      if (entries.has(digest)) return;
      const sealed = packSealed(await ring.seal(bytes, signal));
      entries.set(digest, { wrapped: base64(wrapped), sealed: base64(sealed), made });
      const [oldest] = entries.keys();
      if (entries.size > most && oldest !== undefined) entries.delete(oldest);
      write();
    },
  };
}

function stored(path: string, log: Log): StoredCache['keys'] {
  const content = privateFileIfThere(path, 'the key cache');
  if (content === undefined) return [];
  try {
    const cache = JSON.parse(content.toString('utf8')) as Partial<StoredCache> | null;
    if (cache?.format === 1 && Array.isArray(cache.keys) && cache.keys.every(isEntry)) return cache.keys;
  } catch {
    // Told below, without the text that did not parse.
  }
  log.warn('the key cache is damaged or of another version, and is begun anew', { path });
  return [];
}

function isEntry(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null) return false;
  const { wrapped, sealed, made } = entry as Readonly<Record<string, unknown>>;
  return typeof wrapped === 'string' && typeof sealed === 'string' && typeof made === 'boolean';
}

function digestOf(wrapped: string): string {
  return sha256Hex(Buffer.from(wrapped, 'base64'));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
