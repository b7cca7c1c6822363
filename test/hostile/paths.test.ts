// Paths and tokens of any shape: sent to their clean form, refused, or taken as they are, and never anywhere else.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { exchange, request } from './raw-socket.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'sys/mounts/kv2', { body: { type: 'kv-v2' } });
  await server.call('POST', 'kv/secret', { body: { v: 'secret' } });
  await server.call('PUT', 'sys/policies/acl/public', {
    body: { policy: 'path "kv/public/*" { capabilities = ["create", "read", "update", "list"] }' },
  });
});
afterAll(() => server.end());

const verbs = ['GET', 'LIST', 'POST', 'PUT', 'DELETE'] as const;

describe('a path', () => {
  it.each([
    ['kv/public/../secret', '/v1/kv/secret'],
    ['kv/public/%2e%2e/secret', '/v1/kv/secret'],
    ['kv/public/..%2fsecret', '/v1/kv/secret'],
    ['kv/./secret', '/v1/kv/secret'],
    ['kv//secret', '/v1/kv/secret'],
    ['kv/public/%2F/x', '/v1/kv/public/x'],
    ['kv/secret/.', '/v1/kv/secret'],
    ['../../../etc/passwd', '/etc/passwd'],
    ['kv/%2e%2e%2f%2e%2e%2fsys/mounts', '/sys/mounts'],
  ])('that is not clean, %s, is sent to its clean form, whatever the verb', async (path, location) => {
    for (const verb of verbs) {
      const answer = await server.call(verb, path, verb === 'GET' ? {} : { body: { v: 'changed' } });
      expect([answer.status, answer.headers.location]).toStrictEqual([307, location]);
    }
    expect((await server.call('GET', 'kv/secret')).body.data).toStrictEqual({ v: 'secret' });
  });

  it('that leads out of what a policy allows ends outside, where nothing is allowed', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['public'] } });
    const token = body.auth.client_token;
    for (const path of [
      'kv/public/../secret',
      'kv/public/%2e%2e/secret',
      'kv/public/..%2fsecret',
      'kv/public\\..\\secret',
      'kv/public/%5c../secret',
    ]) {
      const { status, headers } = await server.call('GET', path, { token });
      if (status === 307) expect((await server.call('GET', (headers.location as string).slice('/v1/'.length), { token })).status).toBe(403);
      else expect([403, 404]).toContain(status);
    }
  });

  it.each([
    'kv/%00',
    'kv/a%00b',
    'kv/a%0ab',
    'kv/a%0d%0aset-cookie:x',
    'kv/%7f',
    'kv/%C2%85',
    'kv/%E2%80%A8',
    'kv/%EF%BF%BF',
    '%00',
    'kv2/data/%00',
  ])('with what cannot be printed, %s, is refused', async (path) => {
    for (const verb of verbs) {
      const { status, body } = await server.call(verb, path, verb === 'POST' ? { body: { v: 1 } } : {});
      expect([status, body]).toStrictEqual([400, { errors: ['the path holds characters that cannot be printed'] }]);
    }
  });

  it.each(['kv/%', 'kv/%2', 'kv/%zz', 'kv/%ff', 'kv/%c0%af', 'kv/%ED%A0%80', 'kv/%F8%88%80%80%80'])(
    'that is no percent-encoded UTF-8, %s, is refused',
    async (path) => {
      for (const verb of verbs) {
        const { status, body } = await server.call(verb, path, verb === 'POST' ? { body: { v: 1 } } : {});
        expect([status, body]).toStrictEqual([400, { errors: ['the path is not valid percent-encoded UTF-8'] }]);
      }
    },
  );

  it('of 10,000 characters is refused, and nothing is written', async () => {
    for (const character of ['a', 'a/', '%C3%BC'])
      for (const mount of ['kv/', 'kv2/data/', 'kv2/metadata/', 'cubbyhole/', 'sys/policies/acl/', 'auth/token/roles/']) {
        const path = mount + character.repeat(10_000 / character.replace('%C3%BC', 'u').length).replace(/\/$/, '');
        const body = { data: { v: 1 }, type: 'kv', policy: 'path "a" {}', v: 1 };
        const { status } = await server.call('POST', path, { body });
        expect(status, `${mount}${character}…`).toBeGreaterThanOrEqual(400);
        expect(status, `${mount}${character}…`).toBeLessThan(500);
        expect((await server.call('GET', path)).status).toBeGreaterThanOrEqual(400);
      }
    expect((await server.call('LIST', 'kv')).body.data).toStrictEqual({ keys: ['secret'] });
    expect((await server.call('GET', 'sys/health')).status).toBe(200);
  });

  it('as long as the store can hold is taken', async () => {
    const path = `kv/${'a/'.repeat(700)}end`;
    expect((await server.call('POST', path, { body: { v: 1 } })).status).toBe(204);
    expect((await server.call('GET', path)).body.data).toStrictEqual({ v: 1 });
    await server.call('DELETE', path);
  });

  it.each([
    '💩',
    'ключ',
    'ñ',
    'n\u0303',
    ' ',
    'a b',
    'a?b',
    'a#b',
    'a%b',
    '"',
    "'",
    '<script>',
    '...',
    '..a',
    '.a',
    '~',
    '\\',
    '*',
    '+',
    '{{a}}',
    '__proto__',
    'constructor',
    '\u202e',
  ])('in any writing, %s, holds its own secret and no other one', async (name) => {
    const path = `kv/odd/${encodeURIComponent(name)}`;
    expect((await server.call('POST', path, { body: { v: name } })).status).toBe(204);
    expect((await server.call('GET', path)).body.data).toStrictEqual({ v: name });
    expect((await server.call('LIST', 'kv/odd')).body.data).toStrictEqual({ keys: [name] });
    expect((await server.call('DELETE', path)).status).toBe(204);
    expect((await server.call('GET', path)).status).toBe(404);
  });

  it('that names no secret cannot be written to', async () => {
    for (const path of ['kv', 'kv2/data', 'kv2/metadata', 'cubbyhole']) {
      const { status } = await server.call('POST', path, { body: { data: { v: 1 }, v: 1 } });
      expect(status, path).toBe(400);
      expect((await server.call('GET', `${path}/`)).status, path).toBe(404);
    }
  });

  it('that ends in a slash cannot be written to', async () => {
    for (const path of ['kv/a/', 'kv2/data/a/', 'sys/mounts/x/', 'sys/policies/acl/x/', 'nowhere/']) {
      const { status, body } = await server.call('POST', path, { body: { v: 1 } });
      expect([status, body.errors]).toStrictEqual([400, ["cannot write to a path ending in '/'"]]);
    }
  });

  it('with a query of any kind is the same path', async () => {
    for (const query of [
      '?',
      '?a=1&a=2',
      '?__proto__=x&constructor=y',
      '?%00=%00',
      '?%ff=%zz',
      '?=',
      '?&&&',
      `?${'x=1&'.repeat(5_000)}`,
      '?version=0',
      '?list=0',
    ])
      expect((await server.call('GET', `kv/secret${query}`)).body.data).toStrictEqual({ v: 'secret' });
    for (const query of ['?list=perhaps', '?help=perhaps', '?list=true&scan=true'])
      expect((await server.call('GET', `kv/secret${query}`)).status).toBe(400);
  });
});

