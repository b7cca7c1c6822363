// Transit over HTTP, the keys: their lives and versions, who may make them, how they leave, and that nothing of them shows.

import { describe, expect, test } from 'vitest';
import { startTestServer } from '../suites/server.ts';
import { denied, done, framed, nothingThere, refused, type Shape, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';
import { base64, hello, transitCalls } from './transit-calls.ts';

const shared = sharedServer();
const { call, mount } = shared;
const { write, ciphertextOf, withKey } = transitCalls(shared);

const unix: unknown = expect.toSatisfy((value: unknown) => Number.isInteger(value) && (value as number) > 1_600_000_000, 'seconds');

function keyShown(name: string, more: Shape = {}): Shape {
  return {
    name,
    type: 'aes256-gcm96',
    keys: { 1: unix },
    latest_version: 1,
    min_available_version: 0,
    min_decryption_version: 1,
    min_encryption_version: 0,
    derived: false,
    exportable: false,
    allow_plaintext_backup: false,
    deletion_allowed: false,
    auto_rotate_period: 0,
    imported_key: false,
    soft_deleted: false,
    supports_encryption: true,
    supports_decryption: true,
    supports_derivation: true,
    supports_signing: false,
    ...more,
  };
}

describe('a key', () => {
  test('is made, shown, listed, left as it is by a second making, and deleted when that is allowed', async () => {
    const transit = await mount('transit');
    expect(said(await call('LIST', `${transit}/keys`))).toEqual(nothingThere);
    expect(said(await write(`${transit}/keys/k`))).toEqual(shown(keyShown('k')));
    expect(said(await write(`${transit}/keys/k`, { type: 'chacha20-poly1305', exportable: true }))).toEqual(shown(keyShown('k')));
    await write(`${transit}/keys/j`);
    expect(said(await call('LIST', `${transit}/keys`))).toEqual(shown({ keys: ['j', 'k'] }));
    expect(said(await call('GET', `${transit}/keys?list=true&after=j&limit=5`))).toEqual(shown({ keys: ['k'] }));
    expect(said(await call('GET', `${transit}/keys?list=true&limit=1`))).toEqual(shown({ keys: ['j'] }));
    expect(said(await call('GET', `${transit}/keys/k`))).toEqual(shown(keyShown('k')));
    expect(said(await call('DELETE', `${transit}/keys/k`))).toEqual(
      refused(400, 'error deleting policy k: deletion is not allowed for this key'),
    );
    await write(`${transit}/keys/k/config`, { deletion_allowed: true });
    expect(said(await call('DELETE', `${transit}/keys/k`))).toEqual(done);
    expect(said(await call('GET', `${transit}/keys/k`))).toEqual(nothingThere);
    expect(said(await call('DELETE', `${transit}/keys/k`))).toEqual(
      refused(400, 'error deleting policy k: could not delete key; not found'),
    );
  });

  test.each([
    [{ type: 'nosuch' }, 'unknown key type nosuch'],
    [{ type: 'ed448' }, 'unknown key type ed448'],
    [{ convergent_encryption: true }, 'convergent encryption requires derivation to be enabled'],
    [{ auto_rotate_period: '10m' }, 'auto rotate period must be 0 to disable or at least an hour'],
    [{ key_size: 64 }, 'key_size is not valid for algorithm aes256-gcm96'],
  ])('is not made of %j', async (body, why) => {
    const transit = await mount('transit');
    expect(said(await write(`${transit}/keys/k`, body))).toEqual(refused(400, why));
    expect(said(await call('GET', `${transit}/keys/k`))).toEqual(nothingThere);
  });

  test('shows what it was made with', async () => {
    const transit = await mount('transit');
    const body = { type: 'aes128-gcm96', exportable: 'true', allow_plaintext_backup: true, auto_rotate_period: '2h' };
    expect(said(await write(`${transit}/keys/a`, body))).toEqual(
      shown(keyShown('a', { type: 'aes128-gcm96', exportable: true, allow_plaintext_backup: true, auto_rotate_period: 7200 })),
    );
    const derivation = { derived: true, kdf: 'hkdf_sha256', convergent_encryption: false };
    expect(said(await write(`${transit}/keys/d`, { derived: true }))).toEqual(shown(keyShown('d', derivation)));
    expect(said(await write(`${transit}/keys/c`, { derived: true, convergent_encryption: true }))).toEqual(
      shown(keyShown('c', { ...derivation, convergent_encryption: true, convergent_encryption_version: -1 })),
    );
  });

  test('has a name of letters, digits and what may stand between them', async () => {
    const transit = await mount('transit');
    expect((await write(`${transit}/keys/a-b.c_1`)).status).toBe(200);
    for (const name of ['-a', 'a-', 'a%20b', '%C3%A9'])
      expect(said(await write(`${transit}/keys/${name}`)), name).toEqual(refused(404, framed('unsupported path')));
    expect(said(await write(`${transit}/encrypt/-a`, { plaintext: hello }))).toEqual(refused(404, framed('unsupported path')));
    expect(said(await call('LIST', `${transit}/keys`))).toEqual(shown({ keys: ['a-b.c_1'] }));
  });

  test('of one mount is none of another', async () => {
    const [one, other] = [await withKey(), await withKey()];
    const ciphertext = await ciphertextOf(`${one}/encrypt/k`);
    expect(said(await write(`${other}/decrypt/k`, { ciphertext }))).toEqual(refused(400, 'cipher: message authentication failed'));
  });
});

describe('versions', () => {
  test('come with each rotation; the newest encrypts, all decrypt, rewrap moves to the newest', async () => {
    const transit = await withKey();
    const old = await ciphertextOf(`${transit}/encrypt/k`);
    expect(said(await write(`${transit}/keys/k/rotate`))).toEqual(shown(keyShown('k', { keys: { 1: unix, 2: unix }, latest_version: 2 })));
    expect(await ciphertextOf(`${transit}/encrypt/k`)).toMatch(/^vault:v2:/);
    expect(await ciphertextOf(`${transit}/encrypt/k`, { key_version: 1 })).toMatch(/^vault:v1:/);
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext: old }))).toEqual(shown({ plaintext: hello }));
    const moved = await write(`${transit}/rewrap/k`, { ciphertext: old });
    expect(said(moved)).toEqual(shown({ ciphertext: expect.stringMatching(/^vault:v2:/), key_version: 2 }));
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext: moved.body.data.ciphertext }))).toEqual(shown({ plaintext: hello }));
  });

  test('are restricted, restored, and trimmed for good', async () => {
    const transit = await withKey({}, 3);
    const old = await ciphertextOf(`${transit}/encrypt/k`, { key_version: 1 });
    const config = (body: Shape) => write(`${transit}/keys/k/config`, body);
    expect(said(await config({ min_decryption_version: 2 }))).toEqual(
      shown(keyShown('k', { keys: { 2: unix, 3: unix }, latest_version: 3, min_decryption_version: 2 })),
    );
    const tooOld = refused(400, 'ciphertext or signature version is disallowed by policy (too old)');
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext: old }))).toEqual(tooOld);
    expect((await config({ min_decryption_version: 0 })).body).toMatchObject({
      data: { min_decryption_version: 1 },
      warnings: [expect.stringContaining('forcing minimum to 1')],
    });
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext: old }))).toEqual(shown({ plaintext: hello }));
    expect(said(await write(`${transit}/keys/k/trim`, { min_available_version: 2 }))).toEqual(
      refused(400, 'minimum available version cannot be set when minimum encryption version is not set'),
    );
    await config({ min_decryption_version: 2, min_encryption_version: 2 });
    expect(said(await write(`${transit}/encrypt/k`, { plaintext: hello, key_version: 1 }))).toEqual(
      refused(400, 'requested version for encryption is less than the minimum encryption key version'),
    );
    expect((await write(`${transit}/keys/k/trim`, { min_available_version: 2 })).body.data).toMatchObject({ min_available_version: 2 });
    expect(said(await config({ min_decryption_version: 1 }))).toEqual(
      refused(400, 'min decryption version should not be less then min available version'),
    );
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext: old }))).toEqual(tooOld);
  });

  test('of a key that is not there are refused in the words of each route', async () => {
    const transit = await mount('transit');
    expect(said(await write(`${transit}/keys/x/rotate`))).toEqual(refused(400, 'key not found'));
    expect(said(await write(`${transit}/keys/x/config`))).toEqual(refused(400, 'no existing key named x could be found'));
    expect(said(await write(`${transit}/keys/x/trim`))).toEqual(refused(400, 'invalid key name'));
    for (const [path, body] of [
      ['decrypt/x', { ciphertext: 'vault:v1:AAAA' }],
      ['rewrap/x', { ciphertext: 'vault:v1:AAAA' }],
      ['datakey/plaintext/x', {}],
      ['hmac/x', { input: hello }],
      ['verify/x', { input: hello, hmac: 'vault:v1:AAAA' }],
    ] as const)
      expect(said(await write(`${transit}/${path}`, body)), path).toEqual(refused(400, 'encryption key not found'));
    expect(said(await write(`${transit}/sign/x`, { input: hello }))).toEqual(refused(400, 'signing key not found'));
  });
});

