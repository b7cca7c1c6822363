// Requests that no HTTP client would send: a clear refusal or the right answer, nothing written by halves, and a server that goes on.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { certificatePath, testTls } from '../clients/certificate.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { exchange, request } from './raw-socket.ts';

let server: TestServer;
let token: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startTestServer({ listenAt: { maxBodyBytes: 64 * 1024, limits: { headersTimeout: 300, requestTimeout: 600 } } });
  token = { 'x-vault-token': server.rootToken };
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'kv/list/a', { body: { v: 'a' } });
  await server.call('POST', 'kv/list/b', { body: { v: 'b' } });
});
afterAll(() => server.end());
// Whatever a test sent, the next client must not notice.
afterEach(async () => {
  await server.call('DELETE', 'kv/hostile');
  expect((await server.call('GET', 'kv/list/a')).body.data).toStrictEqual({ v: 'a' });
  expect((await server.call('LIST', 'kv')).body.data).toStrictEqual({ keys: ['list/'] });
});

const post = (headers: Readonly<Record<string, string>>, body = '') => request('POST /v1/kv/hostile', { ...token, ...headers }, body);

describe('a broken request', () => {
  const body = '{"a":1}';
  it.each<[string, () => (string | Uint8Array)[]]>([
    ['a length that is no number', () => [post({ 'content-length': 'abc' }, body)]],
    ['a negative length', () => [post({ 'content-length': '-7' }, body)]],
    ['a length with a sign', () => [post({ 'content-length': '+7' }, body)]],
    ['a length beyond all numbers', () => [post({ 'content-length': '9'.repeat(40) }, body)]],
    ['two lengths', () => [post({ 'content-length': '7\r\ncontent-length: 8' }, body)]],
    ['a length and chunks', () => [post({ 'content-length': '7', 'transfer-encoding': 'chunked' }, '0\r\n\r\n')]],
    ['an unknown encoding last', () => [post({ 'transfer-encoding': 'chunked, gzip' }, '0\r\n\r\n')]],
    ['a chunk size that is no number', () => [post({ 'transfer-encoding': 'chunked' }, 'zz\r\n{}\r\n0\r\n\r\n')]],
    ['a chunk size beyond all numbers', () => [post({ 'transfer-encoding': 'chunked' }, `${'f'.repeat(17)}\r\n{}\r\n0\r\n\r\n`)]],
    ['a line that ends with LF alone', () => [`GET /v1/sys/health HTTP/1.1\nhost: x\n\n`]],
    ['a folded header', () => [request('GET /v1/kv/list/a', { 'x-a': 'b\r\n c', ...token })]],
    ['NUL in a header', () => [request('GET /v1/kv/list/a', { 'x-a': 'a\0b', ...token })]],
    ['a header without a name', () => [`GET /v1/sys/health HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n`]],
    ['a path with raw UTF-8', () => [request('GET /v1/kv/ü', token)]],
    ['a version that does not exist', () => ['GET /v1/sys/health HTTP/9.9\r\nhost: x\r\n\r\n']],
    ['the preface of HTTP/2', () => ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']],
    ['the beginning of TLS', () => [Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196])]],
    ['bytes of no protocol', () => [Buffer.from(Array.from({ length: 512 }, (_, at) => (at * 37) % 256))]],
    ['a verb that almost is LIST', () => [request('LISTEN /v1/kv', token)]],
    ['a header larger than allowed', () => [request('GET /v1/kv/list/a', { 'x-a': 'x'.repeat(70_000), ...token })]],
    ['more headers than allowed', () => [request('GET /v1/kv/list/a', { 'x-a': `b${'\r\nx-a: b'.repeat(3_000)}`, ...token })]],
  ])('with %s is refused in JSON, and the connection ends', async (_, packets) => {
    const { answers, closed } = await exchange(server, packets());
    expect(closed).toBe(true);
    expect(answers).toHaveLength(1);
    expect(answers[0]?.status).toBeGreaterThanOrEqual(400);
    expect(answers[0]?.status).toBeLessThan(500);
    expect(answers[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' });
    expect(JSON.parse(answers[0]?.body as string)).toStrictEqual({ errors: [] });
    expect((await server.call('GET', 'kv/hostile')).status).toBe(404);
  });

  it('for another host is answered as if it were for this one, whose path it names', async () => {
    const { answers } = await exchange(server, [request('GET http://elsewhere.example/v1/kv/list/a', token)], { answers: 1 });
    expect(answers[0]?.status).toBe(200);
  });

  it('with two tokens has none that counts', async () => {
    const twice = { ...token, 'X-Vault-Token': 'other' };
    const { answers } = await exchange(server, [request('GET /v1/kv/list/a', twice)], { answers: 1 });
    expect(answers[0]?.status).toBe(403);
  });

  it.each(['//evil.example/..', '/\\evil.example/x/..', '/%2f%2fevil.example/x/..', '/x/..//evil.example'])(
    'to %s is sent nowhere but to this server',
    async (path) => {
      const { answers } = await exchange(server, [request(`GET ${path}`, {})], { answers: 1 });
      const location = answers[0]?.headers['location'];
      if (location !== undefined) expect(new URL(location, 'http://here.example/').host).toBe('here.example');
    },
  );
});

describe('a body', () => {
  it('that is cut off writes nothing', async () => {
    const { closed } = await exchange(server, [post({ 'content-length': '70' }, '{"a":1')], { end: true });
    expect(closed).toBe(true);
    expect((await server.call('GET', 'kv/hostile')).status).toBe(404);
  });

  it('that would be whole JSON when it is cut off writes nothing either', async () => {
    await exchange(server, [post({ 'content-length': '70' }, '{"a":1}')], { end: true });
    await exchange(server, [post({ 'transfer-encoding': 'chunked' }, '7\r\n{"a":1}\r\n')], { end: true });
    expect((await server.call('GET', 'kv/hostile')).status).toBe(404);
  });

  it('larger than allowed is refused as soon as that is known, by its length or on the way', async () => {
    const declared = await exchange(server, [post({ 'content-length': '70000' }, '{')]);
    const bomb = Array.from({ length: 40 }, () => `1000\r\n${' '.repeat(4_096)}\r\n`);
    const chunked = await exchange(server, [post({ 'transfer-encoding': 'chunked' }), ...bomb]);
    for (const { answers, closed } of [declared, chunked]) {
      expect(answers.map(({ status, body }) => [status, JSON.parse(body)])).toStrictEqual([
        [413, { errors: ['http: request body too large'] }],
      ]);
      expect(closed).toBe(true);
    }
  });

  it('in chunks of one byte is put together', async () => {
    const bytes = [...'{"a":"öß"}'].map((character) => `${Buffer.byteLength(character).toString(16)};x=y\r\n${character}\r\n`);
    const { answers } = await exchange(server, [post({ 'transfer-encoding': 'chunked' }), bytes.join(''), '0\r\ntrailer: x\r\n\r\n'], {
      answers: 1,
    });
    expect(answers[0]?.status).toBe(204);
    expect((await server.call('GET', 'kv/hostile')).body.data).toStrictEqual({ a: 'öß' });
  });

  it('that was announced with Expect is asked for', async () => {
    const head = post({ 'content-length': '7', expect: '100-continue' });
    const { answers } = await exchange(server, [head, '{"a":1}'], { answers: 2, pause: 20 });
    expect(answers.map(({ status }) => status)).toStrictEqual([100, 204]);
  });
});

describe('a slow client', () => {
  it('has its time for a header, and no more', async () => {
    const { answers, closed } = await exchange(server, ['GET /v1/sys/health HTTP/1.1\r\n', 'host: x\r\n']);
    expect(answers[0]?.status).toBe(408);
    expect(closed).toBe(true);
  });

  it('has its time for a body, and no more; nothing of it is written', async () => {
    const { answers, closed } = await exchange(server, [post({ 'content-length': '70' }, '{"a"'), ':', '1']);
    expect(answers[0]?.status).toBe(408);
    expect(closed).toBe(true);
    expect((await server.call('GET', 'kv/hostile')).status).toBe(404);
  });

  it('that is within its time is served, byte by byte', async () => {
    const bytes = [...request('GET /v1/sys/health', {})].slice(0, 40);
    const rest = request('GET /v1/sys/health', {}).slice(40);
    const { answers } = await exchange(server, [...bytes, rest], { answers: 1, pause: 0 });
    expect(answers[0]?.status).toBe(200);
  });

  it('keeps nobody else from being served', async () => {
    const patient = await startTestServer();
    const slow = Array.from({ length: 50 }, () => connect(patient.port, patient.host));
    await Promise.all(
      slow.map((socket) => new Promise<void>((sent) => void socket.write('GET /v1/sys/health HTTP/1.1\r\n', () => sent()))),
    );
    expect((await patient.call('GET', 'sys/mounts')).status).toBe(200);
    expect(slow.filter(({ destroyed }) => !destroyed)).toHaveLength(50);
    for (const socket of slow) socket.destroy();
    await patient.end();
  });
});

describe('the verb LIST', () => {
  const list = () => request('LIST /v1/kv/list', token);
  const get = () => request('GET /v1/kv/list/a', token);
  const shown = (body: string | undefined) => JSON.parse(body as string).data;
  const keys = { keys: ['a', 'b'] };

  it.each([1, 2, 3, 4, 5, 6, 20])('may come in two packets, cut after byte %i', async (cut) => {
    const { answers } = await exchange(server, [list().slice(0, cut), list().slice(cut)], { answers: 1, pause: 15 });
    expect(shown(answers[0]?.body)).toStrictEqual(keys);
  });

  it('may come byte by byte', async () => {
    const { answers } = await exchange(server, [...list().slice(0, 12), list().slice(12)], { answers: 1, pause: 3 });
    expect(shown(answers[0]?.body)).toStrictEqual(keys);
  });

  it('may stand before and behind other requests in one packet', async () => {
    const { answers } = await exchange(server, [get() + list() + get() + list() + list()], { answers: 5 });
    expect(answers.map(({ body }) => shown(body))).toStrictEqual([{ v: 'a' }, keys, { v: 'a' }, keys, keys]);
  });

  it('may follow requests with bodies, which stay what they are', async () => {
    const body = '{"a":"LIST /v1/kv HTTP/1.1\\r\\n\\r\\n"}';
    const write = post({ 'content-length': String(body.length) }, body);
    const { answers } = await exchange(server, [list() + write + list()], { answers: 3 });
    expect(answers.map(({ status }) => status)).toStrictEqual([200, 204, 200]);
    expect((await server.call('GET', 'kv/hostile')).body.data).toStrictEqual({ a: 'LIST /v1/kv HTTP/1.1\r\n\r\n' });
  });

  it('may be used for many requests over one connection', async () => {
    const { answers } = await exchange(server, Array.from({ length: 30 }, list), { answers: 30, pause: 0 });
    expect(answers).toHaveLength(30);
    for (const { body } of answers) expect(shown(body)).toStrictEqual(keys);
  });

  it('is the only name of its operation: the spare verb behind it is refused', async () => {
    const { answers } = await exchange(server, [request('LINK /v1/kv/list', token)], { answers: 1 });
    expect(answers[0]?.status).toBe(405);
    const behind = await exchange(server, [list(), request('LINK /v1/kv/list', token)], { answers: 2 });
    expect(behind.answers[1]?.status).toBe(405);
  });

  it('works over TLS, first and behind other requests', async () => {
    const secure = await startTestServer({ listenAt: { tls: testTls() } });
    const own = { 'x-vault-token': secure.rootToken };
    const answered = await new Promise<string>((resolve, reject) => {
      const socket = connectTls({ host: secure.host, port: secure.port, ca: readFileSync(certificatePath), servername: 'localhost' });
      let text = '';
      socket.on('data', (part) => {
        text += part;
        if (text.split('"default"').length > 2) socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
      socket.write(request('LIST /v1/sys/policies/acl', own));
      socket.write(request('GET /v1/sys/health', own) + request('LIST /v1/sys/policies/acl', own));
    });
    await secure.end();
    expect(answered.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });
});
