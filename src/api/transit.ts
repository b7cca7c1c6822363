// Transit: encryption as a service. Keys stay in the server; plaintext comes in, ciphertext goes out, and the other way round.

import { contract } from '../schema/contract.ts';
import { any, bool, duration, integer, map, text, texts } from '../schema/fields.ts';
import { importRoutes } from './transit-import.ts';

const name = text('Name of the key');
const context = text('Base64; derives a key of its own from a key that was made with `derived`');
const associatedData = text('Base64; not encrypted, and must be given again to decrypt');
const batchInput = any('List of items, each with the parameters of one call and a `reference`; what stands beside it is then ignored');
const batchResults = any('One result per item, in order: what a single call returns, or `error`, and the `reference`');
const keyVersion = integer('Which version of the key; 0 is the newest');
const partialFailure = integer('Status of the answer when some items failed and others did not, instead of 400');
const algorithm = text('sha2-224, sha2-256, sha2-384, sha2-512, sha3-224, sha3-256, sha3-384 or sha3-512');
const algorithmOfPath = text('The algorithm, before the one in the body');
const format = (what: string) => text('hex or base64', { default: what });

const keyOutput = {
  name: text('Name of the key'),
  type: text('Type of the key'),
  keys: map('When each version was made, by number; of asymmetric keys the public key too'),
  latest_version: integer('The newest version, which encrypts'),
  min_available_version: integer('The oldest version that is kept'),
  min_decryption_version: integer('The oldest version that decrypts'),
  min_encryption_version: integer('The oldest version that encrypts; 0 is the newest alone'),
  derived: bool('Whether every use needs a context'),
  kdf: text('How keys are derived; of derived keys'),
  convergent_encryption: bool('Whether equal plaintexts give equal ciphertexts; of derived keys'),
  convergent_encryption_version: integer('Always -1: each version says its own; of convergent keys'),
  exportable: bool('Whether the key may leave the server'),
  allow_plaintext_backup: bool('Whether the key may be backed up'),
  deletion_allowed: bool('Whether the key may be deleted'),
  auto_rotate_period: integer('Seconds after which the key gets a new version; 0 for never'),
  imported_key: bool('Whether the key was made elsewhere, and got no version here since'),
  imported_key_allow_rotation: bool('Whether the server may make new versions; of imported keys'),
  soft_deleted: bool('Always false'),
  supports_encryption: bool('Whether the type encrypts'),
  supports_decryption: bool('Whether the type decrypts'),
  supports_signing: bool('Whether the type signs'),
  supports_derivation: bool('Whether the type can be derived'),
  backup_info: map('Time and version of the last backup'),
  restore_info: map('Time and version of the last restoration'),
} as const;

const hmacRoute = {
  summary: 'A keyed digest of one input or many.',
  help: 'Made with a key that belongs to the version and serves nothing else.',
  operations: {
    write: {
      summary: 'Make the digest.',
      input: { input: text('Base64', { secret: true }), algorithm, key_version: keyVersion, batch_input: batchInput },
      output: { hmac: text('vault:v<version>:<base64>'), batch_results: batchResults },
    },
  },
} as const;

const signRoute = {
  summary: 'A signature.',
  help: 'Only asymmetric keys sign.',
  operations: {
    write: {
      summary: 'Sign.',
      input: { input: text('Base64', { secret: true }), context, key_version: keyVersion, batch_input: batchInput },
      output: {
        signature: text('vault:v<version>:<base64>'),
        key_version: integer('The version that signed'),
        batch_results: batchResults,
      },
    },
  },
} as const;

const verifyRoute = {
  summary: 'Whether a keyed digest or signature is right.',
  help: 'Give the input, and the digest as `hmac` or the signature as `signature`.',
  operations: {
    write: {
      summary: 'Verify.',
      input: {
        input: text('Base64', { secret: true }),
        hmac: text('A digest that hmac/ made'),
        signature: text('A signature that sign/ made'),
        algorithm,
        hash_algorithm: text('The same as algorithm, before it'),
        context,
        batch_input: batchInput,
      },
      output: { valid: bool('Whether it is of this key and this input'), batch_results: batchResults },
    },
  },
} as const;

const hashRoute = {
  summary: 'Hash some bytes.',
  help: 'Returns the digest of the input.',
  operations: {
    write: {
      summary: 'Hash.',
      input: { input: text('Base64', { secret: true }), algorithm, format: format('hex') },
      output: { sum: text('The digest') },
    },
  },
} as const;

const randomRoute = {
  summary: 'Random bytes.',
  help: 'All sources are the operating system.',
  operations: {
    write: {
      summary: 'Make them.',
      input: { bytes: integer('How many, up to 131,072', { default: 32 }), format: format('base64') },
      output: { random_bytes: text('The bytes', { secret: true }) },
    },
  },
} as const;

