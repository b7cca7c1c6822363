// What policies allow and what they do not, over HTTP: which rule counts, parameters, lists, sudo.

import { describe, expect, test } from 'vitest';
import type { TestAnswer } from '../suites/server.ts';
import { denied, done, nothingThere, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount, tokenOf } = shared;

async function filled(...paths: readonly string[]): Promise<string> {
  const kv = await mount('kv');
  for (const path of paths) await call('POST', `${kv}/${path}`, { body: { x: '1' } });
  return kv;
}

const allowed = (answer: TestAnswer): boolean => {
  if (answer.status !== 403) return true;
  expect(said(answer)).toEqual(denied);
  return false;
};

describe('which rule counts', () => {
  test('a rule for the exact path wins over every pattern', async () => {
    const kv = await filled('a/one', 'a/secret');
    const token = await shared.tokenWith(`
      path "${kv}/a/*" { capabilities = ["read", "list"] }
      path "${kv}/a/secret" { capabilities = ["deny"] }
      path "${kv}/b/*" { capabilities = ["deny"] }
      path "${kv}/b/open" { capabilities = ["read"] }`);
    const read = async (path: string) => allowed(await call('GET', `${kv}/${path}`, { token }));
    expect(await read('a/one')).toBe(true);
    expect(await read('a/secret')).toBe(false);
    expect(await read('b/open')).toBe(true);
    expect(await read('b/other')).toBe(false);
    expect(await read('a')).toBe(false);
    expect(await read('elsewhere')).toBe(false);
  });

  test('of several prefixes the longest counts', async () => {
    const kv = await filled();
    const token = await shared.tokenWith(`
      path "${kv}/*" { capabilities = ["read"] }
      path "${kv}/team/*" { capabilities = ["update", "create"] }
      path "${kv}/team/a*" { capabilities = ["delete"] }`);
    const may = async (method: string, path: string) =>
      allowed(await call(method, `${kv}/${path}`, { token, ...(method === 'POST' ? { body: { x: '1' } } : {}) }));
    expect([await may('GET', 'x'), await may('POST', 'x')]).toEqual([true, false]);
    expect([await may('GET', 'team/b'), await may('POST', 'team/b')]).toEqual([false, true]);
    expect([await may('GET', 'team/abc'), await may('POST', 'team/abc'), await may('DELETE', 'team/abc')]).toEqual([false, false, true]);
  });

  test('a plus stands for exactly one segment', async () => {
    const kv = await filled();
    const token = await shared.tokenWith(`
      path "${kv}/+/open" { capabilities = ["read"] }
      path "${kv}/deep/+/+/*" { capabilities = ["read"] }`);
    const read = async (path: string) => allowed(await call('GET', `${kv}/${path}`, { token }));
    expect([await read('a/open'), await read('b/open')]).toEqual([true, true]);
    expect([await read('open'), await read('a/b/open'), await read('a/closed')]).toEqual([false, false, false]);
    expect([await read('deep/1/2/3'), await read('deep/1/2/3/4'), await read('deep/1/2')]).toEqual([true, true, false]);
  });

  test('the pattern whose wildcard comes later counts', async () => {
    const kv = await filled();
    const token = await shared.tokenWith(`
      path "${kv}/+/b" { capabilities = ["deny"] }
      path "${kv}/a*" { capabilities = ["read"] }
      path "${kv}/c/+" { capabilities = ["deny"] }
      path "${kv}/c/d*" { capabilities = ["read"] }`);
    const read = async (path: string) => allowed(await call('GET', `${kv}/${path}`, { token }));
    expect(await read('a/b')).toBe(true);
    expect(await read('z/b')).toBe(false);
    expect([await read('c/d'), await read('c/e')]).toEqual([true, false]);
  });

  test('rules of several policies for the same path add up, and deny wins', async () => {
    const kv = await filled('a');
    const policy = async (name: string, capability: string) =>
      call('PUT', `sys/policies/acl/${name}`, { body: { policy: `path "${kv}/a" { capabilities = ["${capability}"] }` } });
    await policy('adds-read', 'read');
    await policy('adds-delete', 'delete');
    await policy('denies', 'deny');
    const { client_token: both } = await tokenOf({ policies: ['adds-read', 'adds-delete'] });
    expect(allowed(await call('GET', `${kv}/a`, { token: both }))).toBe(true);
    expect(allowed(await call('DELETE', `${kv}/a`, { token: both }))).toBe(true);
    const { client_token: barred } = await tokenOf({ policies: ['adds-read', 'denies'] });
    expect(allowed(await call('GET', `${kv}/a`, { token: barred }))).toBe(false);
  });

  test('the old words for sets of capabilities are understood', async () => {
    const kv = await filled('a');
    const may = async (word: string) => {
      const token = await shared.tokenWith(`path "${kv}/a" { policy = "${word}" }`);
      const read = allowed(await call('GET', `${kv}/a`, { token }));
      const list = allowed(await call('LIST', `${kv}/a`, { token }));
      const write = allowed(await call('POST', `${kv}/a`, { token, body: { x: '1' } }));
      return [read, list, write];
    };
    expect(await may('read')).toEqual([true, true, false]);
    expect(await may('write')).toEqual([true, true, true]);
    expect(await may('sudo')).toEqual([true, true, true]);
    expect(await may('deny')).toEqual([false, false, false]);
  });

  test('a token without any policy may do nothing', async () => {
    const { client_token: token } = await tokenOf({ policies: ['none'], no_default_policy: true });
    expect(said(await call('GET', 'auth/token/lookup-self', { token }))).toEqual(denied);
  });
});

