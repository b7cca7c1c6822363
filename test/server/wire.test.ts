// What every answer has in common: the envelope, its headers, the statuses, the texts of refusals, tokens in headers, namespaces.

import { describe, expect, test } from 'vitest';
import { denied, done, envelope, framed, injected, nothingThere, refused, said, shown, stranger, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

describe('the envelope', () => {
  test('has its keys in the order that clients know, with nulls for what is not there', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    const { body, text } = await call('GET', `${kv}/a`);
    expect(Object.keys(body)).toEqual(['request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings', 'auth']);
    expect(body).toEqual(envelope({ lease_duration: 2764800, data: { x: '1' } }));
    expect(text.endsWith('}\n')).toBe(true);
  });

  test('carries another request id each time', async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await call('GET', 'auth/token/lookup-self')).body.request_id));
    expect(ids).toEqual([uuid, uuid, uuid]);
    expect(new Set(ids).size).toBe(3);
  });

  test('has an auth block with all of its keys where a token was made', async () => {
    const { body } = await call('POST', 'auth/token/create', { body: { policies: ['default'], ttl: '1h' } });
    expect(body.data).toBeNull();
    expect(Object.keys(body.auth)).toEqual([
      'client_token',
      'accessor',
      'policies',
      'token_policies',
      'metadata',
      'lease_duration',
      'renewable',
      'entity_id',
      'token_type',
      'orphan',
      'mfa_requirement',
      'num_uses',
    ]);
  });

  test('repeats the data at the top level for the routes whose old clients look there, and for no others', async () => {
    const kv = await mount('kv');
    const capabilities = { 'sys/mounts': ['root'], capabilities: ['root'] };
    expect(said(await call('POST', 'sys/capabilities-self', { body: { paths: ['sys/mounts'] } }))).toEqual(injected(capabilities));
    const { body: tuning } = await call('GET', `sys/mounts/${kv}/tune`);
    expect(tuning.default_lease_ttl).toBe(2764800);
    expect(tuning.data.default_lease_ttl).toBe(2764800);
    for (const path of [
      'sys/mounts',
      'sys/auth',
      `sys/mounts/${kv}`,
      'sys/policy',
      'sys/policy/default',
      'sys/key-status',
      'sys/config/cors',
      'sys/config/auditing/request-headers',
      'sys/ha-status',
    ]) {
      const { body } = await call('GET', path);
      expect(body, path).toEqual({ ...body.data, ...envelope({ data: body.data }) });
    }
    const { body: acl } = await call('GET', 'sys/policies/acl/default');
    expect(acl).toEqual(envelope({ data: acl.data }));
  });

  test('puts the injected keys before those of the envelope', async () => {
    const { body } = await call('POST', 'sys/capabilities-self', { body: { paths: ['a', 'b'] } });
    expect(Object.keys(body).slice(0, 3)).toEqual(['a', 'b', 'request_id']);
  });

  test('is left out where clients expect bare JSON', async () => {
    for (const path of ['sys/health', 'sys/seal-status', 'sys/init', 'sys/leader', 'sys/internal/specs/openapi'])
      expect((await call('GET', path)).body, path).not.toHaveProperty('request_id');
  });
});

