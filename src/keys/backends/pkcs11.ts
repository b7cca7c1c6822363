// A KeyBackend over an AES key in a hardware security module, or whatever else has a PKCS#11 module: the key never leaves its token.

import { existsSync } from 'node:fs';
import { Fault } from '../../base/fault.ts';
import { nonceBytes, tagBytes } from '../../crypto/aead.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { BackendParts } from '../backend-parts.ts';
import type { Pkcs11Description } from '../description.ts';
import type { KeyBackend, SealedBytes } from '../key-backend.ts';
import { connect, type Pace, usualPace } from '../pkcs11/connection.ts';
import { guardOfProcess } from '../pkcs11/login-guard.ts';
import type { CurrentKey } from '../pkcs11/messages.ts';

/** Throws Fault `usage` for a module that is not there. Nothing of it is loaded before the first call. */
export function openPkcs11(description: Pkcs11Description, parts: BackendParts, pace: Pace = usualPace): KeyBackend {
  const { lib, slot, tokenLabel, keyLabel, keyId: id, pin } = description;
  if (!existsSync(lib)) throw new Fault('usage', `the PKCS#11 module ${lib} is not there: name the path of the vendor's library with lib`);
  const choice = { lib, slot, tokenLabel, keyLabel, keyId: id?.toLowerCase() };
  const connection = connect({ choice, pin, parts, guard: guardOfProcess, pace });
  let known: Named | undefined;
  let healthy = false;

  const look = async (signal: AbortSignal): Promise<Named> => named(await connection.ask('current', undefined, signal));
  const sealAs = async (key: Named, plaintext: Uint8Array, signal: AbortSignal): Promise<SealedBytes> => {
    const { keyId, fingerprint } = key;
    const context = contextOf(key);
    const { nonce, ciphertext } = await connection.ask(
      'seal',
      { fingerprint, nonce: parts.random(nonceBytes), plaintext, context },
      signal,
    );
    return { keyId, ciphertext: Buffer.concat([context.subarray(0, prefixBytes), nonce, ciphertext]), annotations: {} };
  };
  const openAs = (key: Named, ciphertext: Uint8Array, signal: AbortSignal): Promise<Uint8Array> =>
    connection.ask(
      'open',
      {
        fingerprint: key.fingerprint,
        nonce: ciphertext.subarray(prefixBytes, headerBytes),
        ciphertext: ciphertext.subarray(headerBytes),
        context: contextOf(key),
      },
      signal,
    );

  return {
    type: 'pkcs11',
    current: () => ({ keyId: known?.keyId ?? '', healthy }),
    async seal(plaintext, signal) {
      known ??= await look(signal);
      const asked = known;
      try {
        return await sealAs(asked, plaintext, signal);
      } catch (thrown) {
        if (!(thrown instanceof Fault && thrown.code === 'not-found')) throw thrown;
        known = await look(signal);
        return sealAs(known, plaintext, signal);
      }
    },
    async open({ keyId, ciphertext }, signal) {
      const fingerprint = fingerprintOf(ciphertext);
      if (fingerprint === undefined) throw new Fault('corrupted', 'the data was not sealed by a PKCS#11 token, or is damaged');
      if (!(keyId.startsWith('pkcs11:') && keyId.endsWith(`:${fingerprint}`)))
        throw new Fault('invalid-request', `the data names the key ${JSON.stringify(keyId.slice(0, longestShown))}, which did not seal it`);
      return Buffer.from(await openAs({ keyId, fingerprint }, ciphertext, signal));
    },
    async probe(signal) {
      try {
        const found = await look(signal);
        const sample = parts.random(32);
        const { ciphertext } = await sealAs(found, sample, signal);
        const opened = await openAs(found, ciphertext, signal);
        const same = equalSecrets(opened, sample);
        wipe(opened, sample);
        if (!same) throw new Fault('unavailable', 'the PKCS#11 token opened other bytes than it sealed');
        known = found;
        healthy = true;
      } catch (thrown) {
        healthy = false;
        throw thrown;
      }
    },
    close() {
      healthy = false;
      connection.close();
    },
  };
}

interface Named {
  readonly keyId: string;
  /** 16 bytes as hex. */
  readonly fingerprint: string;
}

const longestShown = 200;

/** Without the token's serial number: every node may have a token of its own, with the same key in it. */
function named({ label, fingerprint }: CurrentKey): Named {
  return { keyId: `pkcs11:${encodeURIComponent(label).slice(0, longestShown)}:${fingerprint}`, fingerprint };
}

/** Never to change: format, fingerprint of the key, nonce, and ciphertext with tag. Format, fingerprint and key id are associated data. */
const format = 1;
const prefixBytes = 1 + 16;
const headerBytes = prefixBytes + nonceBytes;

function contextOf({ keyId, fingerprint }: Named): Uint8Array {
  return Buffer.concat([Buffer.from([format]), Buffer.from(fingerprint, 'hex'), Buffer.from(keyId)]);
}

/** Undefined for bytes that do not begin as ours. */
function fingerprintOf(ciphertext: Uint8Array): string | undefined {
  if (ciphertext.length < headerBytes + tagBytes || ciphertext[0] !== format) return undefined;
  return Buffer.from(ciphertext.subarray(1, prefixBytes)).toString('hex');
}