describe('a token', () => {
  const ask = async (token: string | Buffer, name = 'x-vault-token') => {
    const [head, tail] = request('GET /v1/kv/secret', { [name]: 'HERE' }).split('HERE') as [string, string];
    return (await exchange(server, [Buffer.concat([Buffer.from(head), Buffer.from(token), Buffer.from(tail)])], { answers: 1 })).answers[0];
  };

  it('of any bytes that a header can hold is refused and does no harm', async () => {
    for (let byte = 0x21; byte <= 0xff; byte++) {
      if (byte === 0x7f) continue;
      const answer = await ask(Buffer.of(byte, 0x41, byte));
      expect([byte, answer?.status, answer?.body]).toStrictEqual([byte, 403, '{"errors":["permission denied"]}\n']);
    }
  });

  it.each([
    '',
    ' ',
    'hvs.',
    'hvb.',
    'hvr.',
    's.',
    '.',
    '..',
    '../../core/keyring',
    '/',
    'a/b',
    '%00',
    'root',
    'null',
    '[object Object]',
    '__proto__',
    'x'.repeat(30_000),
    `hvb.${'A'.repeat(20_000)}`,
    `hvb.${'_-'.repeat(50)}`,
    'hvb.AQ',
    'hvb.==',
  ])('like %s is refused, in either header', async (token) => {
    expect((await ask(token))?.status).toBe(403);
    expect((await ask(`Bearer ${token}`, 'authorization'))?.status).toBe(403);
  });

  it('that differs in one character from the right one is refused', async () => {
    const { rootToken } = server;
    for (const near of [
      rootToken.slice(0, -1),
      `${rootToken}x`,
      rootToken.toLowerCase(),
      `${rootToken}\t.`,
      rootToken.replace('hvs.', 's.'),
    ])
      expect((await ask(near))?.status).toBe(403);
    expect((await ask(rootToken))?.status).toBe(200);
    expect((await ask(`Bearer ${rootToken}`, 'authorization'))?.status).toBe(200);
    expect((await ask(`Basic ${rootToken}`, 'authorization'))?.status).toBe(403);
  });

  it('in the body may be anything as well', async () => {
    for (const token of ['', 'no', 'a\u0000b', '💩', '../x', 'x'.repeat(100_000), 'hvb.x', '__proto__', '\ud800'])
      for (const path of [
        'auth/token/lookup',
        'auth/token/renew',
        'auth/token/revoke-orphan',
        'sys/wrapping/lookup',
        'sys/wrapping/unwrap',
        'sys/wrapping/rewrap',
      ]) {
        const { status, text } = await server.call('POST', path, { body: { token } });
        if (token === '' && path === 'auth/token/lookup') expect(status).toBe(200);
        else
          expect([path, token.slice(0, 10), status >= 400 && status < 500, text.includes('errors')]).toStrictEqual([
            path,
            token.slice(0, 10),
            true,
            true,
          ]);
      }
    for (const accessor of ['no', 'a\u0000b', '💩', '../x', 'x'.repeat(100_000), '\ud800'])
      for (const path of ['auth/token/lookup-accessor', 'auth/token/renew-accessor'])
        expect((await server.call('POST', path, { body: { accessor } })).status).toBe(400);
  });
});
