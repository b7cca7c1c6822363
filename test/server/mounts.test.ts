// Mounting, tuning, moving and unmounting engines; what the tables of mounts tell.

import { describe, expect, test } from 'vitest';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer } from '../suites/server.ts';
import { denied, done, envelope, injected, nothingThere, refused, type Shape, said, uuid } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;
let made = 0;
const fresh = (): string => `own-${++made}`;

function described(type: string, more: Shape = {}): Shape {
  return {
    accessor: expect.stringMatching(new RegExp(`^(auth_)?${type}_[0-9a-z]{8}$`)),
    config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0 },
    description: '',
    external_entropy_access: false,
    local: false,
    options: {},
    plugin_version: '',
    running_plugin_version: expect.stringMatching(/^v\d/),
    running_sha256: '',
    seal_wrap: false,
    type,
    uuid,
    ...more,
  };
}

const supported = { deprecation_status: 'supported' };
const enable = (path: string, body: Shape) => call('POST', `sys/mounts/${path}`, { body });
const tune = (path: string, body: Shape) => call('POST', `sys/mounts/${path}/tune`, { body });
const tuning = async (path: string): Promise<Shape> => (await call('GET', `sys/mounts/${path}/tune`)).body.data;

describe('the tables', () => {
  test('hold what every server has', async () => {
    const { body } = await call('GET', 'sys/mounts');
    const config = (headers: readonly string[]) => ({
      default_lease_ttl: 0,
      force_no_cache: false,
      max_lease_ttl: 0,
      passthrough_request_headers: headers,
    });
    expect(body.data).toMatchObject({
      'cubbyhole/': described('cubbyhole', { description: 'per-token private secret storage', local: true, options: null }),
      'identity/': described('identity', { description: 'identity store', options: null, config: config(['Authorization']) }),
      'sys/': described('system', {
        description: 'system endpoints used for control, policy and debugging',
        options: null,
        seal_wrap: true,
        config: config(['Accept']),
      }),
    });
    expect(said(await call('GET', 'sys/auth'))).toEqual(
      injected({
        'token/': described('token', {
          description: 'token based credentials',
          options: null,
          config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0, token_type: 'default-service' },
        }),
      }),
    );
  });

  test('hold what was mounted, and a single mount is told by itself', async () => {
    const kv = await mount('kv');
    expect((await call('GET', 'sys/mounts')).body.data[`${kv}/`]).toEqual(described('kv', supported));
    expect(said(await call('GET', `sys/mounts/${kv}`))).toEqual(injected(described('kv', supported)));
    expect(said(await call('GET', `sys/mounts/${kv}/`))).toEqual(injected(described('kv', supported)));
    expect((await call('GET', 'sys/auth/token')).body.type).toBe('token');
  });

  test('do not hold what is not mounted', async () => {
    for (const path of ['sys/mounts/none', 'sys/auth/none']) expect((await call('GET', path)).status, path).toBe(400);
  });
});

