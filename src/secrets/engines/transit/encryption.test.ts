// Who may make a key by encrypting, where the existence check and the handler see different things.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../crypto/random.ts';
import type { EngineRequest } from '../../core/engine.ts';
import { createCipher } from './cipher.ts';
import { encryptionHandlers } from './encryption.ts';
import { type Key, usable, withNewVersion } from './key-record.ts';
import { checkTerms, type NewKeyTerms, newKey } from './key-settings.ts';
import type { Keyring } from './keyring.ts';
import { createNonces } from './nonces.ts';
import { createWorkingKeys } from './working-keys.ts';

async function made(name: string, terms: NewKeyTerms): Promise<Key> {
  return usable(await withNewVersion(newKey(name, terms), { type: checkTerms(terms), random: systemRandom, now: 0 }));
}

function handlersOver(found: Key | undefined) {
  const makings: string[] = [];
  const keyring = {
    find: () => found,
    findToSeal: async () => found,
    make: (name: string, terms: NewKeyTerms) => {
      makings.push(name);
      return made(name, terms);
    },
  } as unknown as Keyring;
  const cipher = createCipher(createWorkingKeys(), createNonces(systemRandom));
  return { makings, ...encryptionHandlers({ keyring, cipher, random: systemRandom, upsertAllowed: async () => true }) };
}

const requestTo = (operation: 'create' | 'update') => ({ operation }) as EngineRequest;

describe('an encryption that the policy allowed as an update', () => {
  it('makes no key when the key was deleted meanwhile', async () => {
    const { encrypt, makings } = handlersOver(undefined);
    for (const input of [{ plaintext: '' }, { batch_input: [{ plaintext: '' }] }])
      await expect(encrypt.write({ name: 'k', ...input }, requestTo('update'))).rejects.toThrow('encryption key not found');
    expect(makings).toStrictEqual([]);
  });
});

describe('an encryption that the policy allowed as a creation', () => {
  it('makes the key', async () => {
    const { encrypt, makings } = handlersOver(undefined);
    expect((await encrypt.write({ name: 'k', plaintext: '' }, requestTo('create')))?.data).toMatchObject({ key_version: 1 });
    expect(makings).toStrictEqual(['k']);
  });

  it('takes the key that somebody else made meanwhile, whatever its terms', async () => {
    const terms = {
      type: 'chacha20-poly1305',
      derived: false,
      convergent: false,
      exportable: false,
      plaintextBackup: false,
      autoRotatePeriod: 0,
    };
    const key = await made('k', terms);
    const { encrypt, decrypt, makings } = handlersOver(key);
    const answer = await encrypt.write({ name: 'k', plaintext: 'aGVsbG8=', context: 'Y3R4' }, requestTo('create'));
    const ciphertext = String(answer?.data?.['ciphertext']);
    expect((await decrypt.write({ name: 'k', ciphertext }, requestTo('update')))?.data).toStrictEqual({ plaintext: 'aGVsbG8=' });
    expect(makings).toStrictEqual([]);
  });
});
