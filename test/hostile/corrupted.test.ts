// Entries of the store that are damaged, moved, or gone: refused, named in the log, and everything else goes on.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemory } from '../../src/storage/backends/memory.ts';
import type { Backend } from '../../src/storage/storage.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';

let store: Backend;
let server: TestServer;
let token = '';

beforeEach(async () => {
  store = openMemory();
  server = await startTestServer({ store });
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'sys/mounts/kv2', { body: { type: 'kv-v2' } });
  for (const name of ['a', 'b']) {
    await server.call('POST', `kv/${name}`, { body: { v: name } });
    for (const version of [1, 2]) await server.call('POST', `kv2/data/${name}`, { body: { data: { v: `${name}${version}` } } });
  }
  for (const name of ['one', 'two'])
    await server.call('PUT', `sys/policies/acl/${name}`, { body: { policy: `path "kv/a" { capabilities = ["read"] } # ${name}` } });
  token = (await server.call('POST', 'auth/token/create', { body: { policies: ['one'], ttl: '1h' } })).body.auth.client_token;
});
afterEach(() => server.end());

async function keysBelow(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await store.list(prefix)) found.push(...(name.endsWith('/') ? await keysBelow(prefix + name) : [prefix + name]));
  return found;
}

/** The only key below the prefix that ends so. */
async function keyOf(prefix: string, end: string): Promise<string> {
  const found = (await keysBelow(prefix)).filter((key) => key.endsWith(end));
  expect(found).toHaveLength(1);
  return found[0] as string;
}

const flipped = (at: number) => (bytes: Uint8Array) => {
  const index = at < 0 ? bytes.length + at : at;
  return bytes.with(index, (bytes[index] as number) ^ 1);
};
const damages: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
  ['empty', () => new Uint8Array()],
  ['one byte', () => Uint8Array.of(1)],
  ['text', () => Buffer.from('{"not":"encrypted"}')],
  ['zeros', (bytes) => new Uint8Array(bytes.length)],
  ['noise', (bytes) => bytes.map((byte, at) => (byte * 31 + at * 7) % 256)],
  ['cut short', (bytes) => bytes.subarray(0, bytes.length - 1)],
  ['a byte too long', (bytes) => Buffer.concat([bytes, Buffer.of(0)])],
  ['of another format', flipped(0)],
  ['of another term', flipped(4)],
  ['with another salt', flipped(6)],
  ['with another nonce', flipped(25)],
  ['with another ciphertext', flipped(34)],
  ['with another tag', flipped(-1)],
];

async function damage(key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  await store.put(key, change((await store.get(key)) as Uint8Array));
}

const damaged = { errors: ['1 error occurred:\n\t* an entry of the store is damaged; the log names it\n\n'] };

/** 500, said in the log with the key, and nothing of the entry in either. */
async function expectDamage(path: string, key: string, options: { token?: string } = {}): Promise<void> {
  const answer = await server.call('GET', path, options);
  expect([answer.status, answer.body]).toStrictEqual([500, damaged]);
  const lines = server.logged().split('\n').slice(0, -1);
  expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ level: 'error', message: 'a request failed', storage_key: key });
}

