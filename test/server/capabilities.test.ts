// What a token may do, asked before it tries: capabilities by path, what its policies add up to, and the mounts that it sees.

import { describe, expect, test } from 'vitest';
import { denied, injected, refused, type Shape, said, shown, stranger, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount, tokenOf } = shared;

describe('capabilities', () => {
  const rules = (kv: string): string => `
    path "${kv}/all" { capabilities = ["sudo", "read", "list", "update", "delete", "create", "patch"] }
    path "${kv}/secret" { capabilities = ["read", "deny"] }
    path "${kv}/+/open" { capabilities = ["update", "read"] }
    path "${kv}/dir/" { capabilities = ["list"] }`;

  test('are told for each path, in order, and are deny where there are none', async () => {
    const kv = await mount('kv');
    const token = await shared.tokenWith(rules(kv));
    const paths = [`${kv}/all`, `${kv}/secret`, `${kv}/a/open`, `${kv}/none`, 'sys/mounts', 'cubbyhole/x'];
    expect(said(await call('POST', 'sys/capabilities-self', { token, body: { paths } }))).toEqual(
      injected({
        [`${kv}/all`]: ['create', 'delete', 'list', 'patch', 'read', 'sudo', 'update'],
        [`${kv}/secret`]: ['deny'],
        [`${kv}/a/open`]: ['read', 'update'],
        [`${kv}/none`]: ['deny'],
        'sys/mounts': ['deny'],
        'cubbyhole/x': ['create', 'delete', 'list', 'read', 'update'],
      }),
    );
  });

  test('of a single path are told under a name of their own too, by either name of the parameter', async () => {
    const kv = await mount('kv');
    const token = await shared.tokenWith(rules(kv));
    const path = `${kv}/a/open`;
    const expected = injected({ [path]: ['read', 'update'], capabilities: ['read', 'update'] });
    for (const body of [{ paths: [path] }, { path }, { path: [path] }, { paths: path }])
      expect(said(await call('POST', 'sys/capabilities-self', { token, body })), JSON.stringify(body)).toEqual(expected);
  });

  test('of root are root', async () => {
    expect(said(await call('POST', 'sys/capabilities-self', { body: { paths: ['a'] } }))).toEqual(
      injected({ a: ['root'], capabilities: ['root'] }),
    );
  });

  test('of another token are told by the token or by its accessor, to those who may ask', async () => {
    const kv = await mount('kv');
    const token = await shared.tokenWith(rules(kv));
    const { accessor } = (await call('GET', 'auth/token/lookup-self', { token })).body.data;
    const body = { paths: [`${kv}/all`, `${kv}/none`] };
    const expected = injected({ [`${kv}/all`]: ['create', 'delete', 'list', 'patch', 'read', 'sudo', 'update'], [`${kv}/none`]: ['deny'] });
    expect(said(await call('POST', 'sys/capabilities', { body: { ...body, token } }))).toEqual(expected);
    expect(said(await call('POST', 'sys/capabilities-accessor', { body: { ...body, accessor } }))).toEqual(expected);
    for (const route of ['sys/capabilities', 'sys/capabilities-accessor'])
      expect(said(await call('POST', route, { token, body: { ...body, token, accessor } })), route).toEqual(denied);
  });

  test('need paths, and a token that is there', async () => {
    expect(said(await call('POST', 'sys/capabilities-self', { body: {} }))).toEqual(refused(400, 'paths must be supplied'));
    expect((await call('POST', 'sys/capabilities', { body: { paths: ['a'], token: 'nope' } })).status).toBe(400);
    expect((await call('POST', 'sys/capabilities-accessor', { body: { paths: ['a'], accessor: 'nope' } })).status).toBe(400);
    expect(said(await call('POST', 'sys/capabilities-self', { token: null, body: { paths: ['a'] } }))).toEqual(stranger);
  });

  test('agree with what really happens', async () => {
    const kv = await mount('kv');
    const token = await shared.tokenWith(
      `path "${kv}/x*" { capabilities = ["read", "list"] }\npath "${kv}/xy" { capabilities = ["update", "create"] }`,
    );
    for (const path of [`${kv}/x`, `${kv}/xy`, `${kv}/xyz`, kv]) {
      const { capabilities } = (await call('POST', 'sys/capabilities-self', { token, body: { paths: [path] } })).body.data;
      const reads = (await call('GET', path, { token })).status !== 403;
      const writes = (await call('POST', path, { token, body: { x: '1' } })).status !== 403;
      expect([reads, writes], path).toEqual([capabilities.includes('read'), capabilities.includes('create')]);
    }
  });
});

