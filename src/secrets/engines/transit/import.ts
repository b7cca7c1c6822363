// Handlers of wrapping_key and of import/: keys that were made elsewhere and come wrapped.

import type { transit } from '../../../api/transit.ts';
import type { Clock } from '../../../base/clock.ts';
import { Fault } from '../../../base/fault.ts';
import type { RandomBytes } from '../../../base/random.ts';
import { oaepHash, publicPem, unwrapTransported } from '../../../crypto/key-wrap.ts';
import { wipe } from '../../../crypto/wipe.ts';
import type { Handlers } from '../../core/engine.ts';
import { decodeBase64 } from './base64.ts';
import { type StoredKey, withVersion } from './key-record.ts';
import { checkName, checkTerms, newKey } from './key-settings.ts';
import type { KeyType } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';
import type { Keyring } from './keyring.ts';
import type { WrappingKey } from './wrapping-key.ts';

export interface ImportParts {
  readonly keyring: Keyring;
  readonly wrappingKey: WrappingKey;
  readonly random: RandomBytes;
  readonly clock: Clock;
}

interface Wrapped {
  readonly ciphertext?: string | undefined;
  readonly hash_function?: string | undefined;
}

/** What is said of bytes that are refused is 400, as of a bad backup; what the state of a key forbids is 500, as elsewhere here. */
export function importHandlers(parts: ImportParts): Pick<Handlers<typeof transit>, 'wrappingKey' | 'import' | 'importVersion'> {
  const { keyring, wrappingKey, random, clock } = parts;

  const unwrapped = async ({ ciphertext, hash_function: name = 'SHA256' }: Wrapped): Promise<Buffer> => {
    if (ciphertext === undefined) throw refusal('provided type does not support public_key import');
    const hash = oaepHash(name);
    return unwrapTransported(await wrappingKey(), decodeBase64(ciphertext), hash);
  };
  const added = (before: StoredKey, type: KeyType, material: Uint8Array): StoredKey => {
    if (type.imported === undefined) throw refusal(`keys of type ${type.name} cannot be imported`);
    return withVersion(before, type.imported(material), { random, now: clock.now() });
  };

  return {
    wrappingKey: { read: async () => ({ data: { public_key: publicPem(await wrappingKey()) } }) },
    import: {
      async write({ name = '', type: typeName = 'aes256-gcm96', ...input }, { data }) {
        checkName(name);
        if ('convergent_encryption' in data) throw refusal('import cannot be used on keys with convergent encryption enabled');
        const { allow_rotation: rotatable = false, auto_rotate_period: autoRotatePeriod = 0 } = input;
        if (autoRotatePeriod > 0 && !rotatable) throw refusal('allow_rotation must be set to true if auto-rotation is enabled');
        const type = knownTypes.get(typeName.toLowerCase());
        if (type === undefined) throw refusal(`unknown key type: ${typeName}`);
        const terms = {
          type: type.name,
          derived: input.derived ?? false,
          convergent: false,
          exportable: input.exportable ?? false,
          plaintextBackup: input.allow_plaintext_backup ?? false,
          autoRotatePeriod,
        };
        checkTerms(terms);
        if ((await keyring.find(name)) !== undefined)
          throw new Fault(
            'engine-failed',
            'the import path cannot be used with an existing key; use import-version to rotate an existing imported key',
          );
        const material = await unwrapped(input);
        try {
          await keyring.restore(added({ ...newKey(name, terms), imported: { rotatable } }, type, material), false);
        } catch (thrown) {
          throw thrown instanceof Fault && thrown.code === 'invalid-request' ? refusal(`error importing key: ${thrown.message}`) : thrown;
        } finally {
          wipe(material);
        }
        return undefined;
      },
    },
    importVersion: {
      async write({ name = '', version, ...input }) {
        const absent = `no key found with name ${name}; to import a new key, use the import/ endpoint`;
        const key = await keyring.find(name);
        if (key === undefined) throw new Fault('engine-failed', absent);
        checkImported(key.settings);
        const material = await unwrapped(input);
        try {
          if (version !== undefined)
            throw refusal(key.versions.has(version) ? 'provided type does not support importing key versions' : 'no such key version');
          await keyring.change(name, absent, (before) => {
            // It may have been rotated here since it was looked at.
            checkImported(before);
            return added(before, key.type, material);
          });
        } finally {
          wipe(material);
        }
        return undefined;
      },
    },
  };
}

function refusal(message: string): Fault {
  return new Fault('invalid-request', message);
}

function checkImported({ imported, convergent }: Pick<StoredKey, 'imported' | 'convergent'>): void {
  if (imported === undefined) throw new Fault('engine-failed', 'the import_version endpoint can only be used with an imported key');
  if (convergent) throw new Fault('engine-failed', 'import_version cannot be used on keys with convergent encryption enabled');
}
