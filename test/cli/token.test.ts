// token create, lookup, renew and capabilities on a whole server: cells, streams and exit codes as bao's.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
let nobody: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
  nobody = vault.with({ token: 'wrong' });
  await server.call('PUT', 'sys/policies/acl/dev', { body: { policy: 'path "secret/data/*" { capabilities = ["update", "read"] }' } });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

const refusal = (what: string, method: string, path: string, why = 'permission denied', status = 403) => ({
  code: 2,
  out: '',
  err: `${what}: Error making API request.\n\nURL: ${method} ${server.address}/v1/${path}\nCode: ${status}. Errors:\n\n* ${why}\n`,
});
const named = (text: string) =>
  text
    .replace(/hv[sb]\.[\w-]+/g, '<token>')
    .replace(/(accessor"?:? +"?)[A-Za-z\d]{24}\b/g, '$1<accessor>')
    .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '<uuid>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/(creation_time +)\d+/, '$1<seconds>');
const rowsOf = (out: string) => Object.fromEntries(out.split('\n').map((line) => line.split(/ {2,}/))) as Record<string, string>;
const made = async (...flags: string[]): Promise<string> => (await vault.run('token', 'create', '-field=token', ...flags)).out;
const grant = (duration: string, renewable = true, accessor = '<accessor>') =>
  [
    'Key                  Value',
    '---                  -----',
    'token                <token>',
    `token_accessor       ${accessor}`,
    `token_duration       ${duration}`,
    `token_renewable      ${renewable}`,
    'token_policies       ["default"]',
    'identity_policies    []',
    'policies             ["default"]',
    '',
  ].join('\n');

