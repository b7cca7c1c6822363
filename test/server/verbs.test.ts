// The verbs SCAN and HELP, as verbs and as parameters: what they answer, and who may use them.

import { describe, expect, test } from 'vitest';
import { denied, done, nothingThere, refused, said, shown, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount, tokenWith } = shared;

const paths = ['a', 'a/b', 'a/b/c', 'a/b-', 'z/y/x/w', 'ß/ü'];
const everywhere = ['a', 'a/b', 'a/b-', 'a/b/c', 'z/y/x/w', 'ß/ü'];

describe.each([
  ['kv', '', ''],
  ['kv-v2', 'data/', 'metadata/'],
])('SCAN of %s', (type, data, metadata) => {
  const filled = async () => {
    const kv = await mount(type);
    for (const path of paths) await call('POST', `${kv}/${data}${encodeURI(path)}`, { body: { data: { x: '1' } } });
    return kv;
  };

  test('lists all secrets below a path on all levels, as a verb and as a parameter', async () => {
    const kv = await filled();
    const sorted = (answer: Awaited<ReturnType<typeof call>>) => [answer.status, answer.body.data.keys.toSorted()];
    expect(sorted(await call('SCAN', `${kv}/${metadata}`))).toEqual([200, everywhere.toSorted()]);
    expect(sorted(await call('GET', `${kv}/${metadata}?scan=true`))).toEqual([200, everywhere.toSorted()]);
    expect(said(await call('SCAN', `${kv}/${metadata}a`))).toEqual(shown({ keys: ['b', 'b-', 'b/c'] }));
    expect(said(await call('SCAN', `${kv}/${metadata}nothing`))).toEqual(nothingThere);
  });

  test('needs the capability of its own name: list is not enough', async () => {
    const kv = await filled();
    const lister = await tokenWith(`path "${kv}/*" { capabilities = ["read", "list"] }`);
    const scanner = await tokenWith(`path "${kv}/${metadata}a/*" { capabilities = ["scan"] }`);
    expect(said(await call('SCAN', `${kv}/${metadata}a`, { token: lister }))).toEqual(denied);
    expect((await call('SCAN', `${kv}/${metadata}a`, { token: scanner })).body.data.keys).toEqual(['b', 'b-', 'b/c']);
    expect(said(await call('LIST', `${kv}/${metadata}a`, { token: scanner }))).toEqual(denied);
    expect(
      (await call('POST', 'sys/capabilities-self', { token: scanner, body: { paths: [`${kv}/${metadata}a/`] } })).body.data.capabilities,
    ).toEqual(['scan']);
  });

  test('leaves out what the policy hides from lists', async () => {
    const kv = await filled();
    const token = await tokenWith(
      `path "${kv}/${metadata}*" { capabilities = ["scan"] list_scan_response_keys_filter_path = "${kv}/${data}{{ .key }}" }
       path "${kv}/${data}a/*" { capabilities = ["read"] }`,
    );
    expect((await call('SCAN', `${kv}/${metadata}`, { token })).body.data.keys).toEqual(['a/b', 'a/b-', 'a/b/c']);
  });
});

describe('SCAN', () => {
  test('goes through more secrets than one page of the store', async () => {
    const kv = await mount('kv');
    const many = Array.from({ length: 1_100 }, (_, at) => `level-${at % 7}/secret-${at}`);
    for (let at = 0; at < many.length; at += 50)
      await Promise.all(many.slice(at, at + 50).map((path) => call('POST', `${kv}/${path}`, { body: { x: '1' } })));
    const { keys } = (await call('SCAN', kv)).body.data;
    expect(keys.toSorted()).toEqual(many.toSorted());
  });

  test('is not known to paths that cannot be scanned, and not together with list', async () => {
    expect((await call('SCAN', 'sys/policies/acl')).status).toBe(405);
    expect(said(await call('GET', 'cubbyhole/a?scan=true&list=true'))).toEqual([400, { errors: [] }]);
    expect(said(await call('GET', 'cubbyhole/a?scan=maybe'))).toEqual([400, { errors: [] }]);
    expect((await call('GET', 'cubbyhole/a?scan=false')).status).toBe(404);
  });
});

describe('HELP', () => {
  test('answers as the parameter does, with a token and no policy', async () => {
    const kv = await mount('kv-v2');
    const token = await tokenWith('path "elsewhere" { capabilities = ["read"] }');
    const byVerb = await call('HELP', `${kv}/config`, { token });
    expect(byVerb.status).toBe(200);
    expect(byVerb.body.help).toContain('max_versions');
    expect(byVerb.body).toEqual((await call('GET', `${kv}/config?help=1`, { token })).body);
    expect(said(await call('HELP', `${kv}/config`, { token: null }))).toEqual(stranger);
    expect(said(await call('HELP', 'nowhere/a'))).toEqual(refused(404, 'no handler for route "nowhere/a". route entry not found.'));
  });
});

describe('on one connection', () => {
  test('the verbs take turns with others', async () => {
    const kv = await mount('kv');
    expect(said(await call('POST', `${kv}/a`, { body: { x: '1' } }))).toEqual(done);
    const answers = await shared.server.call('SCAN', kv);
    expect(answers.body.data.keys).toEqual(['a']);
    // What the parser knows and nobody may send.
    for (const spare of ['LINK', 'COPY', 'BIND']) expect((await call(spare, kv)).status).toBeGreaterThanOrEqual(400);
  });
});
