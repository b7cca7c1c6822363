// Input that is wrong, absurd or hostile: a clear error with the right status, and nothing lost or half done.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ listenAt: { maxBodyBytes: 200_000 } });
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'sys/mounts/kv2', { body: { type: 'kv-v2' } });
});
afterAll(() => server.end());

/** The one error of an answer with this status. */
async function refusal(method: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await server.call(method, path, { body, headers });
  expect(answer.status, answer.text).toBe(400);
  expect(answer.body.errors).toHaveLength(1);
  return answer.body.errors[0] as string;
}

describe('JSON', () => {
  it.each<[string, string | Uint8Array, string]>([
    ['that ends early', '{"a":', 'unexpected EOF'],
    ['that ends within a word', '{"a":tru', 'unexpected EOF'],
    ['that goes on behind its end', '{"a":1}{"b":2}', "invalid character '{' after top-level value"],
    ['with a comma too many', '{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['with single quotes', "{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['with a byte order mark', '\ufeff{"a":1}', 'looking for beginning of value'],
    ['with NaN', '{"a":NaN}', "invalid character 'N' looking for beginning of value"],
    ['with a raw control character', '{"a":"\u0001"}', "invalid character '\\x01' in string literal"],
    ['with a comment', '{/* a */"a":1}', "invalid character '/' looking for beginning of object key string"],
    ['that is nested too deeply', `${'{"a":'.repeat(400)}1${'}'.repeat(400)}`, 'nested deeper than 300 levels'],
    ['that opens more than it could ever close', '['.repeat(150_000), 'nested deeper than 300 levels'],
    ['that is a list', '[{"a":1}]', 'cannot unmarshal array'],
    ['that is a string', '"a"', 'cannot unmarshal string'],
    ['that is a number', '5', 'cannot unmarshal number'],
    ['that is a bool', 'true', 'cannot unmarshal bool'],
    ['that is none', 'a=b&c=d', "invalid character 'a' looking for beginning of value"],
  ])('%s is refused', async (_, body, why) => {
    const error = await refusal('POST', 'kv/json', body);
    expect(error).toMatch(/^failed to decode JSON input: /);
    expect(error).toContain(why);
    expect((await server.call('GET', 'kv/json')).status).toBe(404);
  });

  it('with too many members is refused, and says how many are too many', async () => {
    const small = await startTestServer();
    await small.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
    const answer = await small.call('POST', 'kv/json', { body: `[${'0,'.repeat(100_001)}0]` });
    expect(answer.body.errors).toStrictEqual(['failed to decode JSON input: more than 100000 members']);
    await small.end();
  });

  it('that is empty, null or missing has no parameters', async () => {
    for (const body of ['', 'null', '{}', undefined]) expect(await refusal('POST', 'kv/json', body)).toBe('missing data fields');
  });

  it('larger than the listener allows is refused before it is read', async () => {
    const answer = await server.call('POST', 'kv/json', { body: `{"a":"${'x'.repeat(250_000)}"}` });
    expect([answer.status, answer.body]).toStrictEqual([413, { errors: ['http: request body too large'] }]);
  });

  it('keeps numbers and strings as they came, however odd', async () => {
    const odd = '{"big":123456789012345678901234567890,"small":1e-400,"huge":1e999,"minus":-0,"text":"\\ud800 \\u0000 \\u2028 💩"}';
    expect((await server.call('POST', 'kv/odd', { body: odd })).status).toBe(204);
    const { text } = await server.call('GET', 'kv/odd');
    expect(text).toContain('"big":123456789012345678901234567890,"small":1e-400,"huge":1e999,"minus":-0,');
    expect(JSON.parse(text).data.text).toBe('\ud800 \u0000 \u2028 💩');
  });

  it('may repeat a key, and the last one counts', async () => {
    await server.call('POST', 'kv/twice', { body: '{"a":1,"a":2}' });
    expect((await server.call('GET', 'kv/twice')).body.data).toStrictEqual({ a: 2 });
  });
});

describe('a parameter of the wrong type', () => {
  const nested = { a: { b: 1 } };
  it.each<[string, unknown]>([
    ['sys/mounts/wrong', { type: nested }],
    ['sys/mounts/wrong', { type: 'kv', config: 'text' }],
    ['sys/mounts/wrong', { type: 'kv', config: { default_lease_ttl: nested } }],
    ['sys/mounts/wrong', { type: 'kv', config: { listing_visibility: 'sometimes' } }],
    ['sys/mounts/wrong', { type: 'kv', config: { token_type: 'odd' } }],
    ['sys/mounts/wrong', { type: 'kv', options: [1] }],
    ['sys/mounts/wrong', { type: 'kv', local: 'perhaps' }],
    ['sys/mounts/kv/tune', { options: 'text' }],
    ['sys/auth/wrong', { type: nested }],
    ['sys/remount', { from: nested, to: [] }],
    ['sys/policies/acl/wrong', { policy: nested }],
    ['sys/policies/acl/wrong', { policy: 'path "a" {}', cas: 'one' }],
    ['sys/policy/wrong', { rules: [nested] }],
    ['sys/capabilities-self', { paths: nested }],
    ['sys/capabilities', { paths: ['a'], token: nested }],
    ['sys/leases/lookup', { lease_id: nested }],
    ['sys/leases/renew', { lease_id: 'a', increment: nested }],
    ['sys/leases/revoke', { lease_id: 'a', sync: 'perhaps' }],
    ['sys/tools/random', { bytes: 'many' }],
    ['sys/tools/random', { bytes: -1 }],
    ['sys/tools/random', { bytes: 1e9 }],
    ['sys/tools/random/1e9', {}],
    ['sys/tools/hash', { input: nested }],
    ['sys/tools/hash', { input: 'not base64!' }],
    ['sys/tools/hash', { input: '', algorithm: 'md5' }],
    ['sys/wrapping/lookup', { token: nested }],
    ['sys/wrapping/unwrap', { token: [] }],
    ['sys/audit/wrong', { type: [] }],
    ['sys/audit/wrong', { type: 'file', options: 'text' }],
    ['sys/config/auditing/request-headers/wrong', { hmac: 'perhaps' }],
    ['sys/init', { secret_shares: 'five' }],
    ['sys/unseal', { key: nested }],
    ['auth/token/create', { policies: nested }],
    ['auth/token/create', { policies: [nested] }],
    ['auth/token/create', { num_uses: 'some' }],
    ['auth/token/create', { num_uses: -1 }],
    ['auth/token/create', { num_uses: 1.5 }],
    ['auth/token/create', { renewable: 'perhaps' }],
    ['auth/token/create', { meta: 'text' }],
    ['auth/token/create', { meta: { a: nested } }],
    ['auth/token/create', { type: 'odd' }],
    ['auth/token/create', { id: nested }],
    ['auth/token/roles/wrong', { period: 'soon' }],
    ['auth/token/roles/wrong', { token_type: 'odd' }],
    ['auth/token/roles/wrong', { token_bound_cidrs: '10.0.0.0/99' }],
    ['auth/token/renew', { token: nested }],
    ['auth/token/revoke', { token: nested }],
    ['auth/token/lookup-accessor', { accessor: nested }],
    ['kv2/config', { max_versions: 'many' }],
    ['kv2/config', { max_versions: 1e20 }],
    ['kv2/config', { cas_required: 'perhaps' }],
    ['kv2/config', { delete_version_after: nested }],
    ['kv2/data/wrong', { data: 'text' }],
    ['kv2/data/wrong', { data: [1] }],
    ['kv2/data/wrong', {}],
    ['kv2/data/wrong', { data: {}, options: 'text' }],
    ['kv2/data/wrong', { data: {}, options: { cas: 'one' } }],
    ['kv2/data/wrong', { data: {}, options: { cas: 1.5 } }],
    ['kv2/data/wrong', { data: {}, options: { cas: -1 } }],
    ['kv2/delete/wrong', { versions: 'all' }],
    ['kv2/delete/wrong', { versions: [nested] }],
    ['kv2/delete/wrong', {}],
    ['kv2/undelete/wrong', { versions: [] }],
    ['kv2/destroy/wrong', { versions: [1e30] }],
    ['kv2/metadata/wrong', { custom_metadata: 'text' }],
    ['kv2/metadata/wrong', { custom_metadata: { a: nested } }],
    ['kv2/metadata/wrong', { max_versions: 'many' }],
  ])('of %s is refused by name: %j', async (path, body) => {
    const before = server.logged();
    expect(await refusal('POST', path, body)).not.toBe('');
    expect(server.logged()).toBe(before);
  });

  it('leaves nothing behind', async () => {
    expect(Object.keys((await server.call('GET', 'sys/mounts')).body.data)).not.toContain('wrong/');
    for (const path of ['sys/policies/acl/wrong', 'auth/token/roles/wrong', 'kv2/data/wrong', 'kv2/metadata/wrong'])
      expect((await server.call('GET', path)).status).toBe(404);
    expect((await server.call('GET', 'sys/audit')).body.data).toStrictEqual({});
    expect((await server.call('GET', 'kv2/config')).body.data).toMatchObject({ max_versions: 0, cas_required: false });
  });
});

describe('a time to live', () => {
  const absurd = [-1, '-1', '-1s', '9999999h', '1y', 'soon', '1 h', '99999999999999999999', 1e308, '1e9', '१h', '∞', {}, [1]];
  const fields: readonly [string, (ttl: unknown) => unknown][] = [
    ['auth/token/create', (ttl) => ({ ttl })],
    ['auth/token/create', (ttl) => ({ period: ttl })],
    ['auth/token/create', (explicit_max_ttl) => ({ explicit_max_ttl })],
    ['auth/token/roles/absurd', (token_period) => ({ token_period })],
    ['sys/mounts/absurd', (ttl) => ({ type: 'kv', config: { default_lease_ttl: ttl } })],
    ['sys/mounts/absurd', (ttl) => ({ type: 'kv', config: { max_lease_ttl: ttl } })],
    ['sys/mounts/kv/tune', (default_lease_ttl) => ({ default_lease_ttl })],
    ['sys/mounts/kv/tune', (max_lease_ttl) => ({ max_lease_ttl })],
    ['kv2/config', (delete_version_after) => ({ delete_version_after })],
    ['kv2/metadata/absurd', (delete_version_after) => ({ delete_version_after })],
    ['sys/leases/renew', (increment) => ({ lease_id: 'a', increment })],
  ];
  it.each(fields.flatMap(([path, body]) => absurd.map((ttl) => [path, body(ttl)] as const)))(
    'of %s that is absurd is refused: %j',
    async (path, body) => {
      expect(await refusal('POST', path, body)).not.toBe('');
    },
  );

  it.each(
    absurd
      .filter((ttl) => typeof ttl !== 'object')
      .map(String)
      .filter((ttl) => /^[ -~]+$/.test(ttl)),
  )('of a wrapped answer that is absurd is refused: %s', async (ttl) => {
    expect(await refusal('POST', 'sys/wrapping/wrap', { a: 1 }, { 'x-vault-wrap-ttl': ttl })).toMatch(/wrap/i);
  });

  it('was not changed by any of them', async () => {
    expect((await server.call('GET', 'sys/mounts/kv/tune')).body.data).toMatchObject({
      default_lease_ttl: 2_764_800,
      max_lease_ttl: 2_764_800,
    });
    expect(Object.keys((await server.call('GET', 'sys/mounts')).body.data)).not.toContain('absurd/');
    expect((await server.call('GET', 'auth/token/roles/absurd')).status).toBe(404);
    expect((await server.call('GET', 'kv2/metadata/absurd')).status).toBe(404);
  });

  it('beyond the maximum is cut down to it, with a warning', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['default'], ttl: '2000000h' } });
    expect(body.auth.lease_duration).toBe(2_764_800);
    expect(body.warnings).toHaveLength(1);
  });

  it('of a mount whose default is above its maximum is refused', async () => {
    expect(await refusal('POST', 'sys/mounts/kv/tune', { default_lease_ttl: '2h', max_lease_ttl: '1h' })).toContain('would be less than');
  });
});

