// Marked secrets go through every route and every way to fail; nobody who may not see them does, and no log, metric or audit line holds one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RouteSpec, Verb } from '../../src/schema/contract.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer, type TestAnswer, type TestServer } from '../suites/server.ts';
import { allRoutes, type Call, type Known, marked, methods, sightings } from './canary.ts';
import { soundCalls } from './canary-calls.ts';
import { exchange, request } from './raw-socket.ts';

let server: TestServer;
let limited = '';
const known: Known = { child: '', accessor: '', lease: '', wrapped: '', ciphertext: '', backup: '', wrappingKey: '' };
/** Not marked, and secret all the same. */
const secrets = new Set<string>();
/** What went to standard output and standard error while the test ran. */
const printed: string[] = [];
/** Answers of those who may not see secrets, and of all who were refused. */
const told: string[] = [];
let failing = false;

const mounts: Readonly<Record<string, string>> = {
  'kv-v1': 'kv/',
  'kv-v2': 'kv2/',
  cubbyhole: 'cubbyhole/',
  identity: 'identity/',
  transit: 'transit/',
  token: 'auth/token/',
  approle: 'auth/approle/',
  userpass: 'auth/userpass/',
};
const mountOf = (file: string): string => (file.startsWith('sys-') ? 'sys/' : (mounts[file] as string));

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((chunk: string | Uint8Array) => {
      printed.push(Buffer.from(chunk as Uint8Array).toString());
      return true;
    });
  const memory = openMemory();
  const broken = () => Promise.reject(new Error('the disk is gone'));
  const store: typeof memory = {
    ...memory,
    get: (key) => (failing ? broken() : memory.get(key)),
    read: (key) => (failing ? broken() : memory.read(key)),
    list: (prefix, options) => (failing ? broken() : memory.list(prefix, options)),
    put: (key, value) => (failing ? broken() : memory.put(key, value)),
    transact: (work) => (failing ? broken() : memory.transact(work)),
  };
  server = await startTestServer({ store, init: { shares: 3, threshold: 2 } });
  for (const secret of [server.rootToken, ...server.keys, ...server.keys.map((key) => Buffer.from(key, 'hex').toString('base64'))])
    secrets.add(secret);
  for (const [path, type] of [
    ['kv', 'kv'],
    ['kv2', 'kv-v2'],
    ['transit', 'transit'],
  ] as const)
    expect((await server.call('POST', `sys/mounts/${path}`, { body: { type } })).status).toBe(204);
  await server.call('PUT', 'sys/audit/f', { body: { type: 'file', options: { file_path: 'f.log' } } });
  await server.call('PUT', 'sys/audit/open', { body: { type: 'file', options: { file_path: 'open.log', hmac_accessor: 'false' } } });
  limited = (await server.call('POST', 'auth/token/create', { body: { policies: ['default'] } })).body.auth.client_token;
  secrets.add(limited);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await server.end();
});

/** Tokens that an answer brought are secrets from now on. */
function remember({ body }: TestAnswer): void {
  for (const token of [body?.auth?.client_token, body?.wrap_info?.token, body?.data?.id])
    if (typeof token === 'string' && /^hv[sb]\./.test(token)) secrets.add(token);
}

async function send(call: Omit<Call, 'route'> & { readonly method: string }): Promise<TestAnswer> {
  const { method, path, body, headers, token } = call;
  const answer = await server.call(method, path, {
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
    ...(token === undefined ? {} : { token }),
  });
  if (answer.status >= 400 || call.entitled !== true)
    told.push(`${method} ${call.path.replace(/\?.*/, '')} ${answer.status}: ${answer.text} ${JSON.stringify(answer.headers)}`);
  return answer;
}

