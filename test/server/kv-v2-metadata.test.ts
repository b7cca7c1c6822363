// KV version 2, what is told about secrets: settings of secrets and mounts, custom metadata, lists, and hints for wrong paths.

import { describe, expect, test } from 'vitest';
import { denied, done, envelope, nothingThere, refused, type Shape, said, shown, time } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

const put = (path: string, data: Shape, options: Shape = {}) => call('POST', path, { body: { data, options } });
const patch = (path: string, body: unknown) => call('PATCH', path, { body, headers: { 'Content-Type': 'application/merge-patch+json' } });
const metadataOf = async (kv: string, path: string): Promise<Shape> => (await call('GET', `${kv}/metadata/${path}`)).body.data;

const fresh = {
  cas_required: false,
  created_time: time,
  current_metadata_version: 0,
  current_version: 0,
  custom_metadata: null,
  delete_version_after: '0s',
  max_versions: 0,
  metadata_cas_required: false,
  oldest_version: 0,
  updated_time: time,
  versions: {},
};
const version = { created_time: time, deletion_time: '', destroyed: false };

describe('the metadata of a secret', () => {
  test('tell its versions and settings', async () => {
    const kv = await mount('kv-v2');
    await put(`${kv}/data/a`, { x: 1 });
    await put(`${kv}/data/a`, { x: 2 });
    await put(`${kv}/data/a`, { x: 3 });
    await call('POST', `${kv}/delete/a`, { body: { versions: [2] } });
    await call('POST', `${kv}/destroy/a`, { body: { versions: [1] } });
    expect(said(await call('GET', `${kv}/metadata/a`))).toEqual(
      shown({
        ...fresh,
        current_version: 3,
        versions: { 1: { ...version, destroyed: true }, 2: { ...version, deletion_time: time }, 3: version },
      }),
    );
    expect(said(await call('GET', `${kv}/metadata/none`))).toEqual(nothingThere);
  });

  test('change in what is given and in nothing else', async () => {
    const kv = await mount('kv-v2');
    const body = { max_versions: 2, cas_required: true, delete_version_after: '1h', custom_metadata: { owner: 'me' } };
    expect(said(await call('POST', `${kv}/metadata/a`, { body }))).toEqual(done);
    const after = { ...fresh, ...body, current_metadata_version: 1, delete_version_after: '1h0m0s' };
    expect(await metadataOf(kv, 'a')).toEqual(after);
    await call('PUT', `${kv}/metadata/a`, { body: { max_versions: 5 } });
    expect(await metadataOf(kv, 'a')).toEqual({ ...after, current_metadata_version: 2, max_versions: 5 });
    await call('PUT', `${kv}/metadata/a`, { body: { custom_metadata: { team: 'x' } } });
    expect((await metadataOf(kv, 'a'))['custom_metadata']).toEqual({ team: 'x' });
  });

  test('may be there before the secret is', async () => {
    const kv = await mount('kv-v2');
    await call('POST', `${kv}/metadata/a`, { body: { custom_metadata: { owner: 'me' } } });
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(nothingThere);
    expect((await put(`${kv}/data/a`, { x: 1 }, { cas: 0 })).body.data).toEqual({
      ...version,
      version: 1,
      custom_metadata: { owner: 'me' },
    });
    expect((await call('GET', `${kv}/data/a`)).body.data.metadata.custom_metadata).toEqual({ owner: 'me' });
  });

  test('take all versions with them when they are deleted', async () => {
    const kv = await mount('kv-v2');
    for (let x = 1; x <= 3; x++) await put(`${kv}/data/a`, { x });
    await put(`${kv}/data/a/b`, { x: 'other' });
    for (let times = 0; times < 2; times++) expect(said(await call('DELETE', `${kv}/metadata/a`))).toEqual(done);
    for (const path of ['metadata/a', 'data/a', 'data/a?version=1'])
      expect(said(await call('GET', `${kv}/${path}`)), path).toEqual(nothingThere);
    expect((await call('GET', `${kv}/data/a/b`)).body.data.data).toEqual({ x: 'other' });
    expect((await put(`${kv}/data/a`, { x: 'new' })).body.data.version).toBe(1);
    expect(said(await call('GET', `${kv}/data/a?version=2`))).toEqual(nothingThere);
  });

  test.each([
    [{ delete_version_after: '-5s' }, 'error converting input for field "delete_version_after": cannot provide negative value \'-5\''],
    [{ delete_version_after: 'soon' }, 'error converting input for field "delete_version_after": time: invalid duration "soon"'],
    [
      { custom_metadata: { bad: { a: 'b' } } },
      "custom_metadata validation failed: '' expected type 'string', got unconvertible type 'map[string]interface {}'",
    ],
  ])('are not changed by %j', async (body, text) => {
    const kv = await mount('kv-v2');
    expect(said(await call('POST', `${kv}/metadata/a`, { body }))).toEqual(refused(400, text));
    expect(said(await call('GET', `${kv}/metadata/a`))).toEqual(nothingThere);
  });
});

