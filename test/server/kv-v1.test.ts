// KV version 1: one value per path, as it was given, with the lease duration that old clients expect.

import { describe, expect, test } from 'vitest';
import { denied, done, envelope, nothingThere, refused, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;
const month = 2_764_800;

describe('a secret', () => {
  test('is read as it was written, whatever its values are', async () => {
    const kv = await mount('kv');
    const secret = { text: 'ß', number: 2, fraction: 1.5, no: false, nothing: null, list: [1, 'two', [3]], object: { deep: { er: true } } };
    expect(said(await call('PUT', `${kv}/dir/one`, { body: secret }))).toEqual(done);
    expect(said(await call('GET', `${kv}/dir/one`))).toEqual([200, envelope({ lease_duration: month, data: secret })]);
  });

  test('is replaced as a whole by the next write', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1', y: '1' } });
    await call('POST', `${kv}/a`, { body: { x: '2' } });
    expect((await call('GET', `${kv}/a`)).body.data).toEqual({ x: '2' });
  });

  test('must hold something', async () => {
    const kv = await mount('kv');
    for (const body of [undefined, {}, '{}'])
      expect(said(await call('POST', `${kv}/a`, { body }))).toEqual(refused(400, 'missing data fields'));
    expect(said(await call('GET', `${kv}/a`))).toEqual(nothingThere);
  });

  test('is gone after it was deleted, and deleting nothing is no fault', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    await call('POST', `${kv}/b`, { body: { x: '1' } });
    for (let times = 0; times < 2; times++) expect(said(await call('DELETE', `${kv}/a`))).toEqual(done);
    expect(said(await call('GET', `${kv}/a`))).toEqual(nothingThere);
    expect((await call('GET', `${kv}/b`)).status).toBe(200);
  });

  test('may have a parameter named like one of its route, which is data like any other', async () => {
    const kv = await mount('kv');
    const secret = { path: 'elsewhere', data: { x: 1 }, version: 2, list: 'true' };
    expect(said(await call('POST', `${kv}/a`, { body: secret }))).toEqual(done);
    expect(said(await call('GET', `${kv}/a`))).toEqual([200, envelope({ lease_duration: month, data: secret })]);
    expect(said(await call('GET', `${kv}/elsewhere`))).toEqual(nothingThere);
  });
});

describe('the lease duration', () => {
  test.each([
    [{ ttl: '90s' }, 90],
    [{ ttl: 90 }, 90],
    [{ ttl: '90' }, 90],
    [{ lease: '1h' }, 3600],
    [{ ttl: '2m', lease: '1h' }, 120],
    [{ ttl: 'soon' }, month],
    [{ ttl: [1] }, month],
    [{ other: '90s' }, month],
  ])('of %j is %i seconds', async (secret, seconds) => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: secret });
    expect(said(await call('GET', `${kv}/a`))).toEqual([200, envelope({ lease_duration: seconds, data: secret })]);
  });

  test("is the mount's own where the secret says nothing", async () => {
    const kv = await mount('kv', { config: { default_lease_ttl: '30m' } });
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    expect((await call('GET', `${kv}/a`)).body.lease_duration).toBe(1800);
    await call('POST', `sys/mounts/${kv}/tune`, { body: { default_lease_ttl: '10m' } });
    expect((await call('GET', `${kv}/a`)).body.lease_duration).toBe(600);
  });

  test('is shown and leases nothing', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { ttl: '1s' } });
    await call('GET', `${kv}/a`);
    expect(said(await call('LIST', `sys/leases/lookup/${kv}`))).toEqual(nothingThere);
  });
});

describe('a list', () => {
  test('names what lies one level below, in order, with a slash for what goes on', async () => {
    const kv = await mount('kv');
    for (const path of ['b', 'a', 'dir', 'dir/one', 'dir/two', 'dir/sub/three', 'Z'])
      await call('POST', `${kv}/${path}`, { body: { x: '1' } });
    expect(said(await call('LIST', kv))).toEqual(shown({ keys: ['Z', 'a', 'b', 'dir', 'dir/'] }));
    expect(said(await call('LIST', `${kv}/dir`))).toEqual(shown({ keys: ['one', 'sub/', 'two'] }));
    expect(said(await call('LIST', `${kv}/dir/sub/`))).toEqual(shown({ keys: ['three'] }));
  });

  test('of a secret, of nothing, and of a beginning of a name is empty', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/name/one`, { body: { x: '1' } });
    for (const path of ['name/one', 'none', 'nam']) expect(said(await call('LIST', `${kv}/${path}`)), path).toEqual(nothingThere);
  });

  test('shows a folder no longer when its last secret is gone', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/dir/one`, { body: { x: '1' } });
    await call('DELETE', `${kv}/dir/one`);
    expect(said(await call('LIST', kv))).toEqual(nothingThere);
  });
});

describe('the mount', () => {
  test.each([
    ['kv', {}],
    ['kv', { options: { version: '1' } }],
    ['kv-v1', {}],
  ])('of type %s with %j is version 1', async (type, more) => {
    const kv = await mount(type, more);
    expect(said(await call('POST', `${kv}/data/a`, { body: { data: { x: '1' } } }))).toEqual(done);
    expect((await call('GET', `${kv}/data/a`)).body.data).toEqual({ data: { x: '1' } });
  });

  test('keeps its secrets apart from those of another', async () => {
    const [one, other] = [await mount('kv'), await mount('kv')];
    await call('POST', `${one}/a`, { body: { x: 'one' } });
    expect(said(await call('GET', `${other}/a`))).toEqual(nothingThere);
  });
});

describe('policies', () => {
  test('a first write needs create, the next ones update', async () => {
    const kv = await mount('kv');
    const creates = await shared.tokenWith(`path "${kv}/*" { capabilities = ["create"] }`);
    const updates = await shared.tokenWith(`path "${kv}/*" { capabilities = ["update"] }`);
    const write = (token: string) => call('POST', `${kv}/a`, { token, body: { x: '1' } });
    expect(said(await write(updates))).toEqual(denied);
    expect(said(await write(creates))).toEqual(done);
    expect(said(await write(creates))).toEqual(denied);
    expect(said(await write(updates))).toEqual(done);
  });

  test('reading, deleting and listing need their own capabilities', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    for (const [method, path, capability] of [
      ['GET', `${kv}/a`, 'read'],
      ['LIST', kv, 'list'],
      ['DELETE', `${kv}/a`, 'delete'],
    ] as const) {
      const others = ['create', 'read', 'update', 'delete', 'list', 'patch', 'sudo'].filter((name) => name !== capability);
      const without = await shared.tokenWith(`path "${kv}/*" { capabilities = ${JSON.stringify(others)} }`);
      const alone = await shared.tokenWith(`path "${kv}/*" { capabilities = ["${capability}"] }`);
      expect(said(await call(method, path, { token: without })), method).toEqual(denied);
      expect((await call(method, path, { token: alone })).status, method).toBeLessThan(300);
    }
  });
});
