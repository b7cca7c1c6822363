// Denials explained: to the audit devices and to operators who ask, and to nobody else.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enableDevice, linesFor } from '../audit/lines.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'kv/app', { body: { password: 'hunter2' } });
  for (const [name, policy] of Object.entries(policies)) await server.call('POST', `sys/policies/acl/${name}`, { body: { policy } });
  await enableDevice(server, 'f');
});
afterAll(() => server.end());

const policies = {
  reader: 'path "kv/*" { capabilities = ["read"] }',
  denier: 'path "kv/closed/*" { capabilities = ["deny"] }',
  strict: 'path "kv/strict" { capabilities = ["create", "update"] allowed_parameters = { colour = ["red"] } }',
  wrapped: 'path "kv/wrapped" { capabilities = ["read"] min_wrapping_ttl = "1m" }',
  ended: 'path "kv/ended" { capabilities = ["update"] expiration = "2020-01-01T00:00:00Z" }',
  auditor: 'path "sys/policies/explain" { capabilities = ["update", "sudo"] }',
  lister: 'path "sys/leases/lookup/" { capabilities = ["list"] }',
  half: 'path "sys/policies/explain" { capabilities = ["update"] }',
};

async function tokenWith(...names: readonly string[]): Promise<string> {
  const { body } = await server.call('POST', 'auth/token/create', { body: { policies: names, no_default_policy: true } });
  return body.auth.client_token;
}

const lineOf = (path: string) => linesFor(join(server.folder, 'f.log'), path).findLast(({ type }) => type === 'response');
const explain = async (body: Record<string, unknown>) => (await server.call('POST', 'sys/policies/explain', { body })).body.data;

type Call = Parameters<TestServer['call']>[2];
const denied: readonly [
  what: string,
  policy: readonly string[],
  method: string,
  path: string,
  call: Call,
  denial: unknown,
  operation: string,
][] = [
  ['no rule', ['reader'], 'GET', 'sys/mounts', {}, { reason: 'no_rule' }, 'read'],
  [
    'a capability that is missing',
    ['reader', 'denier'],
    'PUT',
    'kv/app',
    { body: { password: 'hunter2' } },
    { reason: 'capability', rule: 'kv/*', policies: ['reader'], missing: 'update' },
    'update',
  ],
  [
    'the policy that denies',
    ['reader', 'denier'],
    'GET',
    'kv/closed/a',
    {},
    { reason: 'deny', rule: 'kv/closed/*', policies: ['denier'] },
    'read',
  ],
  [
    'a parameter',
    ['strict'],
    'POST',
    'kv/strict',
    { body: { colour: 'hunter2' } },
    { reason: 'parameter', rule: 'kv/strict', policies: ['strict'], parameter_rule: 'allowed_parameters', parameter: 'colour' },
    'create',
  ],
  [
    'wrapping',
    ['wrapped'],
    'GET',
    'kv/wrapped',
    {},
    { reason: 'wrapping', rule: 'kv/wrapped', policies: ['wrapped'], min_wrapping_ttl: 60 },
    'read',
  ],
  [
    'a rule that has expired',
    ['ended'],
    'PUT',
    'kv/ended',
    { body: { a: 'b' } },
    { reason: 'expired', rule: 'kv/ended', policies: ['ended'], expired: '2020-01-01T00:00:00Z' },
    'update',
  ],
  [
    'sudo',
    ['half'],
    'POST',
    'sys/policies/explain',
    { body: { path: 'a' } },
    { reason: 'capability', rule: 'sys/policies/explain', policies: ['half'], missing: 'sudo' },
    'update',
  ],
];

