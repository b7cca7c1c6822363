// The small tools: digests, random bytes, and the routes that say what the server is.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { denied, injected, refused, said, shown, stranger, time } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call } = shared;

const text = 'the quick brown fox';
const input = Buffer.from(text).toString('base64');
const hash = (body: unknown, algorithm = '') => call('POST', `sys/tools/hash${algorithm}`, { body });

describe('a digest', () => {
  test.each([
    ['sha2-224', 'sha224'],
    ['sha2-256', 'sha256'],
    ['sha2-384', 'sha384'],
    ['sha2-512', 'sha512'],
    ['sha3-224', 'sha3-224'],
    ['sha3-256', 'sha3-256'],
    ['sha3-384', 'sha3-384'],
    ['sha3-512', 'sha3-512'],
  ])('of kind %s is made by name in the body and in the path', async (algorithm, known) => {
    const sum = createHash(known).update(text);
    const hex = sum.copy().digest('hex');
    expect(said(await hash({ input, algorithm }))).toEqual(shown({ sum: hex }));
    expect(said(await hash({ input }, `/${algorithm}`))).toEqual(shown({ sum: hex }));
    expect(said(await hash({ input, algorithm, format: 'base64' }))).toEqual(shown({ sum: sum.copy().digest('base64') }));
  });

  test('is SHA-256 in hex where nothing is said, of nothing too', async () => {
    const of = (bytes: string) => createHash('sha256').update(bytes).digest('hex');
    expect(said(await hash({ input }))).toEqual(shown({ sum: of(text) }));
    expect(said(await hash({ input: '' }))).toEqual(shown({ sum: of('') }));
  });

  test.each([
    [{ input, algorithm: 'md5' }, 'unsupported algorithm md5'],
    [{ input, format: 'text' }, 'unsupported encoding format "text"; must be "hex" or "base64"'],
    [{ input: 'not base64!' }, 'unable to decode input as base64: illegal base64 data at input byte 3'],
    [{ input: 'abc' }, 'unable to decode input as base64: illegal base64 data at input byte 0'],
  ])('of %j is refused', async (body, error) => {
    expect(said(await hash(body))).toEqual(refused(400, error));
  });
});

describe('random bytes', () => {
  const random = async (body: unknown, bytes = '') => (await call('POST', `sys/tools/random${bytes}`, { body })).body.data.random_bytes;

  test('are as many as were asked for, in the writing that was asked for, and never the same', async () => {
    expect(Buffer.from(await random({}), 'base64')).toHaveLength(32);
    expect(Buffer.from(await random({ bytes: 5 }), 'base64')).toHaveLength(5);
    expect(await random({ format: 'hex' }, '/16')).toMatch(/^[0-9a-f]{32}$/);
    expect(Buffer.from(await random({ bytes: '131072' }), 'base64')).toHaveLength(131_072);
    expect(await random({})).not.toBe(await random({}));
  });

  test('come from the operating system, whatever source is named in the path', async () => {
    expect(Buffer.from(await random({}, '/platform'), 'base64')).toHaveLength(32);
    expect(await random({ format: 'hex' }, '/all/3')).toMatch(/^[0-9a-f]{6}$/);
    const { body } = await call('POST', 'sys/tools/random/seal', { body: {} });
    expect(body.warnings).toEqual(['no seal/entropy augmentation available, using platform entropy source']);
    expect((await call('POST', 'sys/tools/random/platform/4', { body: {} })).body.warnings).toBeNull();
    expect((await call('POST', 'sys/tools/random/many', { body: {} })).body.errors[0]).toMatch(/^error parsing url-set byte count/);
  });

  test.each([
    [{ bytes: 0 }, '"bytes" cannot be less than 1'],
    [{ bytes: -1 }, '"bytes" cannot be less than 1'],
    [{ bytes: 131_073 }, '"bytes" should be less than 131072'],
    [{ format: 'text' }, 'unsupported encoding format "text"; must be "hex" or "base64"'],
    [{ source: 'dice' }, 'unsupported entropy source "dice"; must be "platform" or "seal", or "all"'],
  ])('of %j are refused', async (body, error) => {
    expect(said(await call('POST', 'sys/tools/random', { body }))).toEqual(refused(400, error));
  });
});

describe('what the server says of itself', () => {
  test('the versions that ran over its store', async () => {
    const { body } = await call('LIST', 'sys/version-history');
    const [version] = body.data.keys;
    expect(body.data.key_info[version]).toMatchObject({ previous_version: null, timestamp_installed: time });
  });

  test('that browsers of other origins are not answered', async () => {
    expect(said(await call('GET', 'sys/config/cors'))).toEqual(injected({ enabled: false }));
  });

  test('its configuration, to those who may see it', async () => {
    expect((await call('GET', 'sys/config/state/sanitized')).status).toBe(200);
    expect(said(await call('GET', 'sys/config/state/sanitized', { token: null }))).toEqual(stranger);
    const token = await shared.tokenWith('path "elsewhere" { capabilities = ["read"] }');
    expect(said(await call('GET', 'sys/config/state/sanitized', { token }))).toEqual(denied);
  });
});