describe('token create', () => {
  it('prints the token and what it is', async () => {
    const { code, out, err } = await vault.run('token', 'create', '-policy=default', '-ttl=1h');
    expect({ code, out: named(out), err }).toEqual({ code: 0, out: grant('1h'), err: '' });
  });

  it('prints for a program what the server answered', async () => {
    const { out } = await vault.run('token', 'create', '-policy=default', '-ttl=1h', '-format=json');
    expect(named(out)).toBe(
      [
        '{',
        '  "request_id": "<uuid>",',
        '  "lease_id": "",',
        '  "lease_duration": 0,',
        '  "renewable": false,',
        '  "data": null,',
        '  "warnings": null,',
        '  "auth": {',
        '    "client_token": "<token>",',
        '    "accessor": "<accessor>",',
        '    "policies": [',
        '      "default"',
        '    ],',
        '    "token_policies": [',
        '      "default"',
        '    ],',
        '    "identity_policies": null,',
        '    "metadata": null,',
        '    "orphan": false,',
        '    "entity_id": "",',
        '    "lease_duration": 3600,',
        '    "renewable": true,',
        '    "mfa_requirement": null',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('makes a batch token, which cannot be renewed', async () => {
    const { out } = await vault.run('token', 'create', '-type=batch', '-policy=default', '-ttl=5m');
    expect(named(out)).toBe(grant('5m', false, 'n/a'));
  });

  it('says to any server what Vault says, and of the rest only what was given', async () => {
    const scripted = await scriptedServer([{ status: 200, body: { auth: { client_token: 't' } } }]);
    const other = vault.with({ address: scripted.address });
    await other.run('token', 'create');
    await other.run('token', 'create', '-type=batch', '-ttl=90s', '-policy=a,b');
    expect(scripted.asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { display_name: '', num_uses: 0, renewable: true, type: 'service' },
      { display_name: '', num_uses: 0, renewable: false, type: 'batch', ttl: '90s', policies: ['a,b'] },
    ]);
    await scripted.end();
  });

  it('gives the token what the flags ask for', async () => {
    const flags = ['-orphan', '-period=2h', '-explicit-max-ttl=10h', '-use-limit=9', '-display-name=ann', '-metadata=a=1', '-metadata=b=2'];
    const token = await made(...flags, '-no-default-policy', '-policy=dev', '-policy=other', '-renewable=false');
    const lookup = await vault.run('token', 'lookup', '-format=json', token);
    expect((JSON.parse(lookup.out) as { data: object }).data).toMatchObject({
      orphan: true,
      period: 7200,
      explicit_max_ttl: 36000,
      num_uses: 9,
      display_name: 'token-ann',
      meta: { a: '1', b: '2' },
      policies: ['dev', 'other'],
    });
    expect(rowsOf((await vault.run('token', 'lookup', await made('-ttl=1h', '-renewable=false'))).out)['renewable']).toBe('false');
  });

  it('takes the value of the token from stdin, so that it does not stand on the command line', async () => {
    const { out } = await vault.with({ stdin: 'my-own-token\n' }).run('token', 'create', '-id=-', '-field=token');
    expect(out).toBe('my-own-token');
    expect((await vault.run('token', 'lookup', '-field=id', 'my-own-token')).code).toBe(0);
  });

  it('makes a token from a role', async () => {
    await server.call('POST', 'auth/token/roles/app', { body: { allowed_policies: 'dev', allowed_entity_aliases: 'ann' } });
    expect(rowsOf((await vault.run('token', 'lookup', await made('-role=app'))).out)).toMatchObject({
      role: 'app',
      path: 'auth/token/create/app',
    });
    const alias = await vault.run('token', 'create', '-role=app', '-entity-alias=bob');
    expect(alias).toMatchObject({ code: 2, err: expect.stringContaining("* invalid 'entity_alias' value") });
  });

  it('wraps it for one reader', async () => {
    const rows = rowsOf((await vault.run('token', 'create', '-wrap-ttl=60s', '-policy=default')).out);
    expect(rows).toMatchObject({ 'wrapping_token_ttl:': '1m', 'wrapping_token_creation_path:': 'auth/token/create' });
    expect((await vault.run('unwrap', '-field=token_policies', rows['wrapping_token:'] as string)).out).toBe('[default]');
  });

  it('warns on stderr of what the server warned of', async () => {
    const { code, err } = await vault.run('token', 'create', '-policy=nosuch');
    expect(code).toBe(0);
    expect(err).toContain('* Policy "nosuch" does not exist\n');
  });

  it('prints what the server refuses', async () => {
    expect(await nobody.run('token', 'create')).toEqual(refusal('Error creating token', 'POST', 'auth/token/create'));
    const role = refusal('Error creating token', 'POST', 'auth/token/create/none', 'unknown role none', 400);
    expect(await vault.run('token', 'create', '-role=none')).toEqual(role);
  });

  it('used wrongly ends with 1', async () => {
    expect(await vault.run('token', 'create', 'x')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('token', 'create', '-ttl=soon')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('token', 'create', '-id=-')).toMatchObject({ code: 1, err: 'stdin gave nothing where "-" stands\n' });
    expect(await vault.run('token', 'create', '-field=nope')).toMatchObject({ code: 1, err: 'Field "nope" not present in secret\n' });
  });
});

describe('token lookup', () => {
  it('shows the token of the argument, or of stdin', async () => {
    const token = await made('-policy=default', '-ttl=10m');
    const { code, out, err } = await vault.run('token', 'lookup', token);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(named(out).replace(/^ttl +\S+$/m, 'ttl                 10m')).toBe(
      [
        'Key                 Value',
        '---                 -----',
        'accessor            <accessor>',
        'creation_time       <seconds>',
        'creation_ttl        10m',
        'display_name        token',
        'entity_id           n/a',
        'expire_time         <time>',
        'explicit_max_ttl    0s',
        'id                  <token>',
        'issue_time          <time>',
        'meta                <nil>',
        'num_uses            0',
        'orphan              false',
        'path                auth/token/create',
        'policies            [default]',
        'renewable           true',
        'ttl                 10m',
        'type                service',
        '',
      ].join('\n'),
    );
    expect((await vault.with({ stdin: `${token}\n` }).run('token', 'lookup', '-field=id', '-')).out).toBe(token);
  });

  it('shows the token in use when none is named', async () => {
    const { out } = await vault.run('token', 'lookup', '-format=json');
    expect(JSON.parse(out)).toMatchObject({ data: { id: server.rootToken, policies: ['root'], ttl: 0 } });
  });

  it('by accessor does not tell the token', async () => {
    const rows = rowsOf((await vault.run('token', 'create', '-ttl=1h')).out);
    const found = rowsOf((await vault.run('token', 'lookup', '-accessor', rows['token_accessor'] as string)).out);
    expect(found).toMatchObject({ accessor: rows['token_accessor'], id: 'n/a' });
  });

  it('prints what the server refuses', async () => {
    expect(await nobody.run('token', 'lookup')).toEqual(refusal('Error looking up token', 'GET', 'auth/token/lookup-self'));
    const gone = refusal('Error looking up token', 'POST', 'auth/token/lookup', 'bad token');
    expect(await vault.run('token', 'lookup', 'hvs.gone')).toEqual(gone);
    expect(await vault.run('token', 'lookup', '-accessor', 'gone')).toMatchObject({
      code: 2,
      err: expect.stringContaining('invalid accessor'),
    });
  });

  it('used wrongly ends with 1', async () => {
    expect(await vault.run('token', 'lookup', 'a', 'b')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('token', 'lookup', '-accessor')).toMatchObject({ code: 1, out: '' });
  });
});

describe('token renew', () => {
  it('grants what is asked for, to a token, the token in use, and that of an accessor', async () => {
    const rows = rowsOf((await vault.run('token', 'create', '-policy=default', '-ttl=10m')).out);
    const token = rows['token'] as string;
    expect(named((await vault.run('token', 'renew', '-increment=20m', token)).out)).toBe(grant('20m'));
    expect(rowsOf((await vault.with({ token }).run('token', 'renew', '-i', '30m')).out)).toMatchObject({ token_duration: '30m', token });
    expect(rowsOf((await vault.with({ stdin: token }).run('token', 'renew', '-increment=40m', '-')).out)['token_duration']).toBe('40m');
    const unseen = rowsOf((await vault.run('token', 'renew', '-accessor', '-increment=50m', rows['token_accessor'] as string)).out);
    expect(unseen).toMatchObject({ token: 'n/a', token_duration: '50m' });
    const json = JSON.parse((await vault.run('token', 'renew', '-format=json', '-increment=1h', token)).out) as object;
    expect(json).toMatchObject({ auth: { client_token: token, lease_duration: 3600 } });
  });

  it('prints what the server refuses', async () => {
    expect(await nobody.run('token', 'renew')).toEqual(refusal('Error renewing token', 'PUT', 'auth/token/renew-self'));
    const batch = await made('-type=batch', '-policy=default', '-ttl=1h');
    const refused = refusal('Error renewing token', 'PUT', 'auth/token/renew', 'batch tokens cannot be renewed', 400);
    expect(await vault.run('token', 'renew', batch)).toEqual(refused);
  });

  it('used wrongly ends with 1', async () => {
    expect(await vault.run('token', 'renew', 'a', 'b')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('token', 'renew', '-accessor')).toMatchObject({ code: 1, out: '' });
  });
});

describe('token capabilities', () => {
  it('of a token, an accessor and the token in use are sorted in one line, or a list', async () => {
    const rows = rowsOf((await vault.run('token', 'create', '-policy=dev', '-ttl=1h')).out);
    const token = rows['token'] as string;
    expect(await vault.run('token', 'capabilities', token, 'secret/data/a')).toEqual({ code: 0, out: 'read, update\n', err: '' });
    expect((await vault.run('token', 'capabilities', token, 'sys/mounts')).out).toBe('deny\n');
    expect((await vault.with({ stdin: token }).run('token', 'capabilities', '-', 'auth/token/lookup-self')).out).toBe('read\n');
    expect((await vault.run('token', 'capabilities', '-accessor', rows['token_accessor'] as string, 'secret/data/a')).out).toBe(
      'read, update\n',
    );
    expect((await vault.run('token', 'capabilities', 'anything')).out).toBe('root\n');
    const json = await vault.run('token', 'capabilities', '-format=json', token, 'secret/data/a');
    expect((JSON.parse(json.out) as string[]).toSorted()).toEqual(['read', 'update']);
  });

  it('prints what the server refuses', async () => {
    const refused = refusal('Error listing capabilities', 'POST', 'sys/capabilities-self');
    expect(await nobody.run('token', 'capabilities', 'secret/data/a')).toEqual(refused);
    expect(await vault.run('token', 'capabilities', 'hvs.gone', 'secret/data/a')).toMatchObject({ code: 2, out: '' });
  });

  it('of another server are sorted too, wherever its answer holds them', async () => {
    const scripted = await scriptedServer([
      { status: 200, body: { data: { a: ['update', 'read', 'create'] } } },
      { status: 200, body: { data: { capabilities: ['list'] } } },
    ]);
    const other = vault.with({ address: scripted.address });
    expect((await other.run('token', 'capabilities', 'a')).out).toBe('create, read, update\n');
    expect((await other.run('token', 'capabilities', 'a')).out).toBe('list\n');
    await scripted.end();
  });

  it('that an answer does not hold end with 1', async () => {
    const scripted = await scriptedServer([{ status: 200, body: { data: { other: ['read'] } } }]);
    const empty = await vault.with({ address: scripted.address }).run('token', 'capabilities', 'a');
    expect(empty).toEqual({ code: 1, out: '', err: 'No capabilities found\n' });
    await scripted.end();
  });

  it('used wrongly ends with 1', async () => {
    expect(await vault.run('token', 'capabilities')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('token', 'capabilities', '-accessor', 'a')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('token', 'capabilities', 'a', 'b', 'c')).toMatchObject({ code: 1, out: '' });
  });
});