describe('lists', () => {
  test('may be allowed with the slash at the end of the path or without', async () => {
    const kv = await filled('a', 'dir/b');
    for (const path of [`${kv}/`, kv, `${kv}*`, `${kv}/*`, '+/', '+']) {
      const token = await shared.tokenWith(`path "${path}" { capabilities = ["list"] }`);
      for (const asked of [kv, `${kv}/`]) expect(said(await call('LIST', asked, { token })), path).toEqual(shown({ keys: ['a', 'dir/'] }));
    }
    const token = await shared.tokenWith(`path "${kv}/" { capabilities = ["list"] }`);
    expect(said(await call('LIST', `${kv}/dir`, { token }))).toEqual(denied);
  });

  test('do not get round a rule that denies the very path', async () => {
    const kv = await filled('dir/b');
    for (const denying of [`${kv}/dir/`, `${kv}/dir`, `${kv}/dir*`, `${kv}/di*`]) {
      const token = await shared.tokenWith(`
        path "${kv}/*" { capabilities = ["list"] }
        path "${denying}" { capabilities = ["deny"] }`);
      expect(said(await call('LIST', `${kv}/dir`, { token })), denying).toEqual(denied);
      expect(said(await call('LIST', `${kv}/dir/`, { token })), denying).toEqual(denied);
    }
  });

  test('need the capability list, and reading needs read', async () => {
    const kv = await filled('a');
    const token = await shared.tokenWith(`path "${kv}/*" { capabilities = ["list"] }`);
    expect(said(await call('GET', `${kv}/a`, { token }))).toEqual(denied);
    expect((await call('GET', `${kv}/?list=true`, { token })).status).toBe(200);
  });
});

describe('the names in a list', () => {
  test('are only those that the token may use, where a rule says how they lead to paths', async () => {
    const kv = await filled('mine', 'theirs', 'open/a', 'closed/a');
    const token = await shared.tokenWith(`
      path "${kv}/" { capabilities = ["list"] list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}" }
      path "${kv}/mine" { capabilities = ["read"] }
      path "${kv}/theirs" { capabilities = ["update"] }
      path "${kv}/open/" { capabilities = ["list"] }`);
    expect(said(await call('LIST', kv, { token }))).toEqual(shown({ keys: ['mine', 'open/'] }));
    expect((await call('LIST', kv)).body.data.keys).toEqual(['closed/', 'mine', 'open/', 'theirs']);
  });

  test('may lead to other paths, and a list that has none left is an empty one', async () => {
    const kv = await mount('kv-v2');
    for (const name of ['mine', 'theirs']) await call('POST', `${kv}/data/${name}`, { body: { data: { x: '1' } } });
    const filter = `path "${kv}/metadata/" { capabilities = ["list"] list_scan_response_keys_filter_path = "${kv}/data/{{ .key }}" }`;
    const token = await shared.tokenWith(`${filter}\npath "${kv}/data/mine" { capabilities = ["read"] }`);
    expect(said(await call('LIST', `${kv}/metadata`, { token }))).toEqual(shown({ keys: ['mine'] }));
    const bare = await shared.tokenWith(filter);
    expect(said(await call('LIST', `${kv}/metadata`, { token: bare }))).toEqual(nothingThere);
  });
});

