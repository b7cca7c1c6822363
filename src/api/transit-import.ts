// Routes of transit for keys that were made elsewhere.

import { bool, duration, integer, text } from '../schema/fields.ts';

const name = text('Name of the key');

const importInput = {
  ciphertext: text('Base64: an AES key of 32 bytes under the wrapping key (RSA-OAEP), then the key under the AES key (AES-KWP)'),
  hash_function: text('Of OAEP: SHA1, SHA224, SHA256, SHA384 or SHA512', { default: 'SHA256' }),
  public_key: text('Of asymmetric keys only'),
} as const;

export const importRoutes = {
  wrappingKey: {
    path: 'wrapping_key',
    summary: 'The public key that keys are wrapped with on their way here.',
    help: 'RSA with 4096 bits, made when it is first asked for, which takes seconds; the same from then on.',
    fields: {},
    operations: { read: { summary: 'Read the key.', output: { public_key: text('PEM') } } },
  },
  import: {
    path: 'keys/{name}/import',
    summary: 'A key that was made elsewhere.',
    help: 'Wrap the key with wrapping_key: what PKCS#11 calls CKM_RSA_AES_KEY_WRAP. Whoever made it may have kept a copy.',
    fields: { name },
    operations: {
      write: {
        summary: 'Make a key of it.',
        input: {
          ...importInput,
          type: text('aes128-gcm96, aes256-gcm96 or chacha20-poly1305', { default: 'aes256-gcm96' }),
          allow_rotation: bool('Whether the server may make new versions; for good'),
          derived: bool('Whether every use needs a context'),
          exportable: bool('Whether the key may leave the server; for good'),
          allow_plaintext_backup: bool('Whether the key may be backed up; for good'),
          auto_rotate_period: duration('After which the key gets a new version; 0 for never, else an hour at least; needs allow_rotation'),
          context: text('Without effect here'),
        },
      },
    },
  },
  importVersion: {
    path: 'keys/{name}/import_version',
    summary: 'A new version of an imported key, made elsewhere.',
    help: 'Only while all versions of the key were imported.',
    fields: { name },
    operations: {
      write: {
        summary: 'Make a version of it.',
        input: { ...importInput, version: integer('A version that has only a public key; of asymmetric keys') },
      },
    },
  },
} as const;
