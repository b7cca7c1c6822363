// What the server makes of a request before any engine sees it: verbs, content types, bodies and their limits, paths.

import { describe, expect, test } from 'vitest';
import { openRaw, statusesIn } from './raw-connection.ts';
import { done, framed, nothingThere, refused, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

/** A KV mount that holds `a` and `dir/b`. */
async function filled(): Promise<string> {
  const kv = await mount('kv');
  await call('POST', `${kv}/a`, { body: { x: '1' } });
  await call('POST', `${kv}/dir/b`, { body: { x: '2' } });
  return kv;
}

describe('listing', () => {
  test('the verb LIST and the parameter list mean the same, with and without the slash', async () => {
    const kv = await filled();
    const list = shown({ keys: ['a', 'dir/'] });
    for (const path of [kv, `${kv}/`]) {
      expect(said(await call('LIST', path)), `LIST ${path}`).toEqual(list);
      for (const yes of ['true', '1', 't', 'T', 'TRUE', 'True'])
        expect(said(await call('GET', `${path}?list=${yes}`)), `GET ${path} ${yes}`).toEqual(list);
    }
    expect(said(await call('LIST', `${kv}/dir`))).toEqual(shown({ keys: ['b'] }));
  });

  test('list=false is a read', async () => {
    const kv = await filled();
    for (const no of ['false', '0', 'f', 'F', 'FALSE', 'False'])
      expect((await call('GET', `${kv}/a?list=${no}`)).body.data).toEqual({ x: '1' });
  });

  test('a list parameter that is no boolean, or that stands beside scan, is refused without a text', async () => {
    const kv = await filled();
    for (const query of ['list=maybe', 'list=yes', 'list=2', 'list=true&scan=true', 'list=false&scan=false'])
      expect(said(await call('GET', `${kv}/?${query}`)), query).toEqual([400, { errors: [] }]);
  });

  test('a list needs a token and the capability, as every operation does', async () => {
    const kv = await filled();
    const token = await shared.tokenWith(`path "${kv}/*" { capabilities = ["read"] }`);
    expect((await call('LIST', kv, { token: null })).status).toBe(403);
    expect((await call('LIST', `${kv}/dir`, { token })).status).toBe(403);
  });
});

describe('verbs', () => {
  test('POST and PUT are the same', async () => {
    const kv = await mount('kv');
    expect(said(await call('PUT', `${kv}/a`, { body: { x: '1' } }))).toEqual(done);
    expect(said(await call('POST', `${kv}/a`, { body: { x: '2' } }))).toEqual(done);
    expect((await call('GET', `${kv}/a`)).body.data).toEqual({ x: '2' });
  });

  test('HEAD is known for the state of the server and refused elsewhere, both without a body', async () => {
    const kv = await filled();
    expect(said(await call('HEAD', 'sys/health'))).toEqual([200, '']);
    for (const path of [`${kv}/a`, `${kv}/none`]) expect(said(await call('HEAD', path)), path).toEqual([405, '']);
  });

  test('OPTIONS is refused as an operation of the server alone', async () => {
    const kv = await filled();
    expect(said(await call('OPTIONS', `${kv}/a`))).toEqual(refused(400, 'cannot handle internal-only request operation'));
  });

  test.each(['TRACE', 'PURGE', 'LOCK', 'PROPFIND'])('%s is no operation', async (verb) => {
    const kv = await filled();
    expect(said(await call(verb, `${kv}/a`))).toEqual([405, { errors: [] }]);
  });

  test('the verb that LIST travels under within the server is refused when a client sends it', async () => {
    const kv = await filled();
    expect((await call('LINK', kv)).status).toBe(405);
  });

  test('a write to a path that ends in a slash is refused before anything is looked at', async () => {
    const refusal = refused(400, "cannot write to a path ending in '/'");
    const kv = await mount('kv');
    expect(said(await call('POST', `${kv}/`))).toEqual(refusal);
    expect(said(await call('PUT', `${kv}/a/`, { body: { x: '1' } }))).toEqual(refusal);
    expect(said(await call('PATCH', `${kv}/a/`, { body: '{}', headers: { 'Content-Type': 'application/merge-patch+json' } }))).toEqual(
      refusal,
    );
    expect(said(await call('POST', 'nothing/here/', { token: null }))).toEqual(refusal);
  });
});

describe('PATCH', () => {
  const patch = async (contentType: string | undefined) => {
    const kv = await mount('kv-v2');
    await call('POST', `${kv}/data/a`, { body: { data: { x: '1' } } });
    const headers = contentType === undefined ? {} : { 'Content-Type': contentType };
    return call('PATCH', `${kv}/data/a`, { body: { data: { y: '2' } }, headers });
  };

  test('needs a content type', async () => {
    expect(said(await patch(undefined))).toEqual(refused(400, 'mime: no media type'));
  });

  test('takes merge patches, whatever the case and parameters of the type', async () => {
    for (const type of ['application/merge-patch+json', 'Application/Merge-Patch+JSON', 'application/merge-patch+json; charset=utf-8'])
      expect((await patch(type)).body.data.version, type).toBe(2);
  });

  test.each(['application/json', 'application/json-patch+json', 'text/plain'])('does not take %s', async (type) => {
    expect(said(await patch(type))).toEqual(refused(415, `PATCH requires Content-Type of application/merge-patch+json, provided ${type}`));
  });

  test('is no operation of an engine that cannot patch', async () => {
    const kv = await filled();
    const answer = await call('PATCH', `${kv}/a`, { body: { x: '2' }, headers: { 'Content-Type': 'application/merge-patch+json' } });
    expect(said(answer)).toEqual(refused(405, framed('unsupported operation')));
  });
});

describe('bodies', () => {
  const put = async (body: string, contentType?: string) => {
    const kv = await mount('kv');
    const headers = contentType === undefined ? {} : { 'Content-Type': contentType };
    const answer = await call('POST', `${kv}/a`, { body, headers });
    return { answer, stored: (await call('GET', `${kv}/a`)).body.data };
  };

  test('JSON is taken whatever the content type says', async () => {
    for (const type of [undefined, 'application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense'])
      expect((await put(' \n{"x":"1"}', type)).stored, type).toEqual({ x: '1' });
  });

  test('a form is taken as a form: one value is a text, several are a list', async () => {
    const { answer, stored } = await put('a=1&b=2&b=3&c=%C3%BC+x&d=', 'application/x-www-form-urlencoded; charset=utf-8');
    expect(said(answer)).toEqual(done);
    expect(stored).toEqual({ a: '1', b: ['2', '3'], c: 'ü x', d: '' });
  });

  test('an empty body is an empty object', async () => {
    expect(said((await put('')).answer)).toEqual(refused(400, 'missing data fields'));
    expect((await call('POST', 'auth/token/lookup')).status).toBe(200);
  });

  test.each([
    ['{"x":', 'unexpected EOF'],
    ['not json', "invalid character 'o' in literal null (expecting 'u')"],
    ['{"x":1}}', "invalid character '}' after top-level value"],
    ["{'x':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['[1]', 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
    ['"x"', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
    ['true', 'json: cannot unmarshal bool into Go value of type map[string]interface {}'],
  ])('%s is refused in words that clients know', async (body, text) => {
    const { answer, stored } = await put(body);
    expect(said(answer)).toEqual(refused(400, `failed to decode JSON input: ${text}`));
    expect(stored).toBeUndefined();
  });

  test('numbers keep the digits that were sent', async () => {
    const kv = await mount('kv');
    const sent = '{"big":12345678901234567890,"exact":1.10,"small":1e-7,"int":5}';
    await call('POST', `${kv}/a`, { body: sent });
    expect((await call('GET', `${kv}/a`)).text).toContain(`"data":${sent}`);
  });

  test('a deep body, and one with many members, is refused before it costs anything', async () => {
    const nested = (depth: number) => `{"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    const many = (members: number) => `{"x":[${Array(members).fill('1').join(',')}]}`;
    expect(said((await put(nested(301))).answer)).toEqual(refused(400, 'failed to decode JSON input: nested deeper than 300 levels'));
    expect(said((await put(many(100_001))).answer)).toEqual(refused(400, 'failed to decode JSON input: more than 100000 members'));
    expect(said((await put(nested(300))).answer)).toEqual(done);
    expect(said((await put(many(99_000))).answer)).toEqual(done);
  });

  test('a key named __proto__ is a key like any other', async () => {
    const { stored } = await put('{"__proto__":{"x":1},"constructor":"c"}');
    expect(Object.keys(stored).sort()).toEqual(['__proto__', 'constructor']);
  });

  test('a body that says it is longer than 32 MiB is refused without being read', async () => {
    const raw = await openRaw(shared.server);
    const head = (length: number) =>
      `POST /v1/sys/mounts/x HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${shared.server.rootToken}\r\nContent-Length: ${length}\r\n\r\n`;
    raw.send(head(32 * 1024 * 1024 + 1));
    const received = await raw.untilClosed();
    expect(statusesIn(received)).toEqual([413]);
    expect(received).toContain('{"errors":["http: request body too large"]}');
  });

  test('a megabyte is no trouble', async () => {
    const kv = await mount('kv');
    const x = 'x'.repeat(2 ** 20);
    expect(said(await call('POST', `${kv}/a`, { body: { x } }))).toEqual(done);
    expect((await call('GET', `${kv}/a`)).body.data.x).toBe(x);
  });
});

describe('paths', () => {
  test.each([
    ['kv//b/c', '/v1/kv/b/c'],
    ['kv/../sys/mounts', '/v1/sys/mounts'],
    ['kv/./a', '/v1/kv/a'],
    ['kv//', '/v1/kv/'],
    ['../../etc/passwd', '/etc/passwd'],
    ['kv/%2e%2e/sys/mounts', '/v1/sys/mounts'],
  ])('%s is redirected to its clean form', async (path, location) => {
    const answer = await call('GET', path, { token: null });
    expect(said(answer)).toEqual([307, `<a href="${location}">Temporary Redirect</a>.\n\n`]);
    expect([answer.headers.location, answer.headers['content-type']]).toEqual([location, 'text/html; charset=utf-8']);
  });

  test('a redirect keeps the query, and a write is redirected before it is done', async () => {
    const kv = await mount('kv');
    expect((await call('GET', `${kv}//a?list=true`)).headers.location).toBe(`/v1/${kv}/a?list=true`);
    expect((await call('POST', `${kv}//a`, { body: { x: '1' } })).status).toBe(307);
    expect(said(await call('GET', `${kv}/a`))).toEqual(nothingThere);
  });

  test.each(['%00', '%0a', '%1b', '%7f', '%c2%85', '%e2%80%a8'])('a path with the unprintable %s is refused', async (escaped) => {
    const kv = await mount('kv');
    const answer = await call('POST', `${kv}/a${escaped}b`, { body: { x: '1' } });
    expect(answer.status).toBe(400);
    expect(said(await call('LIST', kv))).toEqual(nothingThere);
  });

  test('a path that is not percent-encoded UTF-8 is refused', async () => {
    const kv = await mount('kv');
    for (const escaped of ['%', '%zz', '%ff']) expect((await call('GET', `${kv}/a${escaped}`)).status, escaped).toBe(400);
  });

  test('blanks, umlauts and other signs are part of a name', async () => {
    const kv = await mount('kv');
    const names = ['sp ace', 'über', '日本', 'a+b', 'a%b', 'a?b', '100%', '😀'];
    for (const name of names) expect(said(await call('POST', `${kv}/${encodeURIComponent(name)}`, { body: { name } })), name).toEqual(done);
    for (const name of names) expect((await call('GET', `${kv}/${encodeURIComponent(name)}`)).body.data, name).toEqual({ name });
    expect((await call('LIST', kv)).body.data.keys).toHaveLength(names.length);
  });

  test('an encoded slash is a slash', async () => {
    const kv = await filled();
    expect((await call('GET', `${kv}/dir%2Fb`)).body.data).toEqual({ x: '2' });
  });

  test('a name that the store cannot hold is refused, and one that it can is kept', async () => {
    const kv = await mount('kv');
    expect(said(await call('POST', `${kv}/${'n'.repeat(1_000)}`, { body: { x: '1' } }))).toEqual(done);
    const { status, body } = await call('POST', `${kv}/${'n'.repeat(2_100)}`, { body: { x: '1' } });
    expect([status, body.errors]).toEqual([400, [expect.any(String)]]);
  });
});
