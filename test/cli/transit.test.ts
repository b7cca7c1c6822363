// transit import and import-version: the key is wrapped before it leaves, wherever it comes from, and is never shown.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
  await server.call('POST', 'sys/mounts/transit', { body: { type: 'transit' } });
  await server.call('GET', 'transit/wrapping_key');
}, 60_000);
afterAll(async () => {
  vault.end();
  await server.end();
});

let scripted: ScriptedServer | undefined;
afterEach(async () => {
  await scripted?.end();
  scripted = undefined;
});

const key = (fill: number, length = 32) => Buffer.alloc(length, fill).toString('base64');
const exported = async (name: string) => (await server.call('GET', `transit/export/encryption-key/${name}`)).body.data.keys;
const success = {
  code: 0,
  out: 'Retrieving wrapping key.\nWrapping source key with wrapping key.\nSubmitting wrapped key.\nSuccess!\n',
  err: '',
};

describe('transit import', () => {
  it('imports a key from an argument, a file and stdin', async () => {
    const file = join(vault.home, 'key.b64');
    writeFileSync(file, `${key(2)}\n`);
    expect(await vault.run('transit', 'import', 'transit/keys/argument', key(1), 'exportable=true')).toEqual(success);
    expect(await vault.run('transit', 'import', ' /transit/keys/file/ ', `@${file}`, 'exportable=true')).toEqual(success);
    expect(
      await vault.with({ ...connected(), stdin: `${key(3)}\n` }).run('transit', 'import', 'transit/keys/stdin', '-', 'exportable=true'),
    ).toEqual(success);
    expect(await exported('argument')).toEqual({ 1: key(1) });
    expect(await exported('file')).toEqual({ 1: key(2) });
    expect(await exported('stdin')).toEqual({ 1: key(3) });
  });

  it('asks for the key on a terminal', async () => {
    const typing = vault.with({ ...connected(), stdin: `${key(4)}\n`, typing: true });
    expect(await typing.run('transit', 'import', 'transit/keys/typed', '-', 'exportable=true')).toEqual({
      ...success,
      err: 'Key in base64 (will be hidden): \n',
    });
    expect(await exported('typed')).toEqual({ 1: key(4) });
  });

  it('passes on the parameters, and wraps with the hash function that they name', async () => {
    const words = ['type=aes128-gcm96', 'allow_rotation=true', 'hash_function=sha512'];
    expect(await vault.run('transit', 'import', 'transit/keys/small', key(5, 16), ...words)).toEqual(success);
    const { data } = (await server.call('GET', 'transit/keys/small')).body;
    expect(data).toMatchObject({ type: 'aes128-gcm96', imported_key: true, imported_key_allow_rotation: true });
  });

  it('sends nothing but the wrapped key, another way each time', async () => {
    const pem = (await server.call('GET', 'transit/wrapping_key')).body.data.public_key;
    scripted = await scriptedServer([{ status: 200, body: { data: { public_key: pem } } }, { status: 204 }]);
    await vault.with({ address: scripted.address }).run('transit', 'import', 'deep/er/keys/k', key(6), 'exportable=true');
    const [asked, sent] = scripted.asked;
    expect(asked).toMatchObject({ method: 'GET', url: '/v1/deep/er/wrapping_key', body: '' });
    expect(sent).toMatchObject({ method: 'PUT', url: '/v1/deep/er/keys/k/import' });
    expect(JSON.parse(sent?.body ?? '')).toEqual({ exportable: 'true', ciphertext: expect.stringMatching(/^[A-Za-z0-9+/]{736}$/) });
    expect(sent?.body).not.toContain(key(6));
  });

  it.each([
    [['transit/keys/k'], 'Not enough arguments'],
    [['transit/k', key(1)], 'expected transit path and key name in the form MOUNT/keys/NAME'],
    [['keys/k', key(1)], 'expected transit path and key name in the form MOUNT/keys/NAME'],
    [['transit/keys/k', 'c2VjcmV0!'], 'error base64 decoding source key material: KEY is no base64'],
    [['transit/keys/k', 'c2VjcmV'], 'error base64 decoding source key material: KEY is no base64'],
    [['transit/keys/k', ''], 'KEY is empty'],
    [['transit/keys/k', '-'], 'stdin is empty'],
    [['transit/keys/k', '@/no/such/file'], 'error reading key material file: /no/such/file: ENOENT'],
  ])('is used wrongly with %j', async (words, why) => {
    const typed = await vault.run('transit', 'import', ...words);
    expect(typed).toMatchObject({ code: 1, out: '' });
    expect(typed.err).toContain(why);
    expect(typed.err).not.toContain('c2VjcmV');
  });

  it('does not wrap what is too short to be a key', async () => {
    const typed = await vault.run('transit', 'import', 'transit/keys/short', key(1, 8));
    expect(typed).toMatchObject({ code: 2, err: 'failure wrapping source key: kwp: key size to wrap too small\n' });
    expect((await server.call('GET', 'transit/keys/short')).status).toBe(404);
  });

  it('ends with 3 where there is no transit mount, and after a refusal', async () => {
    const nowhere = await vault.run('transit', 'import', 'elsewhere/keys/k', key(1));
    expect(nowhere).toMatchObject({ code: 3, err: 'failed to fetch wrapping key: no transit mount at elsewhere\n' });
    const refusal = await vault.run('transit', 'import', 'transit/keys/refused', key(1), 'type=nosuch');
    expect(refusal.code).toBe(3);
    expect(refusal.err).toMatch(/^failed to call import: Error making API request\.[\s\S]*\* unknown key type: nosuch\n$/);
    expect(refusal.out).not.toContain('Success');
  });
});

describe('transit import-version', () => {
  it('makes the next version of an imported key', async () => {
    await vault.run('transit', 'import', 'transit/keys/versions', key(1), 'exportable=true');
    expect(await vault.run('transit', 'import-version', 'transit/keys/versions', key(2))).toEqual(success);
    expect(await exported('versions')).toEqual({ 1: key(1), 2: key(2) });
  });

  it('ends with 3 where there is no such key', async () => {
    const typed = await vault.run('transit', 'import-version', 'transit/keys/nobody', key(2));
    expect(typed.code).toBe(3);
    expect(typed.err).toContain('no key found with name nobody; to import a new key, use the import/ endpoint');
  });
});

function connected(): { readonly address: string; readonly token: string } {
  return { address: server.address, token: server.rootToken };
}