/** What is wrong with a request, whatever it asks for; a marked secret stands in each. */
function hostile(spec: RouteSpec, verb: Verb, path: string): readonly (Omit<Call, 'route'> & { readonly method: string })[] {
  const method = methods[verb];
  const type: Readonly<Record<string, string>> = verb === 'patch' ? { 'content-type': 'application/merge-patch+json' } : {};
  const fields = Object.entries({ ...spec.fields, ...spec.operations[verb]?.input });
  const mark = marked(`${path} ${verb}`);
  const inBody = verb === 'write' || verb === 'patch';
  const body = inBody ? { body: { password: mark } } : {};
  const wrong = fields.flatMap(([name, { secret }]) => [
    { method, path, headers: type, body: { [name]: { inside: { deeper: mark } } } },
    { method, path, headers: type, body: { [name]: [{ inside: mark }, mark] } },
    ...(secret === true ? [{ method, path, headers: type, body: { [name]: mark } }] : []),
  ]);
  return [
    { method, path, headers: type, ...body, token: marked('unknown token') },
    { method, path, headers: { ...type, authorization: `Bearer ${marked('bearer')}` }, ...body, token: null },
    {
      method,
      path,
      headers: { ...type, authorization: `Basic ${marked('basic')}`, cookie: marked('cookie'), 'x-secret': marked('header') },
      ...body,
      token: null,
    },
    { method, path, headers: type, ...body, token: limited },
    { method, path: `${path}${path.includes('?') ? '&' : '?'}unknown=${mark}`, headers: type, ...body },
    ...(inBody
      ? [
          { method, path, headers: type, body: `{"password":"${mark}` },
          { method, path, headers: type, body: `{"password":"${mark}",}` },
          { method, path, headers: type, body: `"${mark}"` },
          { method, path, headers: type, body: `password=${mark}` },
          { method, path, headers: { ...type, 'x-vault-wrap-ttl': '-1' }, body: { password: mark } },
          ...wrong,
        ]
      : []),
  ];
}

/** These end what the test needs; they are called soundly, at the end. */
const destructive = new Set([
  'sys-seal.seal.write',
  'token.revokeSelf.write',
  'sys-seal.init.write',
  'sys-mounts.mount.delete',
  'sys-audit.device.delete',
]);

/** Where any token sees what it wrote itself, and itself. */
const ownThings = /^(cubbyhole|sys-wrapping|token)\./;

describe('marked secrets', () => {
  it('go through every operation of every contract once soundly', async () => {
    const routes = await allRoutes();
    const covered = new Set<string>();
    for (const part of soundCalls)
      for (const { route, learn, status, ...call } of part(known)) {
        const [file = '', , verb = ''] = route.split('.');
        expect(`${call.path}/`.startsWith(mountOf(file)), route).toBe(true);
        const answer = await send({ ...call, method: methods[verb as Verb] });
        if (status === undefined) expect(answer.status, `${route}: ${answer.text}`).toBeLessThan(400);
        else expect(answer.status, `${route}: ${answer.text}`).toBe(status);
        remember(answer);
        learn?.(answer);
        covered.add(route);
      }
    expect(
      [...routes.keys()].filter((route) => !covered.has(route)),
      'routes without a sound request: add them to canary-calls.ts',
    ).toStrictEqual([]);
    expect(
      [...covered].filter((route) => !routes.has(route)),
      'routes that are no more',
    ).toStrictEqual([]);
    expect(covered.size).toBe(routes.size);
    expect(routes.size).toBeGreaterThan(140);
  });

  it('go to a sealed server, in wrong shares and right ones', async () => {
    for (const [route, { contract, name, verb }] of await allRoutes()) {
      if (route === 'sys-seal.init.write') continue;
      const spec = contract.routes[name] as RouteSpec;
      const path = mountOf(route.split('.')[0] as string) + spec.path.replace(/\{[^}]*\}/g, 'a');
      await send({ method: methods[verb], path, body: { password: marked('while sealed'), key: marked('share while sealed') } });
    }
    for (const key of server.keys.slice(0, 2))
      expect((await send({ method: 'PUT', path: 'sys/unseal', token: null, body: { key } })).status).toBe(200);
  });

  it('go wrong in every way that a request can go wrong', async () => {
    await server.call('POST', 'kv/kept', { body: { password: marked('kv1') } });
    let sent = 0;
    for (const [route, { contract, name, verb }] of await allRoutes()) {
      const spec = contract.routes[name] as RouteSpec;
      const path = mountOf(route.split('.')[0] as string) + spec.path.replace(/\{[^}]*\}/g, 'a');
      for (const shot of hostile(spec, verb, path)) {
        const isRoot = shot.token === undefined;
        if (isRoot && destructive.has(route)) continue;
        const answer = await send({ ...shot, ...(isRoot || (shot.token === limited && ownThings.test(route)) ? { entitled: true } : {}) });
        remember(answer);
        sent += 1;
      }
    }
    expect(sent).toBeGreaterThan(1_000);
    expect((await server.call('GET', 'kv/kept')).body.data).toStrictEqual({ password: marked('kv1') });
  });

  it('stand in policies with errors', async () => {
    const secret = marked('in a policy');
    for (const policy of [
      `path "a" { comment = "${secret}`,
      `path "a" { capabilities = ["read" "${secret}"] }`,
      `/* ${secret}`,
      `path "a" {\n comment = <<EOF\n${secret}\n`,
      `{"path":{"a":{"comment":"${secret}"`,
    ])
      expect((await send({ method: 'PUT', path: 'sys/policies/acl/broken', body: { policy } })).status).toBe(400);
  });

  it('stand in requests that are none', async () => {
    const token = { 'x-vault-token': marked('raw token') };
    for (const packet of [
      request('GET /v1/kv/a', { ...token, 'x-bad': 'a\0b' }),
      request('POST /v1/kv/a', { ...token, 'content-length': 'x' }, `{"password":"${marked('raw body')}"}`),
      request('POST /v1/kv/a', { ...token, 'transfer-encoding': 'chunked' }, `zz\r\n${marked('raw chunk')}\r\n`),
      request(`${marked('verb')} /v1/kv/a`, token),
      request('GET /v1/kv/a', { 'x-vault-token': `${marked('long token')}${'x'.repeat(70_000)}` }),
      request('POST /v1/kv/a', { ...token, 'content-length': '900' }, `{"password":"${marked('cut off')}"`),
    ]) {
      const { text } = await exchange(server, [packet], { end: true });
      told.push(text);
    }
  });

  it('are on their way when the store fails', async () => {
    failing = true;
    try {
      for (const [method, path, body] of [
        ['POST', 'kv/a', { password: marked('store') }],
        ['POST', 'kv2/data/a', { data: { password: marked('store') } }],
        ['POST', 'cubbyhole/a', { password: marked('store') }],
        ['POST', 'auth/token/create', { id: marked('store token') }],
        ['POST', 'auth/token/lookup', { token: marked('store lookup') }],
        ['POST', 'sys/wrapping/wrap', { password: marked('store wrap') }],
        ['PUT', 'sys/policies/acl/p', { policy: `path "a" { comment = "${marked('store policy')}" }` }],
        ['GET', 'kv/never-read', undefined],
      ] as const) {
        const answer = await send({ method, path, headers: { 'x-vault-wrap-ttl': '60' }, ...(body === undefined ? {} : { body }) });
        expect([path, answer.status]).toStrictEqual([path, 500]);
      }
    } finally {
      failing = false;
    }
    expect(server.logged()).toContain('the disk is gone');
  });
});

