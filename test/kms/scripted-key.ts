// A key backend that misbehaves as a test tells it to: rotated, refusing, hanging, sealing what KMS v2 cannot store.

import { createHash } from 'node:crypto';
import { Fault } from '../../src/base/fault.ts';
import { nonceBytes, open, sealInto, tagBytes } from '../../src/crypto/aead.ts';
import { keyFromBytes } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';

export interface KeyScript {
  /** What every call throws. */
  fault: Error | undefined;
  /** Calls never end, whatever their signal says. */
  hangs: boolean;
  /** In place of what was sealed. */
  ciphertext: Uint8Array | undefined;
  annotations: Record<string, Uint8Array>;
  keyId: string | undefined;
}

export interface ScriptedKey extends KeyBackend {
  readonly script: KeyScript;
  rotate(): void;
  readonly counts: { seal: number; open: number; probe: number };
}

/** Keys of one word are one key. */
export function scriptedKey(word = 'right'): ScriptedKey {
  const script: KeyScript = { fault: undefined, hangs: false, ciphertext: undefined, annotations: {}, keyId: undefined };
  const counts = { seal: 0, open: 0, probe: 0 };
  let version = 1;
  let healthy = true;
  const key = keyFromBytes(createHash('sha256').update(word).digest());
  const currentId = (): string => script.keyId ?? `${word}:v${version}`;
  const scripted = (): Promise<void> => {
    if (script.hangs) return new Promise(() => {});
    return script.fault === undefined ? Promise.resolve() : Promise.reject(script.fault);
  };
  return {
    type: 'scripted',
    script,
    counts,
    rotate() {
      version += 1;
    },
    current: () => ({ keyId: currentId(), healthy }),
    async seal(plaintext) {
      counts.seal += 1;
      await scripted();
      const keyId = currentId();
      const nonce = systemRandom(nonceBytes);
      const ciphertext = new Uint8Array(nonceBytes + plaintext.length + tagBytes);
      ciphertext.set(nonce);
      sealInto(key, nonce, plaintext, Buffer.from(keyId), ciphertext, nonceBytes);
      return { keyId, ciphertext: script.ciphertext ?? ciphertext, annotations: script.annotations };
    },
    async open({ keyId, ciphertext }) {
      counts.open += 1;
      await scripted();
      if (!keyId.startsWith(`${word}:`)) throw new Fault('invalid-request', 'the data was sealed with another key');
      const plaintext = open(key, ciphertext.subarray(0, nonceBytes), ciphertext.subarray(nonceBytes), Buffer.from(keyId));
      if (plaintext === undefined) throw new Fault('corrupted', 'the sealed data is damaged');
      return plaintext;
    },
    async probe() {
      counts.probe += 1;
      healthy = false;
      await scripted();
      healthy = true;
    },
    close: () => {},
  };
}