describe('headers', () => {
  test('every answer says that it is JSON and must not be kept, refusals and empty ones too', async () => {
    const kv = await mount('kv');
    const answers = [
      await call('POST', `${kv}/a`, { body: { x: '1' } }),
      await call('GET', `${kv}/a`),
      await call('GET', `${kv}/none`),
      await call('GET', `${kv}/a`, { token: null }),
      await call('GET', 'sys/health'),
      await call('TRACE', `${kv}/a`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([204, 200, 404, 403, 200, 405]);
    for (const { headers, status } of answers)
      expect([status, headers['cache-control'], headers['content-type']]).toEqual([status, 'no-store', 'application/json']);
  });

  test('the namespace that was sent comes back', async () => {
    const { headers } = await call('GET', 'auth/token/lookup-self', { headers: { 'X-Vault-Namespace': 'root' } });
    expect(headers['x-vault-namespace']).toBe('root');
    expect((await call('GET', 'auth/token/lookup-self')).headers).not.toHaveProperty('x-vault-namespace');
  });

  test('headers of clients and of other products are taken without effect', async () => {
    const headers = {
      'X-Vault-Request': 'true',
      'X-Vault-Policy-Override': 'true',
      'X-Vault-No-Request-Forwarding': 'true',
      'X-Vault-MFA': 'id:1',
      'X-Vault-Index': 'v1:abc',
      'X-Vault-Inconsistent': 'forward-active-node',
      'X-Vault-Forward': 'active-node',
    };
    expect((await call('GET', 'auth/token/lookup-self', { headers })).status).toBe(200);
  });
});

describe('statuses', () => {
  test('nothing to say is 204, nothing found is 404 without a text, and an empty list is nothing found', async () => {
    const kv = await mount('kv');
    expect(said(await call('GET', `${kv}/none`))).toEqual(nothingThere);
    expect(said(await call('LIST', kv))).toEqual(nothingThere);
    expect(said(await call('LIST', `${kv}/none`))).toEqual(nothingThere);
    expect(said(await call('POST', `${kv}/a`, { body: { x: '1' } }))).toEqual(done);
    expect(said(await call('DELETE', `${kv}/a`))).toEqual(done);
    expect(said(await call('DELETE', `${kv}/a`))).toEqual(done);
  });

  test('a path where nothing is mounted is named in the refusal, but only to those who have a token', async () => {
    const refusal = refused(404, 'no handler for route "nothing/here". route entry not found.');
    expect(said(await call('GET', 'nothing/here'))).toEqual(refusal);
    expect(said(await call('POST', 'nothing/here', { body: {} }))).toEqual(refusal);
    expect(said(await call('GET', 'nothing/here', { token: null }))).toEqual(stranger);
  });

  test('a path that the mounted engine does not have is 404, an operation that the path does not have is 405', async () => {
    expect(said(await call('GET', 'sys/nothing'))).toEqual(refused(404, framed('unsupported path')));
    expect(said(await call('GET', 'sys/capabilities-self'))).toEqual(refused(405, framed('unsupported operation')));
    expect(said(await call('DELETE', 'sys/mounts'))).toEqual(refused(405, framed('unsupported operation')));
    const kv2 = await mount('kv-v2');
    expect(said(await call('LIST', `${kv2}/data/dir`))).toEqual(refused(405, framed('unsupported operation')));
  });

  test('whoever may not use a path does not learn whether it is there', async () => {
    const token = await shared.tokenWith('path "elsewhere" { capabilities = ["read"] }');
    expect(said(await call('GET', 'sys/nothing', { token }))).toEqual(denied);
    expect(said(await call('GET', 'nothing/here', { token }))).toEqual(denied);
  });

  test('only what lies below /v1/ is the API', async () => {
    const fetched = async (path: string) => {
      const answer = await fetch(`${shared.server.address}${path}`, { redirect: 'manual' });
      return [answer.status, answer.headers.get('location'), await answer.text()];
    };
    expect(await fetched('/v2/x')).toEqual([404, null, '{"errors":[]}\n']);
    expect(await fetched('/v1')).toEqual([404, null, '{"errors":[]}\n']);
    expect(await fetched('/')).toEqual([404, null, '404 page not found\n']);
    expect((await fetched('/ui')).slice(0, 2)).toEqual([307, '/ui/']);
  });
});

describe('tokens', () => {
  test('without a token, or with one that is not known, everything is refused the same way', async () => {
    for (const path of ['sys/mounts', 'auth/token/lookup-self', 'cubbyhole/a', 'sys/nothing']) {
      expect(said(await call('GET', path, { token: null })), path).toEqual(stranger);
      expect(said(await call('GET', path, { token: 'hvs.000000000000000000000000' })), path).toEqual(stranger);
      expect(said(await call('GET', path, { token: '' })), path).toEqual(stranger);
    }
  });

  test('a token may stand in the Authorization header, and the other header wins', async () => {
    const bearer = (text: string) => ({ Authorization: text });
    const { rootToken } = shared.server;
    expect((await call('GET', 'sys/mounts', { token: null, headers: bearer(`Bearer ${rootToken}`) })).status).toBe(200);
    expect(said(await call('GET', 'sys/mounts', { token: null, headers: bearer(rootToken) }))).toEqual(stranger);
    expect(said(await call('GET', 'sys/mounts', { token: 'wrong', headers: bearer(`Bearer ${rootToken}`) }))).toEqual(stranger);
    expect((await call('GET', 'sys/mounts', { headers: bearer('Bearer wrong') })).status).toBe(200);
  });

  test('a token that is valid but not allowed is refused in the frame of a list of errors', async () => {
    const { client_token: token } = await shared.tokenOf({ policies: ['default'] });
    expect(said(await call('GET', 'sys/mounts', { token }))).toEqual(denied);
  });
});

describe('parameters', () => {
  test('what a route does not know is named in a warning, in order, and does no harm', async () => {
    const body = { paths: ['a'], zeta: 1, alpha: 2 };
    const answer = await call('POST', 'sys/capabilities-self', { body });
    expect(said(answer)).toEqual(
      injected({ a: ['root'], capabilities: ['root'] }, { warnings: ['Endpoint ignored these unrecognized parameters: [alpha zeta]'] }),
    );
    expect((await call('GET', 'sys/internal/ui/resultant-acl?nope=1')).body.warnings).toEqual([
      'Endpoint ignored these unrecognized parameters: [nope]',
    ]);
  });

  test('an answer without a body stays without one, whatever was ignored', async () => {
    const body = { type: 'kv', unknown: 1 };
    expect(said(await call('POST', 'sys/mounts/warned', { body }))).toEqual(done);
  });

  test('a parameter that the path holds already is replaced by the path', async () => {
    await call('POST', 'auth/token/roles/replaced', { body: { orphan: true } });
    const { body } = await call('POST', 'auth/token/create/replaced', { body: { role_name: 'other', policies: ['default'] } });
    expect(body.warnings).toEqual([
      "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [role_name]",
    ]);
    const { body: made } = await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token });
    expect(made.data.role).toBe('replaced');
  });

  test('the query of a read is its data: one value is a text, several are a list', async () => {
    const kv = await mount('kv-v2');
    for (const x of [1, 2]) await call('POST', `${kv}/data/a`, { body: { data: { x } } });
    expect((await call('GET', `${kv}/data/a?version=1`)).body.data.data).toEqual({ x: 1 });
    expect(said(await call('GET', `${kv}/data/a?version=1&version=2`))[0]).toBe(400);
  });

  test('the query of a write is not its data', async () => {
    expect(said(await call('POST', 'sys/mounts/by-query?type=kv'))).toEqual(refused(400, 'backend type must be specified as a string'));
  });

  test('what cannot be converted is told with the name of the field', async () => {
    expect(said(await call('POST', 'sys/tools/random', { body: { bytes: 'many' } }))).toEqual(
      refused(
        400,
        "Field validation failed: error converting input for field \"bytes\": '' cannot parse value as 'int': strconv.ParseInt: invalid syntax",
      ),
    );
    expect(said(await call('POST', 'auth/token/create', { body: { num_uses: {} } }))[0]).toBe(400);
  });

  test('numbers, booleans and lists may be sent as texts, as command lines do', async () => {
    const body = { orphan: 'true', token_period: '90', allowed_policies: 'a, b', disallowed_policies: '["c","d"]', renewable: 'f' };
    expect(said(await call('POST', 'auth/token/roles/typed', { body }))).toEqual(done);
    expect((await call('GET', 'auth/token/roles/typed')).body.data).toMatchObject({
      orphan: true,
      token_period: 90,
      allowed_policies: ['a', 'b'],
      disallowed_policies: ['c', 'd'],
      renewable: false,
    });
  });

  test.each([
    [3600, 3600],
    ['3600', 3600],
    ['1h30m', 5400],
    ['2d', 172800],
    ['90s', 90],
    ['1500ms', 1],
    ['', 0],
  ])('a duration of %o is %i seconds', async (given, seconds) => {
    await call('POST', 'auth/token/roles/timed', { body: { token_explicit_max_ttl: given } });
    expect((await call('GET', 'auth/token/roles/timed')).body.data.token_explicit_max_ttl).toBe(seconds);
  });

  test.each([
    ['soon', 'time: invalid duration "soon"'],
    ['1y', 'time: unknown unit "y" in duration "1y"'],
    ['1d12h', 'time: unknown unit "d" in duration "1d12h"'],
    ['1.5', 'time: missing unit in duration "1.5"'],
  ])('a duration of %o is refused in words that clients know', async (ttl, text) => {
    expect(said(await call('POST', 'auth/token/create', { body: { ttl } }))).toEqual(refused(400, text));
  });
});

