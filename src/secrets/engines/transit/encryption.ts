// Handlers of encrypt/, decrypt/, rewrap/ and datakey/.

import type { transit } from '../../../api/transit.ts';
import { Fault } from '../../../base/fault.ts';
import type { RandomBytes } from '../../../base/random.ts';
import { wipe } from '../../../crypto/wipe.ts';
import type { EngineRequest, Handlers } from '../../core/engine.ts';
import { batchAnswer, haveContext, type Item, parseItems, workThrough } from './batch.ts';
import type { Cipher, Circumstances, Sealed } from './cipher.ts';
import type { Key } from './key-record.ts';
import type { Keyring } from './keyring.ts';

export interface EncryptionParts {
  readonly keyring: Keyring;
  readonly cipher: Cipher;
  readonly random: RandomBytes;
  readonly upsertAllowed: () => Promise<boolean>;
}

/** What an item of a batch comes to. */
type Encrypted = Sealed | { readonly error: string };
type Decrypted = { readonly plaintext: string; readonly error?: string };

interface Wanted {
  readonly name: string;
  readonly type?: string | undefined;
  readonly convergent_encryption?: boolean | undefined;
}

export function encryptionHandlers(parts: EncryptionParts): Pick<Handlers<typeof transit>, 'encrypt' | 'decrypt' | 'rewrap' | 'datakey'> {
  const { keyring, cipher, random } = parts;

  const decrypt = (key: Key, item: Item): string => {
    const plaintext = cipher.open(key, ciphertextOf(item), item);
    const text = plaintext.toString('base64');
    wipe(plaintext);
    return text;
  };
  const rewrap = (key: Key, item: Item): Sealed => cipher.seal(key, cipher.open(key, ciphertextOf(item), item), item);

  const keyToEncrypt = async (terms: Wanted, derived: boolean, request: EngineRequest): Promise<Key> => {
    const convergent = terms.convergent_encryption === true;
    const found = await keyring.findToSeal(terms.name);
    if (found !== undefined) return found;
    // Without `create` the policy has not allowed to make one.
    if (request.operation !== 'create' || !(await parts.upsertAllowed())) throw notFound();
    if (convergent && !derived)
      throw new Fault('invalid-request', 'convergent encryption requires derivation to be enabled, so context is required');
    return keyring.make(terms.name, {
      type: terms.type ?? 'aes256-gcm96',
      derived,
      convergent,
      exportable: false,
      plaintextBackup: false,
      autoRotatePeriod: 0,
    });
  };

  return {
    encrypt: {
      exists: async ({ name = '' }) => (await keyring.find(name)) !== undefined,
      async write({ name = '', ...input }, request) {
        if (input.batch_input == null) {
          if (input.plaintext === undefined) throw new Fault('invalid-request', 'missing plaintext to encrypt');
          const derived = input.context !== undefined && input.context !== '';
          return { data: cipher.encrypt(await keyToEncrypt({ name, ...input }, derived, request), input.plaintext, input) };
        }
        const items = parseItems(input.batch_input, 'plaintext');
        const key = await keyToEncrypt({ name, ...input }, haveContext(items), request);
        const work = (item: Item): Encrypted => cipher.encrypt(key, item.plaintext ?? '', item);
        return batchAnswer(await workThrough(items, work, asError), input.partial_failure_response_code);
      },
    },
    decrypt: {
      async write({ name = '', ...input }) {
        if (input.batch_input == null) {
          checkCiphertext(input.ciphertext);
          return { data: { plaintext: decrypt(required(await keyring.find(name)), input as Item) } };
        }
        const items = parseItems(input.batch_input, 'ciphertext');
        haveContext(items);
        const key = required(await keyring.find(name));
        const work = (item: Item): Decrypted => ({ plaintext: decrypt(key, item) });
        const failed = (error: string): Decrypted => ({ plaintext: '', error });
        return batchAnswer(await workThrough(items, work, failed), input.partial_failure_response_code);
      },
    },
    rewrap: {
      async write({ name = '', ...input }) {
        if (input.batch_input == null) {
          checkCiphertext(input.ciphertext);
          return { data: rewrap(required(await keyring.findToSeal(name)), input as Item) };
        }
        const items = parseItems(input.batch_input);
        haveContext(items);
        const key = required(await keyring.findToSeal(name));
        const { results } = await workThrough<Encrypted>(items, (item) => rewrap(key, item), asError);
        return { data: { batch_results: results } };
      },
    },
    datakey: {
      async write({ plaintext: form, name = '', bits = 256, ...circumstances }) {
        if (form !== 'plaintext' && form !== 'wrapped')
          throw new Fault('invalid-request', "Invalid path, must be 'plaintext' or 'wrapped'");
        const key = required(await keyring.findToSeal(name));
        if (bits !== 128 && bits !== 256 && bits !== 512) throw new Fault('invalid-request', 'invalid bit length');
        const made = random(bits / 8);
        const plaintext = form === 'plaintext' ? { plaintext: base64Text(made) } : {};
        return { data: { ...cipher.seal(key, made, circumstances as Circumstances), ...plaintext } };
      },
    },
  };
}

function base64Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function asError(error: string): Encrypted {
  return { error };
}

function required(key: Key | undefined): Key {
  if (key === undefined) throw notFound();
  return key;
}

function notFound(): Fault {
  return new Fault('invalid-request', 'encryption key not found');
}

function ciphertextOf({ ciphertext }: Item): string {
  checkCiphertext(ciphertext);
  return ciphertext;
}

function checkCiphertext(ciphertext: string | null | undefined): asserts ciphertext is string {
  if (ciphertext == null || ciphertext === '') throw new Fault('invalid-request', 'missing ciphertext to decrypt');
}
