// Keys that JavaScript gives a meaning of its own: kept and returned like any other key, and nothing else changes.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'sys/mounts/kv2', { body: { type: 'kv-v2' } });
  await server.call('PUT', 'sys/audit/f', { body: { type: 'file', options: { file_path: 'f.log' } } });
});
afterAll(async () => {
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(([] as unknown as Record<string, unknown>)['polluted']).toBeUndefined();
  await server.end();
});

/** Written out: an object literal would set the prototype instead. */
const odd =
  '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"toString":"t","hasOwnProperty":1,"length":-1,"then":"x"}';
const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then'] as const;
const ok = async (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const answer = await server.call(method, path, { ...(body === undefined ? {} : { body }), headers });
  expect(answer.status, `${path}: ${answer.text}`).toBeLessThan(300);
  return answer;
};

describe('odd keys', () => {
  it('of a secret of version 1 come back as they were, after a restart of the cache too', async () => {
    await ok('POST', 'kv/odd', odd);
    expect((await ok('GET', 'kv/odd')).text).toContain(`"data":${odd},`);
    await server.server.seal();
    await server.unseal();
    expect((await ok('GET', 'kv/odd')).text).toContain(`"data":${odd},`);
  });

  it('of a secret of version 2 come back as they were, in every version, patched and as subkeys', async () => {
    await ok('POST', 'kv2/data/odd', `{"data":${odd}}`);
    const patch = { 'content-type': 'application/merge-patch+json' };
    await ok('PATCH', 'kv2/data/odd', '{"data":{"__proto__":{"more":"m"},"constructor":null,"added":1}}', patch);
    expect((await ok('GET', 'kv2/data/odd?version=1')).text).toContain(`"data":{"data":${odd},`);
    const patched = (await ok('GET', 'kv2/data/odd')).text;
    expect(patched).toContain('"__proto__":{"polluted":"yes","more":"m"}');
    expect(patched).not.toContain('constructor');
    expect((await ok('GET', 'kv2/subkeys/odd')).text).toContain('"__proto__":{"polluted":null,"more":null}');
  });

  it('of options count as nothing', async () => {
    const answer = await server.call('POST', 'kv2/data/cas', { body: '{"data":{"a":1},"options":{"__proto__":{"cas":7}}}' });
    expect(answer.status).toBe(200);
    expect((await server.call('POST', 'kv2/data/cas', { body: '{"__proto__":{"data":{"a":1}}}' })).body.errors).toStrictEqual([
      'no data provided',
    ]);
  });

  it('of custom metadata come back as they were', async () => {
    await ok('POST', 'kv2/metadata/odd', '{"custom_metadata":{"__proto__":"p","constructor":"c"}}');
    expect((await ok('GET', 'kv2/metadata/odd')).text).toContain('"custom_metadata":{"__proto__":"p","constructor":"c"}');
  });

  it('of a cubbyhole, of what is wrapped and of token metadata come back as they were', async () => {
    await ok('POST', 'cubbyhole/odd', odd);
    expect((await ok('GET', 'cubbyhole/odd')).text).toContain(`"data":${odd},`);
    const { body } = await ok('POST', 'sys/wrapping/wrap', odd, { 'x-vault-wrap-ttl': '60' });
    expect((await ok('POST', 'sys/wrapping/unwrap', { token: body.wrap_info.token })).text).toContain(`"data":${odd},`);
    const made = await ok('POST', 'auth/token/create', '{"meta":{"__proto__":"p","constructor":"c"},"policies":["default"]}');
    expect(made.text).toContain('"metadata":{"__proto__":"p","constructor":"c"}');
  });

  it('are hashed in audit lines like any other', async () => {
    const text = readFileSync(`${server.folder}/f.log`, 'utf8');
    expect(text).toContain('"__proto__":{"polluted":"hmac-sha256:');
    expect(text).not.toContain('"polluted":"yes"');
  });
});