describe('mounting', () => {
  test('keeps all that was said', async () => {
    const path = `deep/er/${fresh()}`;
    const answer = await enable(path, {
      type: 'kv-v2',
      description: 'deep',
      config: { default_lease_ttl: '1h', max_lease_ttl: 7200, listing_visibility: 'unauth', force_no_cache: true },
      local: true,
      seal_wrap: true,
    });
    expect(said(answer)).toEqual(done);
    expect((await call('GET', `sys/mounts/${path}`)).body.data).toEqual(
      described('kv', {
        ...supported,
        config: { default_lease_ttl: 3600, force_no_cache: true, listing_visibility: 'unauth', max_lease_ttl: 7200 },
        description: 'deep',
        local: true,
        options: { version: '2' },
        seal_wrap: true,
      }),
    );
    expect((await call('GET', `${path}/config`)).status).toBe(200);
  });

  test('is refused above, below and at another mount', async () => {
    const top = fresh();
    await enable(`${top}/middle`, { type: 'kv' });
    const taken = refused(400, `path is already in use at ${top}/middle/`);
    for (const path of [`${top}/middle`, `${top}/middle/below`, top]) expect(said(await enable(path, { type: 'kv' })), path).toEqual(taken);
    expect(said(await enable(`${top}/middle-two`, { type: 'kv' }))).toEqual(done);
  });

  test.each([
    ['x', { type: 'nosuch' }, 'plugin not found in the catalog: nosuch'],
    ['x', {}, 'backend type must be specified as a string'],
    ['sys', { type: 'kv' }, 'cannot mount "sys/"'],
    ['sys/below', { type: 'kv' }, 'cannot mount "sys/below/"'],
    ['auth/x', { type: 'kv' }, 'cannot mount "auth/x/"'],
    ['cubbyhole/x', { type: 'kv' }, 'cannot mount "cubbyhole/x/"'],
    ['x', { type: 'cubbyhole' }, 'mount type of "cubbyhole" is not mountable'],
    ['x', { type: 'system' }, 'mount type of "system" is not mountable'],
    ['x', { type: 'token' }, 'mount type of "token" is not mountable'],
    [
      'x',
      { type: 'kv', config: { default_lease_ttl: '2h', max_lease_ttl: '1h' } },
      'backend max lease TTL of 3600 would be less than backend default lease TTL of 7200',
    ],
  ])('at %s with %j is refused', async (path, body, text) => {
    expect(said(await enable(path, body))).toEqual(refused(400, text));
    expect((await call('GET', 'sys/mounts')).body.data).not.toHaveProperty(['x/']);
  });

  test('an auth method that is none is refused, and the token method cannot be disabled', async () => {
    expect(said(await call('POST', 'sys/auth/y', { body: { type: 'nosuch' } }))).toEqual(
      refused(400, 'plugin not found in the catalog: nosuch'),
    );
    expect(said(await call('POST', 'sys/auth/y', { body: { type: 'kv' } }))).toEqual(refused(400, 'plugin not found in the catalog: kv'));
    expect(said(await call('DELETE', 'sys/auth/token'))).toEqual(refused(400, 'token credential backend cannot be disabled'));
    expect(said(await call('DELETE', 'sys/auth/none'))).toEqual(done);
  });

  test('is for those whose policies allow it', async () => {
    const path = fresh();
    const token = await shared.tokenWith(`path "sys/mounts/${path}" { capabilities = ["read", "create"] }`);
    expect(said(await call('POST', `sys/mounts/${path}`, { token, body: { type: 'kv' } }))).toEqual(denied);
    const mounting = await shared.tokenWith(`path "sys/mounts/${path}" { capabilities = ["update"] }`);
    expect(said(await call('POST', `sys/mounts/${path}`, { token: mounting, body: { type: 'kv' } }))).toEqual(done);
  });
});

