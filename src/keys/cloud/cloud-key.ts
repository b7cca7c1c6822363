// A KeyBackend over a key that a cloud holds: it is asked for its name and version, pinned, and used under that name from then on.

import { Fault } from '../../base/fault.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { BackendParts } from '../backend-parts.ts';
import type { BackendState, KeyBackend, SealedBytes } from '../key-backend.ts';
import { innerOf, isPacked, type KeyName, packed, unpacked } from './sealed-form.ts';

export interface KeyFacts {
  /** Names one key for ever, where an alias does not. */
  readonly id: string;
  /** Of the key's material that encrypts now, where the cloud tells it. */
  readonly version?: string | undefined;
}

/** The calls of one cloud. All throw what KeyBackend's calls throw. */
export interface CloudCalls {
  readonly type: string;
  /** `AWS KMS`. */
  readonly service: string;
  /** Before the key's id in its name. */
  readonly prefix: string;
  /** What `key`, maybe an alias, leads to now. */
  describe(key: string, signal: AbortSignal): Promise<KeyFacts>;
  /** `version` where the answer tells what encrypted. */
  encrypt(id: string, plaintext: Uint8Array, signal: AbortSignal): Promise<{ readonly blob: Uint8Array; readonly version?: string }>;
  decrypt(id: string, blob: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** The cloud's ciphertext in what an earlier plugin for this cloud stored. */
  stored(ciphertext: Uint8Array): Uint8Array;
  close(): void;
}

/** `key` as the configuration says: an id, or an alias that is followed once, when the cloud is first reached. */
export function cloudKey(calls: CloudCalls, key: string, { log, random }: Pick<BackendParts, 'log' | 'random'>): KeyBackend {
  let known: KeyFacts | undefined;
  let healthy = false;
  let closed = false;
  /** Where a pinned alias leads by now. */
  let moved: string | undefined;
  const nameOf = ({ id, version }: KeyFacts): KeyName => {
    const bare = `${calls.prefix}:${id}`;
    return { key: bare, keyId: version === undefined ? bare : `${bare}#${version}` };
  };
  const refuseClosed = (): void => {
    if (closed) throw new Fault('unavailable', `the key of ${calls.service} has been closed`);
  };
  const pin = (facts: KeyFacts): KeyFacts => {
    if (known === undefined && facts.id !== key)
      log.info('the name of a key leads to', { service: calls.service, name: key, key: facts.id });
    known ??= facts;
    return known;
  };
  const pinned = async (signal: AbortSignal): Promise<KeyFacts> => known ?? pin(await calls.describe(key, signal));

  /** The version may be newer than the one asked for; an answer that was overtaken by another changes nothing. */
  const learn = (asked: KeyFacts, version: string | undefined): KeyFacts => {
    if (version === undefined || version === asked.version) return asked;
    const newer = { id: asked.id, version };
    if (known?.version === asked.version) known = newer;
    return newer;
  };

  const newest = async (signal: AbortSignal): Promise<KeyFacts> => {
    const found = await calls.describe(key, signal);
    if (known === undefined || found.id === known.id) return found;
    if (moved !== found.id) {
      log.warn('an alias leads to another key by now; the first one stays in use until the next start', {
        service: calls.service,
        alias: key,
        pinned: known.id,
        now: found.id,
      });
      moved = found.id;
    }
    return calls.describe(known.id, signal);
  };

  const prove = async ({ id, version }: KeyFacts, signal: AbortSignal): Promise<KeyFacts> => {
    const sample = random(32);
    const { blob, version: told } = await calls.encrypt(id, sample, signal);
    const opened = await calls.decrypt(id, blob, signal);
    const same = equalSecrets(opened, sample);
    wipe(opened, sample);
    if (!same) throw new Fault('unavailable', `${calls.service} opened other bytes than it sealed with key ${id}`);
    return { id, version: told ?? version };
  };

  const openStored = async ({ ciphertext }: SealedBytes, facts: KeyFacts, signal: AbortSignal): Promise<Buffer> => {
    if (ciphertext.length === 0) throw damaged();
    return Buffer.from(await calls.decrypt(facts.id, calls.stored(ciphertext), signal));
  };

  return {
    type: calls.type,
    current: (): BackendState => ({ keyId: known === undefined ? '' : nameOf(known).keyId, healthy }),
    async seal(plaintext, signal) {
      refuseClosed();
      const asked = await pinned(signal);
      const { form, inner } = innerOf(plaintext, random);
      try {
        const { blob, version } = await calls.encrypt(asked.id, inner, signal);
        const name = nameOf(learn(asked, version));
        return { keyId: name.keyId, ciphertext: packed(name, { form, inner, blob }, plaintext, random), annotations: {} };
      } finally {
        wipe(inner);
      }
    },
    async open(sealed, signal) {
      refuseClosed();
      const facts = await pinned(signal);
      const { key: own } = nameOf(facts);
      // The first version of the KMS wire tells no key: what an earlier plugin stored can come only from there.
      if (sealed.keyId === '' && !isPacked(sealed.ciphertext)) return openStored(sealed, facts, signal);
      const found = unpacked(sealed.ciphertext);
      if (found === undefined) throw damaged();
      const named = sealed.keyId === own || sealed.keyId.startsWith(`${own}#`);
      if (sealed.keyId === '' ? !found.hasKey(own) : !named) throw otherKey(sealed.keyId, own);
      if (sealed.keyId !== '' && !(found.hasKey(own) && found.hasKeyId(sealed.keyId))) throw damaged();
      const plaintext = found.open(await calls.decrypt(facts.id, found.blob, signal));
      if (plaintext === undefined) throw damaged();
      return plaintext;
    },
    async probe(signal) {
      refuseClosed();
      try {
        const proven = await prove(await newest(signal), signal);
        pin(proven);
        known = proven;
        healthy = true;
      } catch (thrown) {
        healthy = false;
        throw thrown;
      }
    },
    close() {
      closed = true;
      healthy = false;
      calls.close();
    },
  };
}

function damaged(): Fault {
  return new Fault('corrupted', 'the sealed data is damaged');
}

function otherKey(keyId: string, own: string): Fault {
  const sealedWith = keyId === '' ? 'another key' : `key ${keyId}`;
  return new Fault(
    'invalid-request',
    `the data was sealed with ${sealedWith}, and the configured key is ${own}: if an alias was given another key, put the key itself in the configuration`,
  );
}