describe('odd names', () => {
  it.each(names)('%s may name a secret, a policy, a role, a mount, a header and an audit device', async (name) => {
    for (const path of [`kv/${name}`, `kv2/data/${name}`, `kv2/metadata/${name}`, `sys/policies/acl/${name}`, `auth/token/roles/${name}`])
      expect((await server.call('GET', path)).status, path).toBe(404);
    expect((await server.call('GET', `sys/mounts/${name}`)).status).toBe(400);
    expect((await server.call('GET', `sys/config/auditing/request-headers/${name}`)).status).toBe(400);
    expect((await server.call('POST', `sys/audit-hash/${name}`, { body: { input: 'x' } })).status).toBe(400);
    await ok('POST', `kv/${name}`, { v: name });
    expect((await ok('GET', `kv/${name}`)).body.data).toStrictEqual({ v: name });
    await ok('PUT', `sys/policies/acl/${name}`, { policy: `path "kv/${name}" { capabilities = ["read"] }` });
    expect((await ok('GET', `sys/policies/acl/${name}`)).body.data.name).toBe(name.toLowerCase());
    await ok('POST', `auth/token/roles/${name}`, { orphan: true });
    expect((await ok('GET', `auth/token/roles/${name}`)).body.data.orphan).toBe(true);
    await ok('POST', `sys/mounts/${name}`, { type: 'kv' });
    const mounts = await ok('GET', 'sys/mounts');
    expect(mounts.text.split(`"${name}/":{"accessor"`)).toHaveLength(3);
    await ok('POST', `${name}/x`, { v: 1 });
    expect((await ok('GET', `sys/internal/ui/mounts/${name}`)).body.data.path).toBe(`${name}/`);
    await ok('POST', `sys/config/auditing/request-headers/${name}`, { hmac: true });
    expect((await ok('GET', `sys/config/auditing/request-headers/${name}`)).text).toContain(`"${name.toLowerCase()}":{"hmac":true}`);
    await ok('PUT', `sys/audit/${name}`, { type: 'file', options: { file_path: `${name}.log` } });
    expect((await ok('GET', 'sys/audit')).text).toContain(`"${name}/":{`);
    const { body } = await ok('POST', 'auth/token/create', { policies: [name], meta: {} });
    expect((await server.call('GET', `kv/${name}`, { token: body.auth.client_token })).status).toBe(200);
    expect((await server.call('GET', 'kv/odd', { token: body.auth.client_token })).status).toBe(403);
    expect((await ok('POST', 'sys/capabilities-self', { paths: [name] })).text).toContain(`"${name}":["root"]`);
    for (const path of [`sys/audit/${name}`, `sys/mounts/${name}`, `kv/${name}`, `sys/config/auditing/request-headers/${name}`])
      await ok('DELETE', path);
  });

  it('in a policy are paths and parameters like any other', async () => {
    const policy = '{"path":{"kv/__proto__":{"capabilities":["update"],"allowed_parameters":{"__proto__":["a"],"constructor":[]}}}}';
    await ok('PUT', 'sys/policies/acl/odd', { policy });
    expect((await ok('GET', 'sys/policies/acl/odd')).body.data.policy).toBe(policy);
    await ok('POST', 'kv/__proto__', { v: 1 });
    const { body } = await ok('POST', 'auth/token/create', { policies: ['odd'] });
    const write = async (json: string) => (await server.call('POST', 'kv/__proto__', { token: body.auth.client_token, body: json })).status;
    expect(await write('{"__proto__":"a"}')).toBe(204);
    expect(await write('{"__proto__":"b"}')).toBe(403);
    expect(await write('{"constructor":"c"}')).toBe(204);
    expect(await write('{"other":"c"}')).toBe(403);
  });

  it('as parameters are told of as unknown', async () => {
    const { body } = await ok('POST', 'sys/tools/random', '{"bytes":4,"__proto__":1,"constructor":2,"toString":3}');
    expect(body.warnings).toStrictEqual(['Endpoint ignored these unrecognized parameters: [__proto__ constructor toString]']);
  });
});