describe('the audit line of a denied request', () => {
  it.each(denied)('names %s, and the caller is told nothing of it', async (...[, names, method, path, call, denial, operation]) => {
    if (path === 'kv/ended') await server.call('POST', path, { body: { a: 'b' } });
    const token = await tokenWith(...names);
    const answer = await server.call(method, path, { token, ...call });
    expect(answer.status).toBe(403);
    expect(answer.text).toBe('{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}\n');
    expect(
      Object.keys(answer.headers)
        .filter((name) => !['date', 'connection', 'keep-alive'].includes(name))
        .sort(),
    ).toStrictEqual(['cache-control', 'content-length', 'content-type']);
    const line = lineOf(path);
    expect(line?.auth.denial).toStrictEqual(denial);
    expect(line?.auth.policy_results).toStrictEqual({ allowed: false });
    expect(JSON.stringify(line)).not.toContain('hunter2');
    expect(await explain({ path, operation, token, data: (call?.body ?? {}) as Record<string, unknown> })).toMatchObject({
      allowed: false,
      denial: { reason: (denial as { reason: string }).reason },
    });
  });

  it('says what is wrong with a token that leads to no policy', async () => {
    await server.call('POST', 'auth/token/roles/bound', { body: { token_bound_cidrs: ['10.0.0.0/8'] } });
    const bound = (await server.call('POST', 'auth/token/create/bound', { body: { policies: ['reader'] } })).body.auth;
    for (const [token, reason] of [
      [null, 'no_token'],
      ['hvs.unknown', 'unknown_token'],
      [bound.client_token, 'bound_cidrs'],
    ] as const) {
      const answer = await server.call('GET', `kv/${reason}`, { token });
      expect([answer.status, answer.body.errors]).toStrictEqual([403, ['permission denied']]);
      expect(lineOf(`kv/${reason}`)?.auth.denial).toStrictEqual({ reason });
    }
  });

  it('says where the route itself refused what the policies grant', async () => {
    const answer = await server.call('LIST', 'sys/leases/lookup', { token: await tokenWith('lister') });
    expect(answer.status).toBe(403);
    expect(lineOf('sys/leases/lookup/')?.auth).toMatchObject({ denial: { reason: 'route' }, policy_results: { allowed: true } });
  });

  it('is the only one that has such a field', async () => {
    await server.call('GET', 'kv/app', { token: await tokenWith('reader') });
    expect(lineOf('kv/app')?.auth).not.toHaveProperty('denial');
    await server.call('GET', 'kv/nothing', { token: await tokenWith('reader') });
    expect(lineOf('kv/nothing')?.auth).not.toHaveProperty('denial');
  });
});

describe('an explanation', () => {
  it('of a granted request names the rule and the policies that grant it', async () => {
    expect(await explain({ path: '/kv/app', policies: ['reader', 'denier'] })).toStrictEqual({
      allowed: true,
      explanation: 'the rule "kv/*" of reader grants read',
      path: 'kv/app',
      operation: 'read',
      rule: 'kv/*',
      policies: ['reader'],
      needs_sudo: false,
    });
    expect((await explain({ path: 'kv/app' })).explanation).toBe('the root policy grants everything');
  });

  it('knows by itself which paths are protected, which ask for no token, and which names are no policies', async () => {
    expect(await explain({ path: 'sys/audit', policies: ['reader'] })).toMatchObject({ allowed: false, needs_sudo: true });
    expect(await explain({ path: 'sys/wrapping/lookup', operation: 'update', policies: ['reader'] })).toMatchObject({ allowed: true });
    expect(await explain({ path: 'kv/app', policies: 'reader,gone' })).toMatchObject({ allowed: true, missing_policies: ['gone'] });
    expect(await explain({ path: 'kv', operation: 'list', policies: ['reader'] })).toMatchObject({
      path: 'kv/',
      denial: { reason: 'capability', missing: 'list' },
    });
  });

  it('can be asked for by token and by accessor', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['denier'] } });
    const byToken = await explain({ path: 'kv/closed/a', token: body.auth.client_token });
    expect(byToken.explanation).toBe('the rule "kv/closed/*" of denier denies everything at this path');
    expect(await explain({ path: 'kv/closed/a', accessor: body.auth.accessor })).toStrictEqual(byToken);
  });

  it.each([
    ['without a path', {}, 'path must be supplied'],
    ['for an operation that there is not', { path: 'kv/a', operation: 'write' }, 'a write is create where nothing is there yet'],
    ['for a token that is not valid', { path: 'kv/a', token: 'hvs.gone' }, 'invalid token'],
    ['for a token and policies at once', { path: 'kv/a', token: 'x', policies: ['reader'] }, 'give one of token, accessor and policies'],
  ])('is refused %s', async (_what, body, text) => {
    const answer = await server.call('POST', 'sys/policies/explain', { body });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0]).toContain(text);
  });

  it('is for those with sudo alone, so that a stolen token cannot read the policies through it', async () => {
    const ask = async (token: string) => (await server.call('POST', 'sys/policies/explain', { token, body: { path: 'kv/app' } })).status;
    expect(await ask(await tokenWith('reader', 'default'))).toBe(403);
    expect(await ask(await tokenWith('half'))).toBe(403);
    expect(await ask(await tokenWith('auditor'))).toBe(200);
  });

  it('makes no request: what it asks about is not done, and uses of a token are not counted', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['root'], num_uses: 1 } });
    expect(await explain({ path: 'kv/app', operation: 'delete', token: body.auth.client_token })).toMatchObject({ allowed: true });
    expect((await server.call('GET', 'kv/app', { token: body.auth.client_token })).status).toBe(200);
  });
});
