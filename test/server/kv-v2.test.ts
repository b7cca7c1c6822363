// KV version 2, the data: versions, check-and-set, patches, soft deletion, and what is told of all that.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { denied, done, envelope, nothingThere, refused, type Said, type Shape, said, shown, time } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

function versionOf(version: number, more: Shape = {}): Shape {
  return { version, created_time: time, deletion_time: '', destroyed: false, custom_metadata: null, ...more };
}

/** A version that is deleted: 404, with everything but the data. */
function gone(version: number, more: Shape = {}): Said {
  return [404, envelope({ data: { data: null, metadata: versionOf(version, { deletion_time: time, ...more }) } })];
}

function holds(data: Shape | null, version: number): Said {
  return shown({ data, metadata: versionOf(version) });
}

const put = (path: string, data: unknown, options?: Shape) =>
  call('POST', path, { body: { data, ...(options === undefined ? {} : { options }) } });
const patch = (path: string, body: unknown) => call('PATCH', path, { body, headers: { 'Content-Type': 'application/merge-patch+json' } });

/** A mount with `versions` of the secret `a`: {x: 1}, {x: 2} and so on. */
async function withVersions(versions: number): Promise<string> {
  const kv = await mount('kv-v2');
  for (let x = 1; x <= versions; x++) await put(`${kv}/data/a`, { x });
  return kv;
}

describe('a write', () => {
  test('makes a version, says which, and is read back with its metadata', async () => {
    const kv = await mount('kv', { options: { version: '2' } });
    const data = { x: '1', n: 1.5, b: true, o: { p: [1, 2] }, z: null };
    expect(said(await put(`${kv}/data/dir/a`, data))).toEqual(shown(versionOf(1)));
    expect(said(await call('GET', `${kv}/data/dir/a`))).toEqual(holds(data, 1));
    expect(said(await put(`${kv}/data/dir/a`, { x: '2' }))).toEqual(shown(versionOf(2)));
    expect(said(await call('GET', `${kv}/data/dir/a`))).toEqual(holds({ x: '2' }, 2));
  });

  test('may hold no keys at all, or null', async () => {
    const kv = await mount('kv-v2');
    await put(`${kv}/data/a`, {});
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(holds({}, 1));
    expect(said(await put(`${kv}/data/a`, null))).toEqual(shown(versionOf(2)));
  });

  test('needs data, which must be an object', async () => {
    const kv = await mount('kv-v2');
    expect(said(await call('POST', `${kv}/data/a`, { body: { x: '1' } }))).toEqual(refused(400, 'no data provided'));
    expect(said(await call('POST', `${kv}/data/a`))).toEqual(refused(400, 'no data provided'));
    expect(said(await put(`${kv}/data/a`, 'text'))).toEqual(
      refused(
        400,
        "error converting input for field \"data\": '' expected type 'map[string]interface {}', got unconvertible type 'string'",
      ),
    );
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(nothingThere);
  });

  test('warns of parameters that it does not know, beside its answer', async () => {
    const kv = await mount('kv-v2');
    const { body } = await call('POST', `${kv}/data/a`, { body: { data: { x: '1' }, cas: 0, path: 'b' } });
    expect(body.warnings).toEqual([
      'Endpoint ignored these unrecognized parameters: [cas]',
      "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [path]",
    ]);
    expect((await call('GET', `${kv}/data/b`)).status).toBe(404);
  });
});