describe('a status code for health', () => {
  it.each(['99', '100', '101', '199', '600', '-1', '1000', 'x', '2e2', ''.padEnd(400, '9')])(
    'that is none is refused: %s',
    async (code) => {
      expect(await refusal('GET', `sys/health?activecode=${code}`, undefined)).not.toBe('');
    },
  );

  it.each([200, 204, 299, 304, 418, 503, 599])('%i is what health answers with when it is asked for', async (code) => {
    expect((await server.call('GET', `sys/health?activecode=${code}`, { token: null })).status).toBe(code);
  });
});

describe('a policy with an error', () => {
  it.each([
    ['path "a" {\n  capabilities = ["read"\n}', 'At 3:1: '],
    ['path "a" {\n\n', 'At 3:1: '],
    ['path "a" { capabilities = ["\nread"] }', 'At 1:28: '],
    ['path = ', 'At 1:8: '],
    ['\n\n  }', 'At 3:3: '],
    ['= 1', 'At 1:1: '],
    ['path "a" { capabilities = read }', 'At 1:27: '],
    ['path "a" { comment = "open', 'At 1:22: '],
    ['path "a" {\n  capabilities = <<EOF\nx', 'At 2:18: '],
    ['/* open', 'At 1:1: '],
    ['path "a" {\n  nothing = 1\n}', 'on line 2'],
    ['path "a" { capabilities = ["fly"] }', 'path "a": invalid capability "fly"'],
    ['path "a/+*" { capabilities = ["read"] }', "invalid use of wildcards ('+*' is forbidden)"],
    ['pfad "a" { capabilities = ["read"] }', 'invalid key "pfad"'],
    ['{"path":{"a":{"capabilities":["read"}}', "invalid character '}'"],
    ['path "a" { min_wrapping_ttl = "1y" }', 'error parsing min_wrapping_ttl'],
    [`${'a {'.repeat(5_000)}`, 'failed to parse policy'],
    [`path "a" { allowed_parameters = ${'['.repeat(5_000)}`, 'failed to parse policy'],
  ])('says where it is: %j', async (policy, where) => {
    for (const path of ['sys/policies/acl/broken', 'sys/policy/broken']) {
      const error = await refusal('PUT', path, { policy });
      expect(error).toMatch(/^failed to parse policy: /);
      expect(error).toContain(where);
    }
    expect((await server.call('GET', 'sys/policies/acl/broken')).status).toBe(404);
  });

  it('does not replace the policy that was there', async () => {
    const policy = 'path "kv/kept" { capabilities = ["read"] }';
    await server.call('PUT', 'sys/policies/acl/kept', { body: { policy } });
    await refusal('PUT', 'sys/policies/acl/kept', { policy: `${policy} }` });
    expect((await server.call('GET', 'sys/policies/acl/kept')).body.data).toMatchObject({ policy, version: 1 });
  });

  it('is kept as it was written or refused, never turned into another one', async () => {
    for (const policy of ['5', '12345', 'a', 'abcde']) {
      const { status } = await server.call('PUT', 'sys/policies/acl/short', { body: { policy } });
      expect(status, policy).toBe(400);
    }
  });
});

