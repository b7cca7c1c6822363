// Policies as things that are written, read and deleted, by both generations of routes; what is refused, and what a token gets of them.

import { describe, expect, test } from 'vitest';
import { denied, done, envelope, framed, injected, nothingThere, refused, type Shape, said, shown, time } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount, tokenOf } = shared;
let made = 0;
const fresh = (): string => `p-${++made}`;

const put = (name: string, policy: unknown, more: Shape = {}) => call('PUT', `sys/policies/acl/${name}`, { body: { policy, ...more } });
const reads = (path: string): string => `path "${path}" { capabilities = ["read"] }`;

function policyOf(name: string, text: string, more: Shape = {}): Shape {
  return {
    allow_slashes_in_identity_templates: false,
    allow_wildcards_in_identity_templates: false,
    cas_required: false,
    modified: time,
    name,
    policy: text,
    version: 1,
    ...more,
  };
}

describe('a policy', () => {
  test('is read as it was written, by the new route and by the old one', async () => {
    const name = fresh();
    const text = `# for the team\n${reads('kv/team/*')}\n`;
    expect(said(await put(name, text))).toEqual(done);
    expect(said(await call('GET', `sys/policies/acl/${name}`))).toEqual(shown(policyOf(name, text)));
    const { policy: rules, ...rest } = policyOf(name, text);
    expect(said(await call('GET', `sys/policy/${name}`))).toEqual(injected({ ...rest, rules }));
    const old = fresh();
    expect(said(await call('PUT', `sys/policy/${old}`, { body: { rules: text } }))).toEqual(done);
    expect((await call('GET', `sys/policies/acl/${old}`)).body.data.policy).toBe(text);
  });

  test('counts how often it was written', async () => {
    const name = fresh();
    await put(name, reads('a'));
    await put(name, reads('b'));
    expect(said(await call('GET', `sys/policies/acl/${name}`))).toEqual(shown(policyOf(name, reads('b'), { version: 2 })));
  });

  test('has a name in lower case, and says so when it was given another', async () => {
    expect(said(await put('Team', reads('a')))).toEqual([200, envelope({ warnings: ['policy name was converted to team'] })]);
    expect((await call('GET', 'sys/policies/acl/TEAM')).body.data.name).toBe('team');
    expect((await call('LIST', 'sys/policies/acl')).body.data.keys).toContain('team');
    expect(said(await call('DELETE', 'sys/policies/acl/tEAM'))).toEqual(done);
    expect(said(await call('GET', 'sys/policies/acl/team'))).toEqual(nothingThere);
  });

  test('may be sent as base64, and as JSON', async () => {
    const [encoded, json] = [fresh(), fresh()];
    expect(said(await put(encoded, Buffer.from(reads('a')).toString('base64')))).toEqual(done);
    expect((await call('GET', `sys/policies/acl/${encoded}`)).body.data.policy).toBe(reads('a'));
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    expect(said(await put(json, JSON.stringify({ path: { [`${kv}/a`]: { capabilities: ['read'] } } })))).toEqual(done);
    const { client_token: token } = await tokenOf({ policies: [json] });
    expect((await call('GET', `${kv}/a`, { token })).status).toBe(200);
  });

  test('is deleted, and deleting nothing is no fault', async () => {
    const [one, old] = [fresh(), fresh()];
    for (const name of [one, old]) await put(name, reads('a'));
    for (let times = 0; times < 2; times++) {
      expect(said(await call('DELETE', `sys/policies/acl/${one}`))).toEqual(done);
      expect(said(await call('DELETE', `sys/policy/${old}`))).toEqual(done);
    }
    for (const name of [one, old]) expect(said(await call('GET', `sys/policies/acl/${name}`))).toEqual(nothingThere);
  });

  test('is replaced only on top of the version that is named, where one is', async () => {
    const name = fresh();
    await put(name, reads('a'), { cas_required: true });
    expect(said(await put(name, reads('b')))).toEqual(refused(400, 'check-and-set parameter required for this call'));
    expect(said(await put(name, reads('b'), { cas: 9 }))).toEqual(
      refused(400, 'check-and-set parameter did not match the current version'),
    );
    expect(said(await put(name, reads('b'), { cas: 1 }))).toEqual(done);
  });
});