describe('check-and-set', () => {
  test('writes only on top of the version that is named, and 0 is none', async () => {
    const kv = await mount('kv-v2');
    const mismatch = refused(400, 'check-and-set parameter did not match the current version');
    expect(said(await put(`${kv}/data/a`, { x: 1 }, { cas: 1 }))).toEqual(mismatch);
    expect(said(await put(`${kv}/data/a`, { x: 1 }, { cas: 0 }))).toEqual(shown(versionOf(1)));
    expect(said(await put(`${kv}/data/a`, { x: 2 }, { cas: 0 }))).toEqual(mismatch);
    expect(said(await put(`${kv}/data/a`, { x: 2 }, { cas: '1' }))).toEqual(shown(versionOf(2)));
    expect(said(await put(`${kv}/data/a`, { x: 3 }, { cas: 1 }))).toEqual(mismatch);
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(holds({ x: 2 }, 2));
  });

  test('refuses what is no version', async () => {
    const kv = await mount('kv-v2');
    expect(said(await put(`${kv}/data/a`, { x: 1 }, { cas: 'no' }))).toEqual(refused(400, 'error parsing check-and-set parameter'));
  });

  test('counts a deleted version as the newest one all the same', async () => {
    const kv = await withVersions(1);
    await call('DELETE', `${kv}/data/a`);
    expect((await put(`${kv}/data/a`, { x: 2 }, { cas: 0 })).status).toBe(400);
    expect(said(await put(`${kv}/data/a`, { x: 2 }, { cas: 1 }))).toEqual(shown(versionOf(2)));
  });

  test('lets one of many writers win', async () => {
    const kv = await mount('kv-v2');
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((x) => put(`${kv}/data/a`, { x }, { cas: 0 })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400, 400]);
    expect((await call('GET', `${kv}/metadata/a`)).body.data.current_version).toBe(1);
  });

  test('can be required by the mount or by the secret', async () => {
    const required = refused(400, 'check-and-set parameter required for this call');
    const kv = await mount('kv-v2');
    await call('POST', `${kv}/metadata/strict`, { body: { cas_required: true } });
    expect(said(await put(`${kv}/data/strict`, { x: 1 }))).toEqual(required);
    expect(said(await put(`${kv}/data/strict`, { x: 1 }, { cas: 0 }))).toEqual(shown(versionOf(1)));
    expect((await put(`${kv}/data/free`, { x: 1 })).status).toBe(200);
    await call('POST', `${kv}/config`, { body: { cas_required: true } });
    expect(said(await put(`${kv}/data/free`, { x: 2 }))).toEqual(required);
    expect(said(await patch(`${kv}/data/free`, { data: { x: 2 } }))).toEqual(required);
  });
});

describe('writers side by side', () => {
  test('each make a version of their own, and none is lost', async () => {
    const kv = await mount('kv-v2', {});
    const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((x) => put(`${kv}/data/a`, { x })));
    expect(answers.map(({ body }) => body.data.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const { body } of answers) expect((await call('GET', `${kv}/data/a?version=${body.data.version}`)).status).toBe(200);
  });
});

describe('versions', () => {
  test('are read by number; 0 is the newest, and what never was is nothing', async () => {
    const kv = await withVersions(3);
    expect(said(await call('GET', `${kv}/data/a?version=1`))).toEqual(holds({ x: 1 }, 1));
    expect(said(await call('GET', `${kv}/data/a?version=3`))).toEqual(holds({ x: 3 }, 3));
    expect(said(await call('GET', `${kv}/data/a?version=0`))).toEqual(holds({ x: 3 }, 3));
    expect(said(await call('GET', `${kv}/data/a?version=9`))).toEqual(nothingThere);
    expect((await call('GET', `${kv}/data/a?version=x`)).status).toBe(400);
  });

  test('beyond ten are deleted with the next write, and the oldest one that is left is known', async () => {
    const kv = await withVersions(12);
    const { body } = await call('GET', `${kv}/metadata/a`);
    expect([body.data.current_version, body.data.oldest_version]).toEqual([12, 3]);
    expect(Object.keys(body.data.versions)).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
    expect(said(await call('GET', `${kv}/data/a?version=2`))).toEqual(nothingThere);
    expect(said(await call('GET', `${kv}/data/a?version=3`))).toEqual(holds({ x: 3 }, 3));
  });

  test('are fewer where the secret or the mount says so, and the greater number counts where both do', async () => {
    const kv = await mount('kv-v2');
    const writeFive = async (path: string) => {
      for (let x = 1; x <= 5; x++) await put(`${kv}/data/${path}`, { x });
      return Object.keys((await call('GET', `${kv}/metadata/${path}`)).body.data.versions);
    };
    const limit = (path: string, max_versions: number) => call('POST', `${kv}/metadata/${path}`, { body: { max_versions } });
    await limit('alone', 2);
    expect(await writeFive('alone')).toEqual(['4', '5']);
    await call('POST', `${kv}/config`, { body: { max_versions: 3 } });
    await limit('less', 2);
    await limit('more', 4);
    expect(await writeFive('mount')).toEqual(['3', '4', '5']);
    expect(await writeFive('less')).toEqual(['3', '4', '5']);
    expect(await writeFive('more')).toEqual(['2', '3', '4', '5']);
  });
});

