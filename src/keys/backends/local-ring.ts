// A KeyBackend over a ring of keys in a file: versions that are added to the file are noticed at the next probe.

import { Fault } from '../../base/fault.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { BackendParts } from '../backend-parts.ts';
import { fingerprintOf, openUnder, sealUnder } from '../cipher.ts';
import type { LocalDescription } from '../description.ts';
import type { KeyBackend } from '../key-backend.ts';
import { readPrivateFile } from '../private-file.ts';
import { type Ring, type RingKey, ringOf } from '../ring-file.ts';
import { readSecret } from '../secret-source.ts';

interface Loaded {
  readonly ring: Ring;
  readonly byFingerprint: ReadonlyMap<string, RingKey>;
  /** Of the file's bytes: a passphrase costs half a second, so the same file is not opened twice. */
  readonly digest: string;
}

/** Throws Fault `usage` for a file that others may read or a wrong passphrase, `corrupted` for a damaged file. */
export async function openLocalRing(
  { path, passphrase }: Omit<LocalDescription, 'type'>,
  { random, environment }: Pick<BackendParts, 'random' | 'environment'>,
): Promise<KeyBackend> {
  const load = async (known: Loaded | undefined): Promise<Loaded> => {
    const content = readPrivateFile(path, 'the key ring');
    const digest = sha256Hex(content);
    if (digest === known?.digest) return known;
    const secret = passphrase === undefined ? undefined : readSecret(passphrase, environment, 'the passphrase of the key ring');
    const ring = await ringOf(content, path, secret);
    return { ring, digest, byFingerprint: new Map(ring.keys.map((key) => [key.fingerprint, key])) };
  };
  let loaded: Loaded | undefined = await load(undefined);
  let keyId = loaded.ring.current.id;
  let healthy = true;
  const held = (): Loaded => {
    if (loaded === undefined) throw new Fault('unavailable', 'the key ring was closed');
    return loaded;
  };
  return {
    type: 'local',
    current: () => ({ keyId, healthy }),
    async seal(plaintext) {
      const { current } = held().ring;
      return { keyId: current.id, ciphertext: sealUnder(current, plaintext, current.id, random), annotations: {} };
    },
    async open(sealed) {
      const { ring, byFingerprint } = held();
      const fingerprint = fingerprintOf(sealed.ciphertext);
      if (fingerprint === undefined) throw new Fault('corrupted', 'the data was not sealed by a key ring, or is damaged');
      const key = byFingerprint.get(fingerprint);
      if (key === undefined || key.id !== sealed.keyId)
        throw new Fault(
          'invalid-request',
          `the data names key ${shown(sealed.keyId)}, which did not seal it or is not in the key ring ${ring.name}`,
        );
      return openUnder(key, sealed.ciphertext, key.id);
    },
    async probe() {
      const known = held();
      try {
        const found = await load(known);
        if (loaded === undefined) return;
        loaded = found;
        keyId = found.ring.current.id;
        healthy = true;
      } catch (thrown) {
        // What is in memory still seals and opens; a start would not.
        healthy = false;
        throw thrown;
      }
    },
    close() {
      loaded = undefined;
      healthy = false;
    },
  };
}

const longestShown = 100;

function shown(keyId: string): string {
  return JSON.stringify(keyId.length > longestShown ? `${keyId.slice(0, longestShown)}…` : keyId);
}