describe('custom metadata', () => {
  const write = async (custom_metadata: unknown) => {
    const kv = await mount('kv-v2');
    const answer = await call('POST', `${kv}/metadata/a`, { body: { custom_metadata } });
    return { answer, stored: (await call('GET', `${kv}/metadata/a`)).body.data?.custom_metadata };
  };
  const numbered = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'x']));

  test('are up to 64 strings of bounded length', async () => {
    for (const fits of [numbered(64), { ['k'.repeat(128)]: 'x' }, { key: 'v'.repeat(512) }]) {
      const { answer, stored } = await write(fits);
      expect(said(answer)).toEqual(done);
      expect(stored).toEqual(fits);
    }
  });

  test.each([
    ['65 keys', numbered(65)],
    ['a name of 129 bytes', { ['k'.repeat(129)]: 'x' }],
    ['a name of 65 signs and 130 bytes', { ['ü'.repeat(65)]: 'x' }],
    ['a value of 513 bytes', { key: 'v'.repeat(513) }],
    ['an empty name', { '': 'x' }],
    ['an empty value', { key: '' }],
    ['a name with a line break', { 'a\nb': 'x' }],
    ['a value with a control character', { key: 'a\u0007' }],
    ['a list', { key: ['x'] }],
  ])('with %s are refused and nothing is written', async (_, custom) => {
    const { answer, stored } = await write(custom);
    expect([answer.status, answer.body.errors]).toEqual([400, [expect.stringMatching(/^custom_metadata validation failed: /)]]);
    expect(stored).toBeUndefined();
  });

  test('that are numbers or booleans become strings', async () => {
    expect((await write({ number: 5, yes: true })).stored).toEqual({ number: '5', yes: '1' });
  });

  test('are told with every version, as they are now', async () => {
    const kv = await mount('kv-v2');
    await put(`${kv}/data/a`, { x: 1 });
    await call('POST', `${kv}/metadata/a`, { body: { custom_metadata: { owner: 'me' } } });
    await put(`${kv}/data/a`, { x: 2 });
    for (const path of ['data/a', 'data/a?version=1', 'subkeys/a'])
      expect((await call('GET', `${kv}/${path}`)).body.data.metadata.custom_metadata, path).toEqual({ owner: 'me' });
  });
});

