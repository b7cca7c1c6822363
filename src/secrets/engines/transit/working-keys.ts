// The key that an operation works with: the version's own, or one derived from it for the context that came with the request.

import { Fault } from '../../../base/fault.ts';
import { contextBytes } from '../../../crypto/context-key.ts';
import { keyFromBytes } from '../../../crypto/keys.ts';
import { wipe } from '../../../crypto/wipe.ts';
import { decodeBase64 } from './base64.ts';
import type { Key } from './key-record.ts';
import type { KeyVersion, WorkingKey } from './key-types/key-type.ts';

export interface WorkingKeys {
  /** `context` is base64. Throws Fault `invalid-request` where a derived key has none. */
  of(key: Key, version: KeyVersion, context: string): WorkingKey;
  forget(): void;
}

const mostRemembered = 1024;
/** Characters: what is longer is derived each time. */
const longestRemembered = 256;
const nonceKeyBytes = 32;

/**
 * Derived keys are remembered for as long as their version is: it is forgotten when the key changes and when the server is
 * sealed. All together they are at most 1,024, after which all are forgotten.
 */
export function createWorkingKeys(): WorkingKeys {
  let remembered = new WeakMap<KeyVersion, Map<string, WorkingKey>>();
  let count = 0;
  const forget = () => {
    remembered = new WeakMap();
    count = 0;
  };
  const remember = (version: KeyVersion, context: string, working: WorkingKey) => {
    if (count >= mostRemembered) forget();
    const ofVersion = remembered.get(version) ?? new Map<string, WorkingKey>();
    remembered.set(version, ofVersion.set(context, working));
    count += 1;
  };
  return {
    of(key, version, context) {
      if (!key.settings.derived) return version;
      const known = remembered.get(version)?.get(context);
      if (known !== undefined) return known;
      const derived = derive(key, version, decodeBase64(context));
      if (context.length <= longestRemembered) remember(version, context, derived);
      return derived;
    },
    forget,
  };
}

/** As Vault's `hkdf_sha256`: convergent keys take another 32 bytes of the same stream for their nonces. */
function derive({ settings, type }: Key, version: KeyVersion, context: Uint8Array): WorkingKey {
  const { derivedBytes } = type;
  if (derivedBytes === undefined) throw new Fault('invalid-request', `derivation not supported for key type ${type.name}`);
  if (context.length === 0)
    throw new Fault(
      'invalid-request',
      "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key",
    );
  const bytes = contextBytes(version.key, context, derivedBytes + (settings.convergent ? nonceKeyBytes : 0));
  const key = type.load(bytes.subarray(0, derivedBytes));
  const working = settings.convergent ? { key, nonceKey: keyFromBytes(bytes.subarray(derivedBytes)) } : { key };
  wipe(bytes);
  return working;
}