describe('nothing secret stands in', () => {
  const expectNone = (where: string, text: string) => expect(sightings(text, [...secrets]), where).toStrictEqual([]);

  it('answers that refuse, or that are for everybody', () => {
    expect(told.length).toBeGreaterThan(1_000);
    for (const text of told) expectNone(text.slice(0, 80), text);
  });

  it('the log, at debug level', () => {
    expect(server.logged()).toContain('"a request failed"');
    expectNone('the log', server.logged());
  });

  it('what the process printed', () => {
    expectNone('the output', printed.join(''));
  });

  it('audit lines', () => {
    for (const name of ['f.log', 'open.log', 'second.log']) {
      const text = readFileSync(join(server.folder, name), 'utf8');
      expect(text.length).toBeGreaterThan(1_000);
      expectNone(name, text);
    }
  });

  it('metrics, OpenAPI, help, configuration and the state of the server', async () => {
    for (const path of [
      'sys/metrics',
      'sys/metrics?format=prometheus',
      'sys/internal/specs/openapi',
      'sys/config/state/sanitized',
      'sys/health',
      'sys/seal-status',
      'sys/leader',
      'sys/mounts',
      'sys/auth',
      'sys/audit',
      'sys/config/auditing/request-headers',
      'sys/internal/ui/mounts',
      'kv?help=1',
      'sys?help=1',
      'auth/token/create?help=1',
    ]) {
      const { status, text } = await server.call('GET', path);
      expect(status, path).toBe(200);
      expectNone(path, text);
    }
  });
});

it('the search finds what it looks for', () => {
  const secret = marked('found');
  for (const text of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex'), `{"a":"${secret}"}`])
    expect(sightings(text)).not.toStrictEqual([]);
  expect(sightings('hvs.a-token', ['hvs.a-token'])).toHaveLength(1);
});