describe('namespaces', () => {
  test('there is the root namespace and no other', async () => {
    const within = (namespace: string) => call('GET', 'auth/token/lookup-self', { headers: { 'X-Vault-Namespace': namespace } });
    for (const name of ['', 'root', 'root/', '/']) expect((await within(name)).status, name).toBe(200);
    for (const name of ['team', 'team/', 'root/team']) expect(said(await within(name)), name).toEqual(refused(404, 'namespace not found'));
  });

  test('nothing is written into the root namespace under the name of another', async () => {
    const kv = await mount('kv');
    const answer = await call('POST', `${kv}/a`, { body: { x: '1' }, headers: { 'X-Vault-Namespace': 'team' } });
    expect(said(answer)).toEqual(refused(404, 'namespace not found'));
    expect(said(await call('GET', `${kv}/a`))).toEqual(nothingThere);
  });

  test.each(['health', 'init', 'seal', 'unseal', 'step-down', 'metrics'])('sys/%s belongs to no namespace', async (route) => {
    const method = ['seal', 'unseal', 'step-down'].includes(route) ? 'PUT' : 'GET';
    const answer = await call(method, `sys/${route}`, { headers: { 'X-Vault-Namespace': 'team' } });
    expect(said(answer)).toEqual(refused(400, 'operation unavailable in namespaces'));
  });
});

describe('wrapping by header', () => {
  test.each([
    ['-5', 'error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative'],
    ['soon', 'error parsing X-Vault-Wrap-TTL header: time: invalid duration "soon"'],
  ])('a time to live of %s is refused', async (ttl, text) => {
    const answer = await call('GET', 'auth/token/lookup-self', { headers: { 'X-Vault-Wrap-TTL': ttl } });
    expect(said(answer)).toEqual(refused(400, text));
  });

  test('a time to live of 0 wraps nothing', async () => {
    const { status, body } = await call('GET', 'sys/policies/acl/default', { headers: { 'X-Vault-Wrap-TTL': '0' } });
    expect([status, body]).toEqual(shown(body.data));
    expect(body.data.name).toBe('default');
  });
});