describe('the list of policies', () => {
  test('holds those that are always there, in order, in the shape of each route', async () => {
    const name = fresh();
    await put(name, reads('a'));
    const { keys } = (await call('LIST', 'sys/policies/acl')).body.data;
    expect(keys).toEqual([...keys].sort());
    expect(keys).toEqual(expect.arrayContaining(['default', 'root', name]));
    expect(keys).not.toContain('response-wrapping');
    expect(said(await call('GET', 'sys/policies/acl?list=true'))).toEqual(shown({ keys }));
    expect(said(await call('GET', 'sys/policy'))).toEqual(injected({ keys, policies: keys }));
  });
});

describe('the built-in policies', () => {
  test('root has no text, and is neither written nor deleted', async () => {
    const { modified, ...root } = policyOf('root', '', { version: 0 });
    expect(modified).toBeDefined();
    expect(said(await call('GET', 'sys/policies/acl/root'))).toEqual(shown(root));
    expect(said(await put('root', reads('a')))).toEqual(refused(400, 'cannot update "root" policy'));
    expect(said(await call('DELETE', 'sys/policies/acl/root'))).toEqual(refused(400, 'cannot delete "root" policy'));
  });

  test('default may be written and not deleted', async () => {
    const { body } = await call('GET', 'sys/policies/acl/default');
    expect(said(await call('DELETE', 'sys/policies/acl/default'))).toEqual(refused(400, 'cannot delete default policy'));
    expect(said(await put('default', `${body.data.policy}\n`))).toEqual(done);
    await put('default', body.data.policy);
  });

  test('response-wrapping may be neither written nor deleted', async () => {
    expect((await put('response-wrapping', reads('a'))).status).toBe(400);
    expect((await call('DELETE', 'sys/policies/acl/response-wrapping')).status).toBe(400);
  });
});

describe('what is no policy', () => {
  const missing = "'policy' parameter not supplied or empty";
  test.each([
    ['', missing],
    [undefined, missing],
    ['path "a" { capabilities = ["fly"] }', 'failed to parse policy: path "a": invalid capability "fly"'],
    ['path "a" {', expect.stringMatching(/^failed to parse policy: At 1:1[12]: object expected closing RBRACE got: EOF$/)],
    ['path "a/+*" { capabilities = ["read"] }', 'failed to parse policy: path "a/+*": invalid use of wildcards (\'+*\' is forbidden)'],
    [
      'path "a" { capabilities = ["read"] surprise = true }',
      `failed to parse policy: ${framed('path "a": invalid key "surprise" on line 1')}`,
    ],
    ['name = "x" foo "y" {}', `failed to parse policy: ${framed('invalid key "foo" on line 0')}`],
  ])('%j is refused in words that clients know', async (policy, text) => {
    const name = fresh();
    expect(said(await put(name, policy))).toEqual(refused(400, text));
    expect(said(await call('GET', `sys/policies/acl/${name}`))).toEqual(nothingThere);
  });

  test('leaves the policy that was there before', async () => {
    const name = fresh();
    await put(name, reads('a'));
    await put(name, 'path "a" {');
    expect((await call('GET', `sys/policies/acl/${name}`)).body.data.policy).toBe(reads('a'));
  });
});