describe('tuning', () => {
  test('shows what is in force: the system`s TTLs where the mount says nothing', async () => {
    const kv = await mount('kv');
    const start = { default_lease_ttl: 2764800, description: '', force_no_cache: false, max_lease_ttl: 2764800 };
    expect(said(await call('GET', `sys/mounts/${kv}/tune`))).toEqual(injected(start));
    expect(
      said(await tune(kv, { default_lease_ttl: '30m', max_lease_ttl: 2700, description: 'tuned', listing_visibility: 'hidden' })),
    ).toEqual(done);
    const tuned = { ...start, default_lease_ttl: 1800, max_lease_ttl: 2700, description: 'tuned', listing_visibility: 'hidden' };
    expect(await tuning(kv)).toEqual(tuned);
    await tune(kv, { description: 'again' });
    expect(await tuning(kv)).toEqual({ ...tuned, description: 'again' });
    await tune(kv, { default_lease_ttl: 'system', max_lease_ttl: '0' });
    expect(await tuning(kv)).toEqual({ ...tuned, description: 'again', default_lease_ttl: 2764800, max_lease_ttl: 2764800 });
  });

  test('takes lists of keys and headers, and shows them', async () => {
    const kv = await mount('kv');
    await tune(kv, {
      audit_non_hmac_request_keys: 'a,b',
      audit_non_hmac_response_keys: ['c'],
      passthrough_request_headers: ['X-One'],
      allowed_response_headers: 'X-Two',
    });
    const lists = {
      audit_non_hmac_request_keys: ['a', 'b'],
      audit_non_hmac_response_keys: ['c'],
      passthrough_request_headers: ['X-One'],
      allowed_response_headers: ['X-Two'],
    };
    expect(await tuning(kv)).toMatchObject(lists);
    expect((await call('GET', `sys/mounts/${kv}`)).body.data.config).toMatchObject(lists);
  });

  test.each([
    [
      { default_lease_ttl: '50m', max_lease_ttl: '45m' },
      'backend max lease TTL of 2700 would be less than backend default lease TTL of 3000',
    ],
    [{ listing_visibility: 'everybody' }, expect.any(String)],
    [{ default_lease_ttl: 'soon' }, expect.any(String)],
    [{ default_lease_ttl: '-1h' }, expect.any(String)],
    [{ token_type: 'other' }, expect.any(String)],
  ])('with %j is refused and changes nothing', async (body, text) => {
    const kv = await mount('kv');
    const before = await tuning(kv);
    const answer = await tune(kv, { description: 'never', ...body });
    expect([answer.status, answer.body.errors]).toEqual([400, [text]]);
    expect(await tuning(kv)).toEqual(before);
  });

  test('what is not mounted is refused', async () => {
    expect(said(await call('GET', 'sys/mounts/none/tune'))).toEqual(refused(400, 'cannot fetch sysview for path "none/"'));
    expect((await tune('none', { description: 'x' })).status).toBe(400);
  });

  test('an auth method tells the kind of its tokens', async () => {
    const { body } = await call('GET', 'sys/auth/token/tune');
    expect(body.data).toEqual({
      default_lease_ttl: 2764800,
      description: 'token based credentials',
      force_no_cache: false,
      max_lease_ttl: 2764800,
      token_type: 'default-service',
    });
  });

  test('an empty kv mount makes it version 2, with a warning, and there is no way back', async () => {
    const kv = await mount('kv');
    const { status, body } = await tune(kv, { options: { version: '2' } });
    expect([status, body]).toEqual([200, envelope({ warnings: [expect.stringMatching(/^Upgrading mount from version /)] })]);
    expect((await call('POST', `${kv}/data/a`, { body: { data: { x: '1' } } })).body.data.version).toBe(1);
    expect((await tuning(kv))['options']).toEqual({ version: '2' });
    expect((await tune(kv, { options: { version: '1' } })).status).toBe(400);
    expect((await call('GET', `${kv}/data/a`)).body.data.data).toEqual({ x: '1' });
  });

  test('a kv mount that holds secrets does not lose them', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    expect((await tune(kv, { options: { version: '2' } })).status).toBe(200);
    await expect.poll(async () => (await call('GET', `${kv}/data/a`)).body.data?.data).toEqual({ x: '1' });
  });
});

describe('unmounting', () => {
  test('ends the path at once, and a new mount there starts empty', async () => {
    for (const type of ['kv', 'kv-v2']) {
      const kv = await mount(type);
      const path = type === 'kv' ? `${kv}/dir/a` : `${kv}/data/dir/a`;
      await call('POST', path, { body: { data: { x: '1' } } });
      expect(said(await call('DELETE', `sys/mounts/${kv}`))).toEqual(done);
      expect(said(await call('GET', path))).toEqual(refused(404, `no handler for route "${path}". route entry not found.`));
      expect(said(await enable(kv, { type }))).toEqual(done);
      expect(said(await call('GET', path))).toEqual(nothingThere);
      expect(said(await call('LIST', type === 'kv' ? kv : `${kv}/metadata`))).toEqual(nothingThere);
    }
  });

  test('clears away what was stored and nothing of what is stored there since', async () => {
    const kv = await mount('kv');
    for (let number = 0; number < 30; number++) await call('POST', `${kv}/old-${number}`, { body: { x: '1' } });
    await call('DELETE', `sys/mounts/${kv}`);
    await enable(kv, { type: 'kv' });
    await call('POST', `${kv}/new`, { body: { x: '2' } });
    await expect.poll(() => shared.server.logged()).toMatch(new RegExp(`a disabled mount was cleared away.*${kv}/`));
    expect((await call('LIST', kv)).body.data.keys).toEqual(['new']);
    expect((await call('GET', `${kv}/new`)).body.data).toEqual({ x: '2' });
  });

  test('leaves nothing of the mount in the store', async () => {
    const store = openMemory();
    const own = await startTestServer({ store });
    try {
      const mounts = () => store.list('logical/');
      const before = await mounts();
      await own.call('POST', 'sys/mounts/kv', { body: { type: 'kv-v2' } });
      for (const path of ['a', 'dir/b', 'dir/er/c']) await own.call('POST', `kv/data/${path}`, { body: { data: { x: '1' } } });
      expect(await mounts()).toHaveLength(before.length + 1);
      await own.call('DELETE', 'sys/mounts/kv');
      await expect.poll(mounts).toEqual(before);
    } finally {
      await own.end();
    }
  });

  test('what is not mounted is no fault, what every server has is refused', async () => {
    expect(said(await call('DELETE', 'sys/mounts/none'))).toEqual(done);
    for (const path of ['sys', 'cubbyhole', 'identity'])
      expect(said(await call('DELETE', `sys/mounts/${path}`)), path).toEqual(refused(400, `cannot unmount "${path}/"`));
  });

  test('gives the mount`s accessor and id to no other', async () => {
    const kv = await mount('kv');
    const before = (await call('GET', `sys/mounts/${kv}`)).body.data;
    await call('DELETE', `sys/mounts/${kv}`);
    await enable(kv, { type: 'kv' });
    const after = (await call('GET', `sys/mounts/${kv}`)).body.data;
    expect(after.accessor).not.toBe(before.accessor);
    expect(after.uuid).not.toBe(before.uuid);
  });
});

