// Keys made elsewhere over HTTP: they come wrapped, work like others, and the server makes no versions of them unless it may.

import { beforeAll, describe, expect, test } from 'vitest';
import { oaepHash, rsaKeyFromPem, wrapForTransport } from '../../src/crypto/key-wrap.ts';
import type { KeyObject } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { done, framed, nothingThere, refused, type Shape, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';
import { base64, hello, transitCalls } from './transit-calls.ts';

const shared = sharedServer();
const { call, mount } = shared;
const { write, ciphertextOf } = transitCalls(shared);

/** One for all tests: its wrapping key takes seconds. */
let transit: string;
let wrappingKey: KeyObject;
let pem: string;
beforeAll(async () => {
  transit = await mount('transit');
  const answers = await Promise.all([1, 2, 3].map(() => call('GET', `${transit}/wrapping_key`)));
  pem = answers[0]?.body.data.public_key;
  for (const answer of answers) expect(said(answer)).toEqual(shown({ public_key: pem }));
  wrappingKey = rsaKeyFromPem(pem);
}, 60_000);

let made = 0;
const freshName = () => `key-${++made}`;
const material = (length = 32, fill = 7) => Buffer.alloc(length, fill);
const wrapped = (key = material(), hash = 'SHA256') => wrapForTransport(wrappingKey, key, oaepHash(hash), systemRandom).toString('base64');

/** The name of a key that was imported. */
async function imported(body: Shape = {}, key = material()): Promise<string> {
  const name = freshName();
  expect(said(await write(`${transit}/keys/${name}/import`, { ciphertext: wrapped(key), ...body }))).toEqual(done);
  return name;
}
const read = async (name: string) => (await call('GET', `${transit}/keys/${name}`)).body.data;
const exported = async (name: string) => (await call('GET', `${transit}/export/encryption-key/${name}`)).body.data.keys;

describe('the wrapping key', () => {
  test('is a public RSA key of 4096 bits, and the same for all who ask', async () => {
    expect(wrappingKey.asymmetricKeyDetails?.modulusLength).toBe(4096);
    expect(said(await call('GET', `${transit}/wrapping_key`))).toEqual(shown({ public_key: pem }));
  });

  test('is no key that can be listed, read or used', async () => {
    await imported();
    expect((await call('LIST', `${transit}/keys`)).body.data.keys).not.toContain('wrapping-key');
    expect(said(await call('GET', `${transit}/keys/wrapping-key`))).toEqual(nothingThere);
  });

  test('is shown to nobody whose policy does not say so', async () => {
    const token = await shared.tokenWith(`path "${transit}/keys/*" { capabilities = ["update"] }`);
    expect((await call('GET', `${transit}/wrapping_key`, { token })).status).toBe(403);
  });
});

describe('a key that was made elsewhere', () => {
  test.each([
    ['aes128-gcm96', 16],
    ['aes256-gcm96', 32],
    ['chacha20-poly1305', 32],
  ])('of type %s encrypts and decrypts, and is the one that was sent', async (type, length) => {
    const key = material(length, 9);
    const name = await imported({ type, exportable: true }, key);
    const ciphertext = await ciphertextOf(`${transit}/encrypt/${name}`);
    expect((await write(`${transit}/decrypt/${name}`, { ciphertext })).body.data.plaintext).toBe(hello);
    expect(await exported(name)).toEqual({ 1: key.toString('base64') });
  });

  test.each(['SHA1', 'SHA224', 'sha256', 'SHA384', 'SHA512'])('may be wrapped with %s', async (hash) => {
    const key = material(32, 11);
    const name = await imported({ ciphertext: wrapped(key, hash), hash_function: hash, exportable: true });
    expect(await exported(name)).toEqual({ 1: key.toString('base64') });
  });

  test('is shown as imported, with the time of the import, and what it was imported with', async () => {
    const before = Math.floor(Date.now() / 1000);
    const shownKey = await read(await imported({ allow_plaintext_backup: true, type: 'AES256-GCM96' }));
    expect(shownKey).toMatchObject({
      type: 'aes256-gcm96',
      imported_key: true,
      imported_key_allow_rotation: false,
      allow_plaintext_backup: true,
      exportable: false,
      derived: false,
      latest_version: 1,
      min_decryption_version: 1,
    });
    expect(shownKey.keys[1]).toBeGreaterThanOrEqual(before);
    const rotatable = { allow_rotation: true, auto_rotate_period: '2h', derived: true };
    expect(await read(await imported(rotatable))).toMatchObject({
      imported_key_allow_rotation: true,
      auto_rotate_period: 7200,
      derived: true,
      kdf: 'hkdf_sha256',
    });
    await write(`${transit}/keys/own`);
    expect(await read('own')).toMatchObject({ imported_key: false });
    expect(await read('own')).not.toHaveProperty('imported_key_allow_rotation');
  });

  test('keeps its name: a second import is refused, and changes nothing', async () => {
    const name = await imported({ exportable: true });
    expect(said(await write(`${transit}/keys/${name}/import`, { ciphertext: wrapped(material(32, 1)) }))).toEqual(
      refused(500, framed('the import path cannot be used with an existing key; use import-version to rotate an existing imported key')),
    );
    expect(await exported(name)).toEqual({ 1: material().toString('base64') });
  });

  test('is made once when many import it at the same time', async () => {
    const name = freshName();
    const bodies = [1, 2, 3, 4].map((fill) => ({ ciphertext: wrapped(material(32, fill)) }));
    const answers = await Promise.all(bodies.map((body) => write(`${transit}/keys/${name}/import`, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 500, 500, 500]);
    expect((await read(name)).latest_version).toBe(1);
  });

  test('needs no more than update on its path', async () => {
    const name = freshName();
    const token = await shared.tokenWith(`path "${transit}/keys/${name}/import" { capabilities = ["update"] }`);
    const body = { ciphertext: wrapped() };
    expect((await call('POST', `${transit}/keys/other/import`, { token, body })).status).toBe(403);
    expect((await call('POST', `${transit}/keys/${name}/import`, { token, body })).status).toBe(204);
  });

  test('is as imported after a backup and its restoration as it was before', async () => {
    const name = await imported({ exportable: true, allow_plaintext_backup: true, allow_rotation: true });
    const { backup } = (await call('GET', `${transit}/backup/${name}`)).body.data;
    expect(said(await write(`${transit}/restore/${name}-again`, { backup }))).toEqual(done);
    expect(await read(`${name}-again`)).toMatchObject({ imported_key: true, imported_key_allow_rotation: true });
  });
});

describe('an import', () => {
  const material20 = base64('not twenty bytes, yet');
  test.each<readonly [what: string, body: () => Shape, why: string]>([
    ['nothing', () => ({}), 'provided type does not support public_key import'],
    ['a public key', () => ({ public_key: 'x' }), 'provided type does not support public_key import'],
    ['an empty ciphertext', () => ({ ciphertext: '' }), 'provided ciphertext is too short'],
    ['no base64', () => ({ ciphertext: "this isn't correct" }), 'illegal base64 data at input byte 4'],
    ['a short ciphertext', () => ({ ciphertext: material20 }), 'provided ciphertext is too short'],
    ['bytes of chance', () => ({ ciphertext: Buffer.alloc(552, 5).toString('base64') }), 'crypto/rsa: decryption error'],
    ['another hash function', () => ({ ciphertext: wrapped(), hash_function: 'SHA512' }), 'crypto/rsa: decryption error'],
    ['an unknown hash function', () => ({ ciphertext: wrapped(), hash_function: 'MD5' }), 'unknown hash function: MD5'],
    ['an unknown type', () => ({ ciphertext: wrapped(), type: 'Nosuch' }), 'unknown key type: Nosuch'],
    [
      'a key of another size',
      () => ({ ciphertext: wrapped(), type: 'aes128-gcm96' }),
      'error importing key: invalid key size 32 bytes for key type aes128-gcm96',
    ],
    [
      'a convergent key',
      () => ({ ciphertext: wrapped(), derived: true, convergent_encryption: false }),
      'import cannot be used on keys with convergent encryption enabled',
    ],
    [
      'rotation that is not allowed',
      () => ({ ciphertext: wrapped(), auto_rotate_period: '2h' }),
      'allow_rotation must be set to true if auto-rotation is enabled',
    ],
    [
      'rotation too often',
      () => ({ ciphertext: wrapped(), auto_rotate_period: '2m', allow_rotation: true }),
      'auto rotate period must be 0 to disable or at least an hour',
    ],
  ])('of %s is refused and makes nothing', async (_what, body, why) => {
    const name = freshName();
    expect(said(await write(`${transit}/keys/${name}/import`, body()))).toEqual(refused(400, why));
    expect(said(await call('GET', `${transit}/keys/${name}`))).toEqual(nothingThere);
  });

  test('of a ciphertext that was changed on its way is refused', async () => {
    const bytes = Buffer.from(wrapped(), 'base64');
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    expect(said(await write(`${transit}/keys/${freshName()}/import`, { ciphertext: bytes.toString('base64') }))).toEqual(
      refused(400, 'kwp: unwrap failed integrity check'),
    );
  });

  test('under a name that no key can have leads nowhere', async () => {
    expect((await write(`${transit}/keys/-x/import`, { ciphertext: wrapped() })).status).toBe(404);
  });
});

describe('rotation of an imported key', () => {
  test('is its owner’s: the server makes no version', async () => {
    const name = await imported();
    const why = refused(500, framed(`imported key ${name} does not allow rotation within Vault`));
    expect(said(await write(`${transit}/keys/${name}/rotate`))).toEqual(why);
    expect((await read(name)).latest_version).toBe(1);
  });

  test('is the server’s where that was allowed, and makes the key its own', async () => {
    const name = await imported({ allow_rotation: true });
    const old = await ciphertextOf(`${transit}/encrypt/${name}`);
    expect((await write(`${transit}/keys/${name}/rotate`)).body.data).toMatchObject({ latest_version: 2, imported_key: false });
    expect(await read(name)).not.toHaveProperty('imported_key_allow_rotation');
    expect((await write(`${transit}/decrypt/${name}`, { ciphertext: old })).body.data.plaintext).toBe(hello);
    expect(said(await write(`${transit}/keys/${name}/import_version`, { ciphertext: wrapped() }))).toEqual(
      refused(500, framed('the import_version endpoint can only be used with an imported key')),
    );
  });

  test('by import_version encrypts with the new version and decrypts what the old one did', async () => {
    const name = await imported({ exportable: true });
    const old = await ciphertextOf(`${transit}/encrypt/${name}`);
    expect(said(await write(`${transit}/keys/${name}/import_version`, { ciphertext: wrapped(material(32, 8)) }))).toEqual(done);
    expect(await read(name)).toMatchObject({ latest_version: 2, imported_key: true });
    expect(await exported(name)).toEqual({ 1: material(32, 7).toString('base64'), 2: material(32, 8).toString('base64') });
    expect(await ciphertextOf(`${transit}/encrypt/${name}`)).toMatch(/^vault:v2:/);
    expect((await write(`${transit}/decrypt/${name}`, { ciphertext: old })).body.data.plaintext).toBe(hello);
  });

  test('by import_version is refused for another size, for a version that is there, and for keys that were not imported', async () => {
    const name = await imported();
    const version = (body: Shape, of = name) => write(`${transit}/keys/${of}/import_version`, body).then(said);
    expect(await version({ ciphertext: wrapped(material(16)) })).toEqual(
      refused(400, 'invalid key size 16 bytes for key type aes256-gcm96'),
    );
    expect(await version({ ciphertext: wrapped(), version: 1 })).toEqual(
      refused(400, 'provided type does not support importing key versions'),
    );
    expect(await version({ ciphertext: wrapped(), version: 3 })).toEqual(refused(400, 'no such key version'));
    expect(await version({})).toEqual(refused(400, 'provided type does not support public_key import'));
    expect(await version({ ciphertext: wrapped() }, 'nobody')).toEqual(
      refused(500, framed('no key found with name nobody; to import a new key, use the import/ endpoint')),
    );
    const own = freshName();
    await write(`${transit}/keys/${own}`);
    // Said before the ciphertext is looked at.
    expect(await version({ ciphertext: 'none' }, own)).toEqual(
      refused(500, framed('the import_version endpoint can only be used with an imported key')),
    );
    expect((await read(name)).latest_version).toBe(1);
  });
});