describe('a damaged secret', () => {
  it.each(damages)('that is %s is refused and named in the log, and the others are served', async (_, change) => {
    const key = await keyOf('logical/', '/secret/a').catch(() => undefined);
    expect(key).toBeUndefined();
    const [one, two] = (await keysBelow('logical/')).filter((found) => found.endsWith('/secret/a')) as [string, string];
    for (const found of [one, two]) await damage(found, change);
    const paths = ['kv/a', 'kv2/data/a'];
    for (const found of [one, two]) {
      const answers = await Promise.all(paths.map((path) => server.call('GET', path)));
      expect(answers.map(({ status, body }) => [status, body])).toStrictEqual(paths.map(() => [500, damaged]));
      expect(server.logged()).toContain(JSON.stringify(found));
    }
    expect((await server.call('GET', 'kv/b')).body.data).toStrictEqual({ v: 'b' });
    expect((await server.call('GET', 'kv2/data/b')).body.data.data).toStrictEqual({ v: 'b2' });
    expect((await server.call('LIST', 'kv')).body.data).toStrictEqual({ keys: ['a', 'b'] });
    expect((await server.call('LIST', 'kv2/metadata')).body.data).toStrictEqual({ keys: ['a', 'b'] });
  });

  it('can be deleted, and written anew then', async () => {
    for (const key of (await keysBelow('logical/')).filter((found) => found.endsWith('/secret/a')))
      await damage(key, () => new Uint8Array(80));
    expect((await server.call('DELETE', 'kv/a')).status).toBe(204);
    expect((await server.call('GET', 'kv/a')).status).toBe(404);
    expect((await server.call('POST', 'kv/a', { body: { v: 'new' } })).status).toBe(204);
    expect((await server.call('GET', 'kv/a')).body.data).toStrictEqual({ v: 'new' });
  });

  it('of version 2 is not written over, since its versions would be lost', async () => {
    const [key] = (await keysBelow('logical/')).filter((found) => found.endsWith('/secret/a') && !found.includes('/version/')) as [string];
    for (const found of (await keysBelow('logical/')).filter((each) => each.endsWith('/secret/a'))) await damage(found, flipped(-1));
    const bytes = await store.get(key);
    expect((await server.call('POST', 'kv2/data/a', { body: { data: { v: 'new' } } })).status).toBe(500);
    expect(
      (
        await server.call('PATCH', 'kv2/data/a', {
          body: { data: { v: 'new' } },
          headers: { 'content-type': 'application/merge-patch+json' },
        })
      ).status,
    ).toBe(500);
    expect(await store.get(key)).toStrictEqual(bytes);
  });

  it('of an old version leaves the newest one readable', async () => {
    const key = await keyOf('logical/', '/version/1/a');
    await damage(key, flipped(-1));
    expect((await server.call('GET', 'kv2/data/a')).body.data.data).toStrictEqual({ v: 'a2' });
    await expectDamage('kv2/data/a?version=1', key);
  });

  it('that is the whole and sound entry of another key is refused as well', async () => {
    const key = await keyOf('logical/', '/version/1/a');
    await store.put(key, (await store.get(await keyOf('logical/', '/version/1/b'))) as Uint8Array);
    await expectDamage('kv2/data/a?version=1', key);
  });

  it('is noticed although its sound form was remembered', async () => {
    const key = await keyOf('logical/', '/version/1/a');
    expect((await server.call('GET', 'kv2/data/a?version=1')).status).toBe(200);
    await damage(key, flipped(40));
    await expectDamage('kv2/data/a?version=1', key);
  });
});

describe('a damaged entry of the server', () => {
  it('of a token keeps that token from everything, and nobody else', async () => {
    const { id } = (await server.call('GET', 'auth/token/lookup-self', { token })).body.data;
    expect(id).toBe(token);
    const before = new Set(await keysBelow('sys/token/id/'));
    const other = (await server.call('POST', 'auth/token/create', { body: { policies: ['two'], ttl: '1h' } })).body.auth.client_token;
    const [key] = (await keysBelow('sys/token/id/')).filter((found) => !before.has(found)) as [string];
    await damage(key, flipped(-1));
    await expectDamage('kv/a', key, { token: other });
    expect((await server.call('GET', 'kv/a', { token })).status).toBe(200);
    expect((await server.call('LIST', 'auth/token/accessors')).status).toBe(200);
    expect((await server.call('POST', 'auth/token/create', { body: { policies: ['two'] } })).status).toBe(200);
  });

  it('of a policy allows nothing, and leaves tokens of other policies alone', async () => {
    await damage('sys/policy/one', flipped(-1));
    await expectDamage('kv/a', 'sys/policy/one', { token });
    const other = (await server.call('POST', 'auth/token/create', { body: { policies: ['two'] } })).body.auth.client_token;
    expect((await server.call('GET', 'kv/a', { token: other })).status).toBe(200);
    expect((await server.call('LIST', 'sys/policies/acl')).body.data.keys).toContain('one');
    const policy = 'path "kv/a" { capabilities = ["read"] }';
    const rewritten = await server.call('PUT', 'sys/policies/acl/one', { body: { policy } });
    if (rewritten.status !== 204) expect((await server.call('DELETE', 'sys/policies/acl/one')).status).toBe(204);
    await server.call('PUT', 'sys/policies/acl/one', { body: { policy } });
    expect((await server.call('GET', 'kv/a', { token })).status).toBe(200);
  });

  it('of a policy that is gone allows nothing', async () => {
    await store.delete('sys/policy/one');
    expect((await server.call('GET', 'kv/a', { token })).status).toBe(403);
  });

  it('of an accessor is named when that accessor is asked for', async () => {
    const { accessor } = (await server.call('GET', 'auth/token/lookup-self', { token })).body.data;
    await damage(`sys/token/accessor/${accessor}`, flipped(-1));
    const answer = await server.call('POST', 'auth/token/lookup-accessor', { body: { accessor } });
    expect([answer.status, answer.body]).toStrictEqual([500, damaged]);
    expect((await server.call('GET', 'kv/a', { token })).status).toBe(200);
  });

  it('of a lease leaves its token usable, and revocable all the same', async () => {
    for (const key of await keysBelow('sys/lease/record/')) await damage(key, flipped(-1));
    expect((await server.call('GET', 'kv/a', { token })).status).toBe(200);
    expect((await server.call('POST', 'auth/token/revoke', { body: { token } })).status).toBe(204);
    expect((await server.call('GET', 'kv/a', { token })).status).toBe(403);
    expect((await server.call('GET', 'kv/b')).status).toBe(200);
  });

  it('of a wrapped answer is not given out, and not as another one', async () => {
    const wrap = async (v: string) =>
      (await server.call('POST', 'sys/wrapping/wrap', { body: { v }, headers: { 'x-vault-wrap-ttl': '60' } })).body.wrap_info.token;
    const [one] = [await wrap('one'), await wrap('two')];
    const [first, second] = (await keysBelow('sys/wrapping/')) as [string, string];
    const [bytes, others] = [await store.get(first), await store.get(second)] as [Uint8Array, Uint8Array];
    await store.put(first, others);
    await store.put(second, bytes);
    const answer = await server.call('POST', 'sys/wrapping/unwrap', { body: { token: one } });
    expect([answer.status, answer.body]).toStrictEqual([500, damaged]);
  });

  it('of the mount table stops requests, not the health', async () => {
    await damage('core/mounts', flipped(-1));
    await expectDamage('kv/a', 'core/mounts');
    expect((await server.call('GET', 'sys/health')).status).toBe(200);
    expect((await server.call('GET', 'sys/seal-status')).status).toBe(200);
  });
});

