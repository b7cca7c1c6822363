// The sound requests of the transit engine, with marked plaintexts and inputs.

import { rsaKeyFromPem, wrapForTransport } from '../../src/crypto/key-wrap.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { type Call, type Known, marked } from './canary.ts';

const entitled = true;
const base64 = (text: string) => Buffer.from(text).toString('base64');

export const transitMade = (known: Known): readonly Call[] => [
  { route: 'transit.key.write', path: 'transit/keys/k', body: { exportable: true, allow_plaintext_backup: true } },
  { route: 'transit.key.read', path: 'transit/keys/k' },
  { route: 'transit.keys.list', path: 'transit/keys' },
  { route: 'transit.configKeys.write', path: 'transit/config/keys', body: { disable_upsert: true } },
  { route: 'transit.configKeys.read', path: 'transit/config/keys' },
  {
    route: 'transit.encrypt.write',
    path: 'transit/encrypt/k',
    body: { plaintext: base64(marked('plaintext')) },
    learn: ({ body }) => {
      known.ciphertext = body.data.ciphertext;
    },
  },
  {
    route: 'transit.encrypt.write',
    path: 'transit/encrypt/k',
    body: { batch_input: [{ plaintext: base64(marked('batch')) }, { plaintext: `not base64 ${marked('batch')}` }] },
    status: 400,
  },
  { route: 'transit.rotate.write', path: 'transit/keys/k/rotate', body: {} },
  { route: 'transit.config.write', path: 'transit/keys/k/config', body: { deletion_allowed: true } },
  { route: 'transit.datakey.write', path: 'transit/datakey/plaintext/k', body: {}, entitled },
  { route: 'transit.hmac.write', path: 'transit/hmac/k', body: { input: base64(marked('hmac')) } },
  { route: 'transit.hmacWith.write', path: 'transit/hmac/k/sha2-512', body: { input: base64(marked('hmac')) } },
  { route: 'transit.sign.write', path: 'transit/sign/k', body: { input: base64(marked('signed')) }, status: 400 },
  { route: 'transit.signWith.write', path: 'transit/sign/k/sha2-256', body: { input: base64(marked('signed')) }, status: 400 },
  { route: 'transit.verify.write', path: 'transit/verify/k', body: { input: base64(marked('verified')), hmac: 'vault:v1:AAAA' } },
  {
    route: 'transit.verifyWith.write',
    path: 'transit/verify/k/sha2-256',
    body: { input: base64(marked('verified')), hmac: 'vault:v1:AAAA' },
  },
  {
    route: 'transit.wrappingKey.read',
    path: 'transit/wrapping_key',
    learn: ({ body }) => {
      known.wrappingKey = body.data.public_key;
    },
  },
  { route: 'transit.hash.write', path: 'transit/hash', body: { input: base64(marked('hashed')) } },
  { route: 'transit.hashWith.write', path: 'transit/hash/sha2-256', body: { input: base64(marked('hashed')) } },
  { route: 'transit.random.write', path: 'transit/random', body: {} },
  { route: 'transit.randomOf.write', path: 'transit/random/platform', body: {} },
  { route: 'transit.randomBytesOf.write', path: 'transit/random/platform/8', body: {} },
  { route: 'transit.export.read', path: 'transit/export/encryption-key/k', entitled },
  { route: 'transit.exportVersion.read', path: 'transit/export/encryption-key/k/1', entitled },
  {
    route: 'transit.backup.read',
    path: 'transit/backup/k',
    entitled,
    learn: ({ body }) => {
      known.backup = body.data.backup;
    },
  },
];

/** Marked bytes as a key of 32, wrapped. */
function wrapped(known: Known): string {
  const key = Buffer.from(marked('imported')).subarray(0, 32);
  return wrapForTransport(rsaKeyFromPem(known.wrappingKey), Buffer.concat([key], 32), 'SHA256', systemRandom).toString('base64');
}

export const transitUsed = (known: Known): readonly Call[] => [
  { route: 'transit.decrypt.write', path: 'transit/decrypt/k', body: { ciphertext: known.ciphertext }, entitled },
  { route: 'transit.import.write', path: 'transit/keys/imported/import', body: { ciphertext: wrapped(known) } },
  {
    route: 'transit.import.write',
    path: 'transit/keys/refused/import',
    body: { ciphertext: wrapped(known), type: 'aes128-gcm96' },
    status: 400,
  },
  { route: 'transit.importVersion.write', path: 'transit/keys/imported/import_version', body: { ciphertext: wrapped(known) } },
  { route: 'transit.rewrap.write', path: 'transit/rewrap/k', body: { ciphertext: known.ciphertext } },
  { route: 'transit.restore.write', path: 'transit/restore', body: { backup: known.backup, force: true } },
  { route: 'transit.restoreAs.write', path: 'transit/restore/again', body: { backup: known.backup } },
  { route: 'transit.restore.write', path: 'transit/restore', body: { backup: base64(marked('backup')) }, status: 400 },
  { route: 'transit.config.write', path: 'transit/keys/k/config', body: { min_decryption_version: 2, min_encryption_version: 2 } },
  { route: 'transit.trim.write', path: 'transit/keys/k/trim', body: { min_available_version: 2 } },
  { route: 'transit.key.delete', path: 'transit/keys/k' },
];