describe('a token and its policies', () => {
  test('a policy that is written, changed or deleted counts from the next request on', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    const name = fresh();
    const { client_token: token } = await tokenOf({ policies: [name] });
    const attempt = async () => (await call('GET', `${kv}/a`, { token })).status;
    expect(await attempt()).toBe(403);
    await put(name, reads(`${kv}/a`));
    expect(await attempt()).toBe(200);
    await put(name, reads(`${kv}/b`));
    expect(await attempt()).toBe(403);
    await put(name, reads(`${kv}/*`));
    expect(await attempt()).toBe(200);
    await call('DELETE', `sys/policies/acl/${name}`);
    expect(await attempt()).toBe(403);
  });

  test('whoever may write policies needs create for new ones and update for those that are there', async () => {
    const rule = (capability: string) => `path "sys/policies/acl/*" { capabilities = ["${capability}"] }`;
    const [creates, updates] = [await shared.tokenWith(rule('create')), await shared.tokenWith(rule('update'))];
    const write = (token: string, name: string) => call('PUT', `sys/policies/acl/${name}`, { token, body: { policy: reads('a') } });
    // Without an existence check on the route every write is an update, as clients are used to.
    expect(said(await write(updates, fresh()))).toEqual(done);
    expect(said(await write(creates, fresh()))).toEqual(denied);
  });

  test('a path with a template of an identity that the token has not grants nothing', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    const token = await shared.tokenWith(
      `path "${kv}/{{identity.entity.name}}" { capabilities = ["read"] }\npath "${kv}/{{identity.entity.id}}*" { capabilities = ["read"] }`,
    );
    for (const path of ['a', '', '{{identity.entity.name}}'])
      expect((await call('GET', `${kv}/${encodeURIComponent(path)}`, { token })).status, path).toBe(403);
  });
});

describe('the default policy', () => {
  test('lets a token see to itself', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], ttl: '1h' });
    for (const [method, path, body] of [
      ['GET', 'auth/token/lookup-self', undefined],
      ['POST', 'auth/token/renew-self', {}],
      ['POST', 'sys/capabilities-self', { paths: ['a'] }],
      ['GET', 'sys/internal/ui/resultant-acl', undefined],
      ['POST', 'cubbyhole/a', { x: '1' }],
      ['GET', 'cubbyhole/a', undefined],
      ['LIST', 'cubbyhole', undefined],
      ['DELETE', 'cubbyhole/a', undefined],
      ['POST', 'sys/tools/hash', { input: 'aGk=' }],
      ['POST', 'sys/tools/hash/sha2-512', { input: 'aGk=' }],
    ] as const)
      expect((await call(method, path, { token, ...(body === undefined ? {} : { body }) })).status, `${method} ${path}`).toBeLessThan(300);
    const wrapped = await call('POST', 'sys/wrapping/wrap', { token, headers: { 'X-Vault-Wrap-TTL': '60' }, body: { x: '1' } });
    expect(wrapped.status).toBe(200);
    const wrapping = { token, body: { token: wrapped.body.wrap_info.token } };
    expect((await call('POST', 'sys/wrapping/lookup', wrapping)).status).toBe(200);
    expect((await call('POST', 'sys/wrapping/unwrap', wrapping)).status).toBe(200);
    expect((await call('POST', 'sys/leases/lookup', { token, body: { lease_id: 'nope' } })).status).toBe(400);
    expect((await call('POST', 'sys/leases/renew', { token, body: { lease_id: 'nope' } })).status).toBe(400);
    expect((await call('POST', 'auth/token/revoke-self', { token })).status).toBe(204);
  });

  test('lets it do nothing else', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'] });
    for (const [method, path] of [
      ['GET', 'sys/mounts'],
      ['GET', 'sys/auth'],
      ['POST', 'auth/token/create'],
      ['POST', 'auth/token/lookup'],
      ['LIST', 'auth/token/accessors'],
      ['LIST', 'sys/policies/acl'],
      ['POST', 'sys/leases/revoke'],
      ['LIST', 'sys/leases/lookup/auth'],
      ['POST', 'sys/tools/random'],
      ['POST', 'sys/wrapping/rewrap'],
      ['GET', 'sys/metrics'],
      ['POST', 'sys/mounts/x'],
    ] as const)
      expect(said(await call(method, path, { token })), `${method} ${path}`).toEqual(denied);
  });
});