describe('a key that is not there', () => {
  test('is made by the first encryption, for those who may create; derived where there is a context', async () => {
    const transit = await mount('transit');
    const policy = (capability: string) => shared.tokenWith(`path "${transit}/encrypt/*" { capabilities = ["${capability}"] }`);
    const [creates, updates] = [await policy('create'), await policy('update')];
    const encrypt = (token: string, name: string, body: Shape = {}) =>
      call('POST', `${transit}/encrypt/${name}`, { token, body: { plaintext: hello, ...body } });
    expect(said(await encrypt(updates, 'k'))).toEqual(denied);
    expect((await encrypt(creates, 'k')).body.data.key_version).toBe(1);
    expect(said(await encrypt(creates, 'k'))).toEqual(denied);
    expect((await encrypt(updates, 'k')).body.data.key_version).toBe(1);
    expect((await encrypt(creates, 'd', { context: base64('c'), type: 'chacha20-poly1305' })).status).toBe(200);
    expect((await call('GET', `${transit}/keys/d`)).body.data).toMatchObject({ derived: true, type: 'chacha20-poly1305' });
    expect(said(await encrypt(creates, 'x', { convergent_encryption: true }))).toEqual(
      refused(400, 'convergent encryption requires derivation to be enabled, so context is required'),
    );
    expect(said(await encrypt(creates, 'x', { type: 'nosuch' }))).toEqual(refused(400, 'unknown key type nosuch'));
    expect(said(await call('LIST', `${transit}/keys`))).toEqual(shown({ keys: ['d', 'k'] }));
  });

  test('is not made where the mount forbids it', async () => {
    const transit = await mount('transit');
    expect(said(await call('GET', `${transit}/config/keys`))).toEqual(shown({ disable_upsert: false }));
    expect(said(await write(`${transit}/config/keys`, { disable_upsert: true }))).toEqual(shown({ disable_upsert: true }));
    expect(said(await call('GET', `${transit}/config/keys`))).toEqual(shown({ disable_upsert: true }));
    expect(said(await write(`${transit}/encrypt/k`, { plaintext: hello }))).toEqual(refused(400, 'encryption key not found'));
    await write(`${transit}/config/keys`, { disable_upsert: false });
    expect((await write(`${transit}/encrypt/k`, { plaintext: hello })).status).toBe(200);
  });

  test('is made once by many at the same time', async () => {
    const transit = await mount('transit');
    const ciphertexts = await Promise.all(Array.from({ length: 8 }, () => ciphertextOf(`${transit}/encrypt/k`)));
    for (const ciphertext of ciphertexts)
      expect(said(await write(`${transit}/decrypt/k`, { ciphertext }))).toEqual(shown({ plaintext: hello }));
  });
});