describe('moving', () => {
  const move = (from: string, to: string) => call('POST', 'sys/remount', { body: { from, to } });

  test('takes secrets, settings and identity along', async () => {
    const [kv, to] = [await mount('kv-v2', { description: 'moves', config: { max_lease_ttl: '2h' } }), `there/${fresh()}`];
    await call('POST', `${kv}/data/a`, { body: { data: { x: '1' } } });
    const before = (await call('GET', `sys/mounts/${kv}`)).body.data;
    const { status, body } = await move(kv, to);
    expect([status, body.migration_id, body.data.migration_id, body.warnings]).toEqual([200, uuid, uuid, [expect.any(String)]]);
    expect((await call('GET', `${to}/data/a`)).body.data.data).toEqual({ x: '1' });
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(refused(404, `no handler for route "${kv}/data/a". route entry not found.`));
    expect((await call('GET', `sys/mounts/${to}`)).body.data).toEqual(before);
    expect((await call('POST', `${to}/data/a`, { body: { data: { x: '2' }, options: { cas: 1 } } })).status).toBe(200);
  });

  test('frees the path that was left', async () => {
    const [kv, to] = [await mount('kv'), fresh()];
    await call('POST', `${kv}/a`, { body: { x: 'moved' } });
    await move(`${kv}/`, `${to}/`);
    await enable(kv, { type: 'kv' });
    expect(said(await call('GET', `${kv}/a`))).toEqual(nothingThere);
    expect((await call('GET', `${to}/a`)).body.data).toEqual({ x: 'moved' });
  });

  test('is refused from where nothing is, to where something is, and for what every server has', async () => {
    const [one, other] = [await mount('kv'), await mount('kv')];
    expect(said(await move('none', 'there'))).toEqual(refused(400, 'no matching mount at "none/"'));
    expect(said(await move(one, other))).toEqual(refused(400, `path already in use at "${other}/"`));
    expect(said(await move(one, `${other}/below`))).toEqual(refused(400, `path already in use at "${other}/"`));
    for (const [from, to] of [
      ['sys', 'there'],
      ['cubbyhole', 'there'],
      ['auth/token', 'auth/there'],
      [one, 'sys/there'],
      [one, 'auth/there'],
    ] as const)
      expect((await move(from, to)).status, `${from} to ${to}`).toBe(400);
    expect((await call('GET', `sys/mounts/${one}`)).status).toBe(200);
  });
});

describe('across sealing', () => {
  test('every mount comes back as it was', async () => {
    const kv = await mount('kv-v2', { description: 'stays' });
    await call('POST', `${kv}/data/a`, { body: { data: { x: '1' } } });
    const before = (await call('GET', 'sys/mounts')).body.data;
    await call('PUT', 'sys/seal');
    await shared.server.unseal();
    expect((await call('GET', 'sys/mounts')).body.data).toEqual(before);
    expect((await call('GET', `${kv}/data/a`)).body.data.data).toEqual({ x: '1' });
  });
});