describe('deleting', () => {
  test('hides the newest version, tells so with a 404 that says when, and can be undone', async () => {
    const kv = await withVersions(2);
    expect(said(await call('DELETE', `${kv}/data/a`))).toEqual(done);
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(gone(2));
    expect(said(await call('GET', `${kv}/data/a?version=1`))).toEqual(holds({ x: 1 }, 1));
    expect(said(await call('POST', `${kv}/undelete/a`, { body: { versions: [2] } }))).toEqual(done);
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(holds({ x: 2 }, 2));
  });

  test('names its versions as numbers, as texts or as one text', async () => {
    const kv = await withVersions(5);
    expect(said(await call('POST', `${kv}/delete/a`, { body: { versions: [1, '2'] } }))).toEqual(done);
    expect(said(await call('POST', `${kv}/delete/a`, { body: { versions: '4,5' } }))).toEqual(done);
    const read = async (version: number) => (await call('GET', `${kv}/data/a?version=${version}`)).status;
    expect(await Promise.all([1, 2, 3, 4, 5].map(read))).toEqual([404, 404, 200, 404, 404]);
  });

  test('of no versions is refused, of what is not there is no fault', async () => {
    const kv = await withVersions(1);
    for (const route of ['delete', 'undelete', 'destroy']) {
      expect(said(await call('POST', `${kv}/${route}/a`, { body: {} })), route).toEqual(refused(400, 'No version number provided'));
      expect(said(await call('POST', `${kv}/${route}/none`, { body: { versions: [1] } })), route).toEqual(done);
      expect(said(await call('POST', `${kv}/${route}/a`, { body: { versions: [9] } })), route).toEqual(done);
    }
    expect(said(await call('DELETE', `${kv}/data/none`))).toEqual(done);
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(holds({ x: 1 }, 1));
    expect(said(await call('GET', `${kv}/metadata/none`))).toEqual(nothingThere);
  });

  test('for good keeps the metadata and nothing else, and cannot be undone', async () => {
    const kv = await withVersions(2);
    for (const version of [1, 2]) {
      expect(said(await call('POST', `${kv}/destroy/a`, { body: { versions: [version] } }))).toEqual(done);
      await call('POST', `${kv}/undelete/a`, { body: { versions: [version] } });
      expect(said(await call('GET', `${kv}/data/a?version=${version}`))).toEqual(gone(version, { destroyed: true, deletion_time: '' }));
    }
    expect((await put(`${kv}/data/a`, { x: 3 })).body.data.version).toBe(3);
  });

  test('happens by itself when the time has come that was set, and undeleting stops that clock', async () => {
    const kv = await mount('kv-v2');
    await call('POST', `${kv}/config`, { body: { delete_version_after: '1s' } });
    for (const path of ['a', 'b'])
      expect(said(await put(`${kv}/data/${path}`, { x: 1 }))).toEqual(shown(versionOf(1, { deletion_time: time })));
    const { metadata } = (await call('GET', `${kv}/data/a`)).body.data;
    expect(Date.parse(metadata.deletion_time) - Date.parse(metadata.created_time)).toBe(1000);
    await call('POST', `${kv}/undelete/b`, { body: { versions: [1] } });
    await sleep(1_100);
    expect(said(await call('GET', `${kv}/data/a`))).toEqual(gone(1));
    expect(said(await call('GET', `${kv}/data/b`))).toEqual(holds({ x: 1 }, 1));
  });
});