const exportOperations = {
  read: {
    summary: 'Export the key.',
    input: { format: text('raw, der, pem, or empty for what suits the type') },
    output: { name: text('Name of the key'), type: text('Type of the key'), keys: map('Keys by version', { secret: true }) },
  },
} as const;

const exportFields = { type: text('encryption-key, signing-key, hmac-key, public-key or certificate-chain'), name } as const;

const restoreInput = {
  backup: text('What backup/ returned, of this server or of another', { secret: true }),
  force: bool('Whether a key of that name is replaced'),
} as const;

export const transit = contract({
  name: 'transit',
  description: 'Encrypts and decrypts with keys that stay in the server.',
  routes: {
    keys: {
      path: 'keys',
      summary: 'The names of all keys.',
      help: 'Names only.',
      fields: {},
      operations: {
        list: {
          summary: 'List the names.',
          input: { after: text('Only names after this one'), limit: integer('At most so many') },
          output: { keys: texts('Names') },
        },
      },
    },
    key: {
      path: 'keys/{name}',
      summary: 'A key: its settings and its versions, without the bytes.',
      help: 'Making a key that exists leaves it as it is. Deleting it must have been allowed with keys/<name>/config.',
      fields: { name },
      operations: {
        read: { summary: 'Read settings and versions.', input: { context }, output: keyOutput },
        write: {
          summary: 'Make the key.',
          input: {
            type: text('aes128-gcm96, aes256-gcm96 or chacha20-poly1305', { default: 'aes256-gcm96' }),
            derived: bool('Whether every use needs a context'),
            convergent_encryption: bool('Whether equal plaintexts give equal ciphertexts; needs derived'),
            exportable: bool('Whether the key may leave the server; for good'),
            allow_plaintext_backup: bool('Whether the key may be backed up; for good'),
            auto_rotate_period: duration('After which the key gets a new version; 0 for never, else an hour at least'),
            key_size: integer('Of hmac keys only'),
            context,
          },
          output: keyOutput,
        },
        delete: { summary: 'Delete the key with all its versions.' },
      },
    },
    config: {
      path: 'keys/{name}/config',
      summary: 'Settings of a key.',
      help: 'exportable and allow_plaintext_backup cannot be taken back.',
      fields: { name },
      operations: {
        write: {
          summary: 'Change the settings that are given.',
          input: {
            min_decryption_version: integer('The oldest version that decrypts'),
            min_encryption_version: integer('The oldest version that encrypts; 0 is the newest alone'),
            deletion_allowed: bool('Whether the key may be deleted'),
            exportable: bool('Whether the key may leave the server; for good'),
            allow_plaintext_backup: bool('Whether the key may be backed up; for good'),
            auto_rotate_period: duration('After which the key gets a new version; 0 for never, else an hour at least'),
          },
          output: keyOutput,
        },
      },
    },
    rotate: {
      path: 'keys/{name}/rotate',
      summary: 'A new version of a key.',
      help: 'The new version encrypts from now on; older ones decrypt what they encrypted.',
      fields: { name },
      operations: { write: { summary: 'Make a version.', output: keyOutput } },
    },
    trim: {
      path: 'keys/{name}/trim',
      summary: 'Old versions of a key.',
      help: 'Deletes the versions below a number, for good. They must neither encrypt nor decrypt any more.',
      fields: { name },
      operations: {
        write: {
          summary: 'Delete old versions.',
          input: { min_available_version: integer('The oldest version that is kept') },
          output: keyOutput,
        },
      },
    },
    ...importRoutes,
    configKeys: {
      path: 'config/keys',
      summary: 'Settings of all keys of this mount.',
      help: 'Without upsert, only keys/ makes keys.',
      fields: {},
      operations: {
        read: { summary: 'Read the settings.', output: { disable_upsert: bool('Whether encrypt/ makes no keys') } },
        write: {
          summary: 'Change the settings.',
          input: { disable_upsert: bool('Whether encrypt/ makes no keys') },
          output: { disable_upsert: bool('Whether encrypt/ makes no keys') },
        },
      },
    },
    encrypt: {
      path: 'encrypt/{name}',
      summary: 'Encrypt one text or many.',
      help: 'A key that does not exist is made, where the policy has `create`; derived when there is a context.',
      fields: { name },
      exists: true,
      operations: {
        write: {
          summary: 'Encrypt.',
          input: {
            plaintext: text('Base64', { secret: true }),
            context,
            associated_data: associatedData,
            key_version: keyVersion,
            type: text('Type of a key that is made', { default: 'aes256-gcm96' }),
            convergent_encryption: bool('Of a key that is made'),
            partial_failure_response_code: partialFailure,
            batch_input: batchInput,
          },
          output: {
            ciphertext: text('vault:v<version>:<base64>'),
            key_version: integer('The version that encrypted'),
            batch_results: batchResults,
          },
        },
      },
    },
    decrypt: {
      path: 'decrypt/{name}',
      summary: 'Decrypt one ciphertext or many.',
      help: 'Context and associated data must be those that were given to encrypt.',
      fields: { name },
      operations: {
        write: {
          summary: 'Decrypt.',
          input: {
            ciphertext: text('vault:v<version>:<base64>'),
            context,
            associated_data: associatedData,
            partial_failure_response_code: partialFailure,
            batch_input: batchInput,
          },
          output: { plaintext: text('Base64', { secret: true }), batch_results: batchResults },
        },
      },
    },
    rewrap: {
      path: 'rewrap/{name}',
      summary: 'Encrypt anew what is encrypted, without showing it.',
      help: 'After a rotation this moves ciphertexts to the newest version.',
      fields: { name },
      operations: {
        write: {
          summary: 'Encrypt anew.',
          input: {
            ciphertext: text('vault:v<version>:<base64>'),
            context,
            associated_data: associatedData,
            key_version: keyVersion,
            batch_input: batchInput,
          },
          output: {
            ciphertext: text('vault:v<version>:<base64>'),
            key_version: integer('The version that encrypted'),
            batch_results: batchResults,
          },
        },
      },
    },
    datakey: {
      path: 'datakey/{plaintext}/{name}',
      summary: 'A new random key, encrypted with a key of the server.',
      help: 'For data that is encrypted elsewhere: `plaintext` returns the new key in both forms, `wrapped` only encrypted.',
      fields: { plaintext: text('plaintext or wrapped'), name },
      operations: {
        write: {
          summary: 'Make a key.',
          input: {
            bits: integer('128, 256 or 512', { default: 256 }),
            context,
            associated_data: associatedData,
            key_version: keyVersion,
          },
          output: {
            ciphertext: text('vault:v<version>:<base64>'),
            key_version: integer('The version that encrypted'),
            plaintext: text('Base64', { secret: true }),
          },
        },
      },
    },
    hmac: { path: 'hmac/{name}', fields: { name }, ...hmacRoute },
    hmacWith: { path: 'hmac/{name}/{urlalgorithm}', fields: { name, urlalgorithm: algorithmOfPath }, ...hmacRoute },
    sign: { path: 'sign/{name}', fields: { name }, ...signRoute },
    signWith: { path: 'sign/{name}/{urlalgorithm}', fields: { name, urlalgorithm: algorithmOfPath }, ...signRoute },
    verify: { path: 'verify/{name}', fields: { name }, ...verifyRoute },
    verifyWith: { path: 'verify/{name}/{urlalgorithm}', fields: { name, urlalgorithm: algorithmOfPath }, ...verifyRoute },
    hash: { path: 'hash', fields: {}, ...hashRoute },
    hashWith: { path: 'hash/{urlalgorithm}', fields: { urlalgorithm: algorithmOfPath }, ...hashRoute },
    random: { path: 'random', fields: {}, ...randomRoute },
    randomOf: { path: 'random/{source}', fields: { source: text('How many, or platform, seal or all') }, ...randomRoute },
    randomBytesOf: {
      path: 'random/{source}/{urlbytes}',
      fields: { source: text('platform, seal or all'), urlbytes: text('How many') },
      ...randomRoute,
    },
    export: {
      path: 'export/{type}/{name}',
      summary: 'The bytes of all versions of an exportable key.',
      help: 'Whoever has them can decrypt without the server.',
      fields: exportFields,
      operations: exportOperations,
    },
    exportVersion: {
      path: 'export/{type}/{name}/{version}',
      summary: 'The bytes of one version of an exportable key.',
      help: 'Whoever has them can decrypt without the server.',
      fields: { ...exportFields, version: text('A number, or latest') },
      operations: exportOperations,
    },
    backup: {
      path: 'backup/{name}',
      summary: 'A key with all its versions and settings, as one text.',
      help: 'In clear: whoever has it has the key. Needs exportable and allow_plaintext_backup.',
      fields: { name },
      operations: { read: { summary: 'Back the key up.', output: { backup: text('Base64', { secret: true }) } } },
    },
    restore: {
      path: 'restore',
      summary: 'A key out of its backup.',
      help: 'Backups of Vault and OpenBao are taken too.',
      fields: { name: text('A new name; the one in the backup otherwise') },
      operations: { write: { summary: 'Restore the key.', input: restoreInput } },
    },
    restoreAs: {
      path: 'restore/{name}',
      summary: 'A key out of its backup, under another name.',
      help: 'Backups of Vault and OpenBao are taken too.',
      fields: { name },
      operations: { write: { summary: 'Restore the key.', input: restoreInput } },
    },
  },
});