describe('what policies add up to', () => {
  test('is told by exact path and by prefix', async () => {
    const kv = await mount('kv');
    const token = await shared.tokenWith(
      `
      path "${kv}/a/*" { capabilities = ["read", "list"] }
      path "${kv}/a/secret" { capabilities = ["deny"] }
      path "${kv}/p" {
        capabilities = ["update", "create"]
        allowed_parameters = { "x" = ["1", "2*"], "y" = [] }
        denied_parameters = { "z" = [] }
        required_parameters = ["x"]
      }
      path "${kv}/wrap" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "10m" }
      path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }`,
      { no_default_policy: true },
    );
    expect(said(await call('GET', 'sys/internal/ui/resultant-acl', { token }))).toEqual(
      shown({
        exact_paths: {
          [`${kv}/a/secret`]: { capabilities: ['deny'] },
          [`${kv}/p`]: {
            capabilities: ['create', 'update'],
            allowed_parameters: { x: ['1', '2*'], y: [] },
            denied_parameters: { z: [] },
            required_parameters: ['x'],
          },
          [`${kv}/wrap`]: { capabilities: ['read'], min_wrapping_ttl: 60, max_wrapping_ttl: 600 },
          'sys/internal/ui/resultant-acl': { capabilities: ['read'] },
        },
        glob_paths: { [`${kv}/a/`]: { capabilities: ['list', 'read'] } },
        root: false,
      }),
    );
  });

  test('holds no rules with a plus, which no client would match as one', async () => {
    const token = await shared.tokenWith('path "kv/+/open" { capabilities = ["read"] }');
    const { glob_paths, exact_paths } = (await call('GET', 'sys/internal/ui/resultant-acl', { token })).body.data;
    expect([...Object.keys(glob_paths), ...Object.keys(exact_paths)].filter((path) => path.includes('+'))).toEqual([]);
  });

  test('is everything for root', async () => {
    expect((await call('GET', 'sys/internal/ui/resultant-acl')).body.data.root).toBe(true);
  });
});

describe('the mounts that a user interface shows', () => {
  const described = (type: string, more: Shape = {}): Shape => expect.objectContaining({ type, uuid, ...more });

  test('are to anybody those that are tuned to be seen, and no more of them than is needed', async () => {
    const hidden = await mount('kv');
    const open = await mount('kv-v2', { description: 'for all', config: { listing_visibility: 'unauth' } });
    for (const token of [null, 'wrong']) {
      const answer = await call('GET', 'sys/internal/ui/mounts', { token });
      expect(said(answer)).toEqual(
        shown({ auth: {}, secret: { [`${open}/`]: { type: 'kv', description: 'for all', options: { version: '2' } } } }),
      );
      expect(answer.text).not.toContain(hidden);
    }
    await call('POST', `sys/mounts/${open}/tune`, { body: { listing_visibility: 'hidden' } });
    expect(said(await call('GET', 'sys/internal/ui/mounts', { token: null }))).toEqual(shown({ auth: {}, secret: {} }));
  });

  test('are to a token those that its policies touch', async () => {
    const [mine, other] = [await mount('kv'), await mount('kv')];
    const token = await shared.tokenWith(`path "${mine}/dir/a" { capabilities = ["read"] }\npath "${other}/*" { capabilities = ["deny"] }`);
    const { secret, auth } = (await call('GET', 'sys/internal/ui/mounts', { token })).body.data;
    expect(secret).toMatchObject({ [`${mine}/`]: described('kv'), 'cubbyhole/': described('cubbyhole'), 'sys/': described('system') });
    expect(secret).not.toHaveProperty([`${other}/`]);
    expect(auth).toEqual({ 'token/': described('token') });
  });

  test('are found by any path below them', async () => {
    const kv = await mount('kv-v2');
    const token = await shared.tokenWith(`path "${kv}/data/team/*" { capabilities = ["read"] }`);
    for (const path of [kv, `${kv}/`, `${kv}/data/team/x`, `${kv}/anything`]) {
      const { status, body } = await call('GET', `sys/internal/ui/mounts/${path}`, { token });
      expect([status, body.data], path).toEqual([200, described('kv', { path: `${kv}/`, options: { version: '2' } })]);
    }
  });

  test('are not told to those who may not use them, nor whether they are there', async () => {
    const kv = await mount('kv');
    const { client_token: token } = await tokenOf({ policies: ['default'] });
    for (const path of [`${kv}/a`, 'none/x', kv]) {
      const refusal = `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`;
      expect(said(await call('GET', `sys/internal/ui/mounts/${path}`, { token })), path).toEqual(refused(403, refusal));
      for (const stranger of [null, 'wrong'])
        expect(said(await call('GET', `sys/internal/ui/mounts/${path}`, { token: stranger })), path).toEqual(
          refused(403, 'permission denied'),
        );
    }
  });
});