describe('a key that may leave the server', () => {
  test('is exported, whole or one version of it', async () => {
    const transit = await withKey({ exportable: true }, 2);
    const exported = async (path: string) => (await call('GET', `${transit}/export/${path}`)).body.data;
    const all = await exported('encryption-key/k');
    expect(all).toEqual({ name: 'k', type: 'aes256-gcm96', keys: { 1: expect.any(String), 2: expect.any(String) } });
    expect(Buffer.from(all.keys[1], 'base64')).toHaveLength(32);
    for (const version of ['2', 'v2', 'latest'])
      expect(await exported(`encryption-key/k/${version}`)).toEqual({ ...all, keys: { 2: all.keys[2] } });
    const hmacs = await exported('hmac-key/k?format=raw');
    expect(Object.keys(hmacs.keys)).toEqual(['1', '2']);
    expect(new Set([...Object.values(hmacs.keys), ...Object.values(all.keys)]).size).toBe(4);
  });

  test.each([
    ['other-key/k', 'invalid export type: other-key'],
    ['encryption-key/k?format=x', 'invalid format: x'],
    ['encryption-key/k?format=pem', 'unknown format for a symmetric key; supported values are `` or `raw`'],
    ['hmac-key/k?format=der', 'unknown format for HMAC key; supported values are `` or `raw`'],
    ['signing-key/k', 'signing not supported for the key'],
    ['public-key/k', 'unknown key type aes256-gcm96 for export type public-key'],
    ['encryption-key/k/x', 'invalid key version'],
    ['encryption-key/k/9', 'version does not exist or cannot be found'],
    ['encryption-key/k/1', 'version for export is below minimum decryption version'],
  ])('does not leave by %s: %s', async (path, why) => {
    const transit = await withKey({ exportable: true }, 2);
    await write(`${transit}/keys/k/config`, { min_decryption_version: 2 });
    expect(said(await call('GET', `${transit}/export/${path}`))).toEqual(refused(400, why));
  });

  test('is backed up, and restored under its name or another', async () => {
    const transit = await withKey({ exportable: true, allow_plaintext_backup: true }, 2);
    const ciphertext = await ciphertextOf(`${transit}/encrypt/k`, { key_version: 1 });
    const { backup } = (await call('GET', `${transit}/backup/k`)).body.data;
    expect((await call('GET', `${transit}/keys/k`)).body.data.backup_info).toEqual({ time: expect.any(String), version: 2 });
    const other = await mount('transit');
    expect(said(await write(`${other}/restore`, { backup }))).toEqual(done);
    expect(said(await write(`${other}/restore/j`, { backup }))).toEqual(done);
    for (const name of ['k', 'j']) {
      expect(said(await write(`${other}/decrypt/${name}`, { ciphertext }))).toEqual(shown({ plaintext: hello }));
      expect((await call('GET', `${other}/keys/${name}`)).body.data).toMatchObject({
        name,
        latest_version: 2,
        restore_info: { version: 2 },
      });
    }
    expect(said(await write(`${other}/restore`, { backup }))).toEqual(refused(500, framed('key "k" already exists')));
    await write(`${other}/keys/k/rotate`);
    expect(said(await write(`${other}/restore`, { backup, force: true }))).toEqual(done);
    expect((await call('GET', `${other}/keys/k`)).body.data.latest_version).toBe(2);
    expect(said(await write(`${other}/restore`))).toEqual(refused(400, "'backup' must be supplied"));
    expect(said(await write(`${other}/restore`, { backup: '!' }))).toEqual(refused(400, 'the backup cannot be restored: it is no base64'));
    expect(said(await write(`${other}/restore`, { backup, name: 'a/b' }))).toEqual(refused(404, framed('unsupported path')));
  });

  test('must have been allowed to, and that cannot be taken back', async () => {
    const transit = await withKey();
    const exported = () => call('GET', `${transit}/export/encryption-key/k`);
    const backup = () => call('GET', `${transit}/backup/k`);
    expect(said(await exported())).toEqual(refused(400, 'private key material is not exportable'));
    expect(said(await backup())).toEqual(refused(500, framed('exporting is disallowed on the policy')));
    await write(`${transit}/keys/k/config`, { exportable: true });
    expect((await exported()).status).toBe(200);
    expect(said(await backup())).toEqual(refused(500, framed('plaintext backup is disallowed on the policy')));
    await write(`${transit}/keys/k/config`, { exportable: false, allow_plaintext_backup: true });
    expect((await exported()).status).toBe(200);
    expect((await backup()).status).toBe(200);
    expect(said(await call('GET', `${transit}/export/hmac-key/none`))).toEqual(nothingThere);
    expect(said(await call('GET', `${transit}/backup/none`))).toEqual(refused(500, framed('key "none" not found')));
  });
});