describe('a mount', () => {
  it.each([
    ['kv', 'path is already in use at kv/'],
    ['kv/below', 'path is already in use at kv/'],
    ['kv2/data/below', 'path is already in use at kv2/'],
    ['sys', 'cannot mount "sys/"'],
    ['sys/below', 'cannot mount "sys/below/"'],
    ['auth/token', 'cannot mount "auth/token/"'],
    ['identity/x', 'cannot mount "identity/x/"'],
    ['cubbyhole', 'cannot mount "cubbyhole/"'],
  ])('at %s is refused', async (path, why) => {
    const before = (await server.call('GET', 'sys/mounts')).body.data;
    expect(await refusal('POST', `sys/mounts/${path}`, { type: 'kv' })).toContain(why);
    expect((await server.call('GET', 'sys/mounts')).body.data).toStrictEqual(before);
  });

  it('above another one is refused as well', async () => {
    await server.call('POST', 'sys/mounts/deep/er/est', { body: { type: 'kv' } });
    for (const path of ['deep', 'deep/er', 'deep/er/est', 'deep/er/est/still'])
      expect(await refusal('POST', `sys/mounts/${path}`, { type: 'kv' })).toBe('path is already in use at deep/er/est/');
    expect((await server.call('POST', 'sys/mounts/deep/er/es', { body: { type: 'kv' } })).status).toBe(204);
  });

  it('is made once when many ask for it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => server.call('POST', 'sys/mounts/raced', { body: { type: 'kv' } })));
    expect(answers.map(({ status }) => status).sort()).toStrictEqual([204, ...Array<number>(7).fill(400)]);
  });

  it('of a type that there is not, or that only the server mounts, is refused', async () => {
    for (const type of ['nothing', 'system', 'token', 'identity', 'cubbyhole', '__proto__', 'constructor', '../kv', 'kv\u0000'])
      expect(await refusal('POST', 'sys/mounts/odd', { type })).not.toBe('');
    expect(await refusal('POST', 'sys/auth/odd', { type: 'kv' })).toContain('plugin not found');
  });

  it('may have a path in any writing, and holds secrets there', async () => {
    const path = 'ключ 💩/ñ "quoted"';
    const encoded = encodeURI(path).replaceAll('"', '%22');
    expect((await server.call('POST', `sys/mounts/${encoded}`, { body: { type: 'kv' } })).status).toBe(204);
    expect((await server.call('POST', `${encoded}/ß`.replace('ß', '%C3%9F'), { body: { v: 1 } })).status).toBe(204);
    expect(Object.keys((await server.call('GET', 'sys/mounts')).body.data)).toContain(`${path}/`);
    expect((await server.call('LIST', encoded)).body.data).toStrictEqual({ keys: ['ß'] });
    expect((await server.call('DELETE', `sys/mounts/${encoded}`)).status).toBe(204);
  });
});