describe('a patch of metadata', () => {
  test('changes custom metadata key by key', async () => {
    const kv = await mount('kv-v2');
    await call('POST', `${kv}/metadata/a`, { body: { cas_required: true, custom_metadata: { owner: 'me', team: 'x' } } });
    const answer = await patch(`${kv}/metadata/a`, { custom_metadata: { owner: null, new: '1' }, cas_required: false });
    expect(said(answer)).toEqual(done);
    expect(await metadataOf(kv, 'a')).toEqual({ ...fresh, current_metadata_version: 2, custom_metadata: { team: 'x', new: '1' } });
  });

  test('obeys the limits of the result', async () => {
    const kv = await mount('kv-v2');
    const half = (name: string) => Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${name}${index}`, 'x']));
    await call('POST', `${kv}/metadata/a`, { body: { custom_metadata: half('a') } });
    expect((await patch(`${kv}/metadata/a`, { custom_metadata: half('b') })).body.errors[0]).toMatch(
      /^custom_metadata validation failed: /,
    );
    expect((await metadataOf(kv, 'a'))['custom_metadata']).toEqual(half('a'));
  });

  test('of what is not there is an empty 404, and makes nothing', async () => {
    const kv = await mount('kv-v2');
    expect(said(await patch(`${kv}/metadata/none`, { custom_metadata: { a: 'b' } }))).toEqual([404, '']);
    expect(said(await call('GET', `${kv}/metadata/none`))).toEqual(nothingThere);
  });

  test('needs the capability patch', async () => {
    const kv = await mount('kv-v2');
    await put(`${kv}/data/a`, { x: 1 });
    const token = await shared.tokenWith(`path "${kv}/metadata/*" { capabilities = ["create", "update"] }`);
    const headers = { 'Content-Type': 'application/merge-patch+json' };
    expect(said(await call('PATCH', `${kv}/metadata/a`, { token, headers, body: {} }))).toEqual(denied);
  });
});

describe('the settings of a mount', () => {
  test('start empty, change in what is given, and are told as they were set', async () => {
    const kv = await mount('kv-v2');
    const start = { cas_required: false, delete_version_after: '0s', max_versions: 0, metadata_cas_required: false };
    expect(said(await call('GET', `${kv}/config`))).toEqual(shown(start));
    expect(said(await call('POST', `${kv}/config`, { body: { max_versions: 3, delete_version_after: '3h25m19s' } }))).toEqual(done);
    expect((await call('GET', `${kv}/config`)).body.data).toEqual({ ...start, max_versions: 3, delete_version_after: '3h25m19s' });
    await call('POST', `${kv}/config`, { body: { cas_required: true } });
    expect((await call('GET', `${kv}/config`)).body.data).toEqual({
      ...start,
      max_versions: 3,
      delete_version_after: '3h25m19s',
      cas_required: true,
    });
  });

  test('and those of the secret: the shorter life counts', async () => {
    const kv = await mount('kv-v2');
    const lifeOf = async (path: string): Promise<number> => {
      const { data } = (await put(`${kv}/data/${path}`, { x: 1 })).body;
      return (Date.parse(data.deletion_time) - Date.parse(data.created_time)) / 1000;
    };
    await call('POST', `${kv}/config`, { body: { delete_version_after: '2h' } });
    await call('POST', `${kv}/metadata/short`, { body: { delete_version_after: '1h' } });
    await call('POST', `${kv}/metadata/long`, { body: { delete_version_after: '3h' } });
    expect(await lifeOf('plain')).toBe(7200);
    expect(await lifeOf('short')).toBe(3600);
    expect(await lifeOf('long')).toBe(7200);
  });
});

describe('a list', () => {
  test('names secrets and folders, deleted ones too, and those with metadata alone', async () => {
    const kv = await mount('kv-v2');
    for (const path of ['b', 'a', 'dir', 'dir/one', 'dir/two']) await put(`${kv}/data/${path}`, { x: 1 });
    await call('POST', `${kv}/metadata/only`, { body: { custom_metadata: { a: 'b' } } });
    await call('DELETE', `${kv}/data/b`);
    await call('POST', `${kv}/destroy/a`, { body: { versions: [1] } });
    for (const path of ['metadata', 'metadata/'])
      expect(said(await call('LIST', `${kv}/${path}`)), path).toEqual(shown({ keys: ['a', 'b', 'dir', 'dir/', 'only'] }));
    expect(said(await call('GET', `${kv}/metadata/dir?list=true`))).toEqual(shown({ keys: ['one', 'two'] }));
    expect(said(await call('LIST', `${kv}/metadata/none`))).toEqual(nothingThere);
  });
});

describe('a path of version 1', () => {
  const hint = (kv: string, method: string, path: string, more = {}) => call(method, `${kv}/${path}`, more);
  const text =
    /^Invalid path for a versioned K\/V secrets engine\. See the API docs for the appropriate API endpoints to use\. .*'.* kv (\w+)' for this operation\.$/;

  test('is answered with the command to use instead', async () => {
    const kv = await mount('kv-v2');
    for (const [method, path, command] of [
      ['GET', 'foo', 'get'],
      ['GET', 'dir/foo', 'get'],
      ['GET', '', 'get'],
      ['POST', 'foo', 'put'],
      ['DELETE', 'foo', 'delete'],
      ['LIST', 'dir', 'list'],
    ] as const) {
      const answer = await hint(kv, method, path, method === 'POST' ? { body: { x: '1' } } : {});
      expect(said(answer), `${method} ${path}`).toEqual([404, envelope({ warnings: [expect.stringMatching(text)] })]);
      expect(text.exec(answer.body.warnings[0])?.[1], `${method} ${path}`).toBe(command);
    }
  });
});