describe('parameters', () => {
  const rule = (kv: string, parameters: string) => shared.tokenWith(`path "${kv}/p" { capabilities = ["create", "update"] ${parameters} }`);
  const attempts = async (parameters: string, ...bodies: readonly unknown[]) => {
    const kv = await filled();
    const token = await rule(kv, parameters);
    const results: boolean[] = [];
    for (const body of bodies) results.push(allowed(await call('POST', `${kv}/p`, { token, body })));
    return results;
  };

  test('are only those that are allowed, with allowed values', async () => {
    expect(
      await attempts(
        'allowed_parameters = { "x" = ["1", "2*", "*3"], "y" = [], "n" = [5] }',
        { x: '1' },
        { x: '22' },
        { x: '13' },
        { x: '3', y: 'any' },
        { n: 5 },
        { x: '4' },
        { n: 6 },
        { x: '1', w: '1' },
        { w: '1' },
      ),
    ).toEqual([true, true, true, true, true, false, false, false, false]);
  });

  test('may be any others beside those that are named', async () => {
    expect(await attempts('allowed_parameters = { "x" = ["1"], "*" = [] }', { w: '1' }, { x: '1', w: '1' }, { x: '2' })).toEqual([
      true,
      true,
      false,
    ]);
    expect(await attempts('allowed_parameters = { "*" = [] }', { w: '1' }, { x: {} })).toEqual([true, true]);
  });

  test('are none of those that are denied', async () => {
    expect(
      await attempts(
        'denied_parameters = { "z" = [], "x" = ["bad*"] }',
        { z: '1' },
        { z: '' },
        { x: 'bad one' },
        { x: 'good' },
        { w: '1' },
      ),
    ).toEqual([false, false, false, true, true]);
    expect(await attempts('denied_parameters = { "*" = [] }', { w: '1' })).toEqual([false]);
  });

  test('that are denied stay denied in any case of their letters, and where they are allowed too', async () => {
    expect(
      await attempts('allowed_parameters = { "*" = [] } denied_parameters = { "z" = [] }', { Z: '1' }, { z: '1' }, { y: '1' }),
    ).toEqual([false, false, true]);
  });

  test('that are required must be there', async () => {
    expect(await attempts('required_parameters = ["x", "y"]', { x: '1', y: '2' }, { x: '1', y: '2', z: '3' }, { x: '1' }, {})).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('of the query count for a read', async () => {
    const kv = await mount('kv-v2');
    for (const x of [1, 2]) await call('POST', `${kv}/data/a`, { body: { data: { x } } });
    const token = await shared.tokenWith(`path "${kv}/data/a" { capabilities = ["read"] denied_parameters = { "version" = ["1"] } }`);
    expect((await call('GET', `${kv}/data/a`, { token })).status).toBe(200);
    expect((await call('GET', `${kv}/data/a?version=2`, { token })).status).toBe(200);
    expect(said(await call('GET', `${kv}/data/a?version=1`, { token }))).toEqual(denied);
  });

  test('do not count for lists and deletions', async () => {
    const kv = await filled('p');
    const token = await shared.tokenWith(`path "${kv}/p" { capabilities = ["delete", "list"] required_parameters = ["x"] }`);
    expect((await call('LIST', `${kv}/p`, { token })).status).toBe(404);
    expect(said(await call('DELETE', `${kv}/p`, { token }))).toEqual(done);
  });
});

describe('root-protected paths', () => {
  const paths = [
    ['LIST', 'auth/token/accessors', 'list'],
    ['POST', 'auth/token/revoke-orphan', 'update'],
    ['GET', 'sys/audit', 'read'],
    ['PUT', 'sys/audit/nope', 'update'],
    ['POST', 'sys/auth/nope', 'update'],
    ['DELETE', 'sys/auth/nope', 'delete'],
    ['POST', 'sys/remount', 'update'],
    ['PUT', 'sys/rotate', 'update'],
    ['PUT', 'sys/rotate/keyring', 'update'],
    ['GET', 'sys/config/auditing/request-headers', 'read'],
    ['GET', 'sys/config/auditing/request-headers/x', 'read'],
    ['GET', 'sys/config/cors', 'read'],
    ['LIST', 'sys/leases/lookup/auth/token', 'list'],
    ['PUT', 'sys/leases/revoke-prefix/nope', 'update'],
    ['PUT', 'sys/leases/revoke-force/nope', 'update'],
    ['PUT', 'sys/revoke-prefix/nope', 'update'],
    ['GET', 'sys/leases?type=irrevocable', 'read'],
    ['PUT', 'sys/step-down', 'update'],
  ] as const;

  test.each(paths)('%s %s needs sudo beside %s', async (method, path, capability) => {
    const bare = path.replace(/\?.*/, '');
    const rule = (capabilities: readonly string[]) =>
      shared.tokenWith(`path "${bare}*" { capabilities = ${JSON.stringify(capabilities)} }`);
    expect(said(await call(method, path, { token: await rule(['create', 'read', 'update', 'patch', 'delete', 'list']) }))).toEqual(denied);
    expect((await call(method, path, { token: await rule([capability, 'sudo']) })).status).not.toBe(403);
  });

  test('sudo alone is not enough', async () => {
    const token = await shared.tokenWith('path "sys/audit" { capabilities = ["sudo"] }');
    expect(said(await call('GET', 'sys/audit', { token }))).toEqual(denied);
  });
});