describe('the server', () => {
  test('still has its keys after it was sealed', async () => {
    const server = await startTestServer({ store: 'lmdb' });
    try {
      const post = async (path: string, body: Shape) => (await server.call('POST', path, { body })).body;
      await post('sys/mounts/transit', { type: 'transit' });
      const derived = { context: base64('c') };
      const { ciphertext } = (await post('transit/encrypt/k', { plaintext: hello, ...derived })).data;
      await server.server.seal();
      expect((await post('transit/decrypt/k', { ciphertext, ...derived })).errors).toEqual(['Vault is sealed']);
      await server.unseal();
      expect((await post('transit/decrypt/k', { ciphertext, ...derived })).data).toEqual({ plaintext: hello });
    } finally {
      await server.end();
    }
  });

  test('says and logs nothing of the plaintexts and keys that it refuses', async () => {
    const transit = await withKey({ exportable: true, allow_plaintext_backup: true });
    const marker = 'marked-plaintext-4711';
    const marked = base64(marker);
    const { backup } = (await call('GET', `${transit}/backup/k`)).body.data;
    const { keys } = (await call('GET', `${transit}/export/encryption-key/k`)).body.data;
    const answers = await Promise.all([
      write(`${transit}/encrypt/k`, { plaintext: marker }),
      write(`${transit}/encrypt/k`, { plaintext: marked, key_version: 9 }),
      write(`${transit}/encrypt/k`, { plaintext: marked, associated_data: marker }),
      write(`${transit}/encrypt/k`, { plaintext: { [marker]: marker } }),
      write(`${transit}/encrypt/k`, { batch_input: [{ plaintext: marked, key_version: marker }] }),
      write(`${transit}/encrypt/k`, { batch_input: [{ plaintext: marked, key_version: 9 }, { plaintext: marker }] }),
      write(`${transit}/encrypt/k`, { batch_input: marker }),
      write(`${transit}/decrypt/k`, { ciphertext: marker }),
      write(`${transit}/hmac/k`, { input: marker }),
      write(`${transit}/hash`, { input: marker }),
      write(`${transit}/restore`, { backup }),
      write(`${transit}/restore`, { backup: backup.slice(0, -8) }),
    ]);
    expect(answers.map(({ status }) => status).every((status) => status >= 400)).toBe(true);
    const secrets = [marker, marked, keys[1]];
    for (const said of [...answers.map(({ text }) => text), shared.server.logged()])
      for (const secret of secrets) expect(said.includes(secret)).toBe(false);
  });
});