describe('a patch', () => {
  test('changes the keys that are given, deletes those that are null, and leaves the others', async () => {
    const kv = await mount('kv-v2');
    await put(`${kv}/data/a`, { keep: 1, change: 1, drop: 1, deep: { keep: 1, drop: 1 }, list: [1, 2] });
    const answer = await patch(`${kv}/data/a`, {
      data: { change: 2, drop: null, new: { x: null, y: 1 }, deep: { drop: null }, list: [3] },
    });
    expect(said(answer)).toEqual(shown(versionOf(2)));
    expect((await call('GET', `${kv}/data/a`)).body.data.data).toEqual({ keep: 1, change: 2, new: { y: 1 }, deep: { keep: 1 }, list: [3] });
    expect((await call('GET', `${kv}/data/a?version=1`)).body.data.data.drop).toBe(1);
  });

  test('obeys check-and-set', async () => {
    const kv = await withVersions(2);
    const mismatch = refused(400, 'check-and-set parameter did not match the current version');
    expect(said(await patch(`${kv}/data/a`, { data: { y: 1 }, options: { cas: 1 } }))).toEqual(mismatch);
    expect((await patch(`${kv}/data/a`, { data: { y: 1 }, options: { cas: 2 } })).body.data.version).toBe(3);
  });

  test('of what is not there, deleted or destroyed is an empty 404', async () => {
    const kv = await withVersions(1);
    expect(said(await patch(`${kv}/data/none`, { data: { y: 1 } }))).toEqual([404, '']);
    await call('DELETE', `${kv}/data/a`);
    expect(said(await patch(`${kv}/data/a`, { data: { y: 1 } }))).toEqual([404, '']);
    await call('POST', `${kv}/destroy/a`, { body: { versions: [1] } });
    expect(said(await patch(`${kv}/data/a`, { data: { y: 1 } }))).toEqual([404, '']);
    expect((await call('GET', `${kv}/metadata/a`)).body.data.current_version).toBe(1);
  });

  test('needs data, and the capability patch', async () => {
    const kv = await withVersions(1);
    expect(said(await patch(`${kv}/data/a`, { x: 1 }))).toEqual(refused(400, 'no data provided'));
    const headers = { 'Content-Type': 'application/merge-patch+json' };
    const attempt = async (capability: string) => {
      const token = await shared.tokenWith(`path "${kv}/data/*" { capabilities = ["${capability}"] }`);
      return call('PATCH', `${kv}/data/a`, { token, headers, body: { data: { y: 1 } } });
    };
    expect(said(await attempt('update'))).toEqual(denied);
    expect((await attempt('patch')).status).toBe(200);
  });
});

describe('subkeys', () => {
  const secret = { plain: 's3cret', deep: { er: { most: 'x' }, list: [{ y: 1 }] }, none: {} };

  test('show the names of a secret without its values', async () => {
    const kv = await mount('kv-v2');
    await put(`${kv}/data/a`, secret);
    const subkeys = { plain: null, deep: { er: { most: null }, list: null }, none: null };
    expect(said(await call('GET', `${kv}/subkeys/a`))).toEqual(shown({ metadata: versionOf(1), subkeys }));
    expect((await call('GET', `${kv}/subkeys/a?depth=1`)).body.data.subkeys).toEqual({ plain: null, deep: null, none: null });
    expect((await call('GET', `${kv}/subkeys/a?depth=2`)).body.data.subkeys).toEqual({
      plain: null,
      deep: { er: null, list: null },
      none: null,
    });
  });

  test('can be asked of any version, and of a deleted one there are none', async () => {
    const kv = await withVersions(1);
    await put(`${kv}/data/a`, { other: 1 });
    expect((await call('GET', `${kv}/subkeys/a?version=1`)).body.data.subkeys).toEqual({ x: null });
    await call('DELETE', `${kv}/data/a`);
    const { status, body } = await call('GET', `${kv}/subkeys/a`);
    expect([status, body.data]).toEqual([404, { metadata: versionOf(2, { deletion_time: time }), subkeys: null }]);
    expect(said(await call('GET', `${kv}/subkeys/none`))).toEqual(nothingThere);
  });
});