describe('a damaged foundation', () => {
  const unsealing = async (key: string, change: (bytes: Uint8Array) => Uint8Array) => {
    await server.server.seal();
    const sound = (await store.get(key)) as Uint8Array;
    await damage(key, change);
    const refused = await server.call('PUT', 'sys/unseal', { body: { key: server.keys[0] } });
    await store.put(key, sound);
    return refused;
  };

  it.each([
    ...damages.map(([name, change]) => ['core/keyring', name, change] as const),
    ...damages.map(([name, change]) => ['core/foundation', name, change] as const),
  ])('(%s, %s) keeps the server sealed, with a sentence, until it is restored', async (key, _, change) => {
    const refused = await unsealing(key, change);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.body.errors).toHaveLength(1);
    expect((await server.call('GET', 'sys/health')).status).toBe(503);
    expect((await server.call('GET', 'kv/a')).status).toBe(503);
    expect((await server.call('PUT', 'sys/unseal', { body: { key: server.keys[0] } })).body.sealed).toBe(false);
    expect((await server.call('GET', 'kv/a')).body.data).toStrictEqual({ v: 'a' });
  });

  it.each(damages)('(core/seal-config, %s) is told of and never taken for an empty store', async (_, change) => {
    await server.server.seal();
    const sound = (await store.get('core/seal-config')) as Uint8Array;
    await damage('core/seal-config', change);
    const statuses = [];
    for (const [method, path, body] of [
      ['GET', 'sys/health', undefined],
      ['GET', 'sys/init', undefined],
      ['PUT', 'sys/unseal', { key: server.keys[0] }],
      ['PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 }],
    ] as const) {
      const answer = await server.call(method, path, { ...(body === undefined ? {} : { body }) });
      expect(answer.text).not.toContain('"initialized":false');
      expect(answer.text).not.toContain('root_token');
      statuses.push(answer.status);
    }
    await store.put('core/seal-config', sound);
    await server.unseal();
    expect((await server.call('GET', 'kv/a')).body.data).toStrictEqual({ v: 'a' });
  });

  it('that lost its seal configuration is not initialised over what is there', async () => {
    await server.server.seal();
    const sound = (await store.get('core/seal-config')) as Uint8Array;
    await store.delete('core/seal-config');
    expect((await server.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })).status).toBeGreaterThanOrEqual(400);
    await store.put('core/seal-config', sound);
    await server.unseal();
    expect((await server.call('GET', 'kv/a')).body.data).toStrictEqual({ v: 'a' });
  });
});
