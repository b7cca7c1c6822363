// read, write, patch, list, delete, unwrap and status on a whole server: cells, streams and exit codes as bao's.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer({ init: { shares: 3, threshold: 2 } });
  vault = session({ address: server.address, token: server.rootToken });
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv', options: { version: '2' } } });
  await server.call('POST', 'sys/mounts/k1', { body: { type: 'kv', options: { version: '1' } } });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

describe('a secret in the cubbyhole', () => {
  it('is written, read in every format, listed and deleted', async () => {
    expect(await vault.run('write', 'cubbyhole/a', 'x=1', 'y=2')).toEqual({
      code: 0,
      out: 'Success! Data written to: cubbyhole/a\n',
      err: '',
    });
    expect(await vault.run('read', 'cubbyhole/a')).toEqual({ code: 0, out: 'Key    Value\n---    -----\nx      1\ny      2\n', err: '' });
    expect(await vault.run('read', '-field=x', '/cubbyhole/a/')).toEqual({ code: 0, out: '1', err: '' });
    const json = await vault.run('read', '-format=json', 'cubbyhole/a');
    expect(json.out.replace(/"request_id": ".{36}"/, '"request_id": "<uuid>"')).toBe(
      [
        '{',
        '  "request_id": "<uuid>",',
        '  "lease_id": "",',
        '  "lease_duration": 0,',
        '  "renewable": false,',
        '  "data": {',
        '    "x": "1",',
        '    "y": "2"',
        '  },',
        '  "warnings": null',
        '}',
        '',
      ].join('\n'),
    );
    expect((await vault.run('read', '-format=yaml', 'cubbyhole/a')).out).toMatch(/^data:\n {2}x: "1"\n {2}"y": "2"\nlease_duration: 0\n/);
    expect(JSON.parse((await vault.run('read', '-format=raw', 'cubbyhole/a')).out)).toMatchObject({ wrap_info: null, data: { x: '1' } });
    expect(await vault.run('list', 'cubbyhole')).toEqual({ code: 0, out: 'Keys\n----\na\n', err: '' });
    expect((await vault.run('list', '-format=json', 'cubbyhole')).out).toBe('[\n  "a"\n]\n');
    const gone = 'Success! Data deleted (if it existed) at: cubbyhole/a\n';
    expect(await vault.run('delete', 'cubbyhole/a')).toEqual({ code: 0, out: gone, err: '' });
    expect(await vault.run('read', 'cubbyhole/a')).toEqual({ code: 2, out: '', err: 'No value found at cubbyhole/a\n' });
  });

  it('says nothing of success where a program reads', async () => {
    expect(await vault.run('write', '-format=json', 'cubbyhole/b', 'x=1')).toEqual({ code: 0, out: '', err: '' });
    expect(await vault.run('delete', '-format=yaml', 'cubbyhole/b')).toEqual({ code: 0, out: '', err: '' });
  });

  it('prints a field as JSON where that is asked for, and with a line end on a terminal', async () => {
    await vault.with({ address: server.address, token: server.rootToken, stdin: '{"list":["a","b"]}' }).run('write', 'cubbyhole/c', '-');
    expect((await vault.run('read', '-field=list', 'cubbyhole/c')).out).toBe('[a b]');
    expect((await vault.run('read', '-field=list', '-format=json', 'cubbyhole/c')).out).toBe('[\n  "a",\n  "b"\n]');
    expect((await vault.with({ terminal: true }).run('read', '-field=list', 'cubbyhole/c')).out).toBe('[a b]\n');
  });

  it('has no field that is not there', async () => {
    await vault.run('write', 'cubbyhole/d', 'x=1');
    expect(await vault.run('read', '-field=nope', 'cubbyhole/d')).toEqual({
      code: 1,
      out: '',
      err: 'Field "nope" not present in secret\n',
    });
  });
});

describe('a versioned secret', () => {
  it('is written from JSON and changed in parts', async () => {
    const file = join(vault.home, 'secret.json');
    writeFileSync(file, '{"data":{"user":"ann","old":1}}');
    const written = await vault.run('write', 'kv/data/app', `@${file}`);
    expect(written.out.replace(/\d{4}-\S+/, '<time>')).toBe(
      [
        'Key                Value',
        '---                -----',
        'created_time       <time>',
        'custom_metadata    <nil>',
        'deletion_time      n/a',
        'destroyed          false',
        'version            1',
        '',
      ].join('\n'),
    );
    writeFileSync(file, '{"data":{"old":null,"new":[1,2]}}');
    expect((await vault.run('patch', 'kv/data/app', `@${file}`)).out).toContain('version            2');
    expect((await vault.run('read', '-field=data', 'kv/data/app')).out).toBe('map[new:[1 2] user:ann]');
    expect((await vault.run('read', '-field=data', 'kv/data/app', 'version=1')).out).toBe('map[old:1 user:ann]');
  });

  it('that is deleted is still an answer', async () => {
    await vault.with({ stdin: '{"data":{}}' }).run('write', 'kv/data/gone', '-');
    await vault.run('delete', 'kv/data/gone');
    expect(await vault.run('read', 'kv/data/gone')).toMatchObject({ code: 0, out: expect.stringContaining('data        <nil>') });
  });

  it('asked for at a wrong path is a warning on stderr', async () => {
    const wrong = await vault.run('read', 'kv/app');
    expect(wrong).toMatchObject({ code: 0, out: '' });
    expect(wrong.err).toMatch(/^WARNING! The following warnings were returned from Vault:\n\n {2}\* Invalid path for a versioned K\/V/);
    const written = await vault.run('write', 'kv/app', 'a=b');
    expect(written).toMatchObject({ code: 2, out: '' });
    expect(written.err).toContain('Code: 404. Errors:');
    expect(written.err).toContain('* Invalid path');
  });

  it('of version 1 tells when to read again', async () => {
    await vault.run('write', 'k1/a', 'x=1');
    expect((await vault.run('read', 'k1/a')).out).toBe(
      'Key                 Value\n---                 -----\nrefresh_interval    768h\nx                   1\n',
    );
  });
});

describe('a token', () => {
  it('is shown with its policies and durations', async () => {
    const { out } = await vault.run('write', 'auth/token/create', 'policies=default', 'ttl=90m', 'meta=user=ann');
    expect(out.replace(/hvs\.\S+/, '<token>').replace(/[A-Za-z\d]{24}/, '<accessor>')).toBe(
      [
        'Key                  Value',
        '---                  -----',
        'token                <token>',
        'token_accessor       <accessor>',
        'token_duration       1h30m',
        'token_renewable      true',
        'token_policies       ["default"]',
        'identity_policies    []',
        'policies             ["default"]',
        'token_meta_user      ann',
        '',
      ].join('\n'),
    );
  });

  it('is wrapped for one reader', async () => {
    const wrapped = await vault.run('write', '-wrap-ttl=60s', 'auth/token/create', 'policies=default');
    expect(wrapped.out).toMatch(/^wrapping_token: {18}\S+$/m);
    expect(wrapped.out).toMatch(/^wrapping_token_ttl: {14}1m$/m);
    expect(wrapped.out).toMatch(/^wrapping_token_creation_time: {4}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC$/m);
    const token = /wrapping_token: +(\S+)/.exec(wrapped.out)?.[1] as string;
    const reader = session({ address: server.address });
    expect((await reader.run('unwrap', '-field=policies', token)).out).toBe('[default]');
    const again = await vault.run('unwrap', token);
    expect(again).toMatchObject({ code: 2, out: '' });
    expect(again.err).toBe(
      `Error unwrapping: Error making API request.\n\nURL: PUT ${server.address}/v1/sys/wrapping/unwrap\nCode: 400. Errors:\n\n* wrapping token is not valid or does not exist\n`,
    );
    reader.end();
  });

  it('in the environment counts before the one of the last login', async () => {
    const nobody = session({ address: server.address, env: { BAO_TOKEN: 'from-env' } });
    writeFileSync(join(nobody.home, '.vault-token'), 'from-file\n');
    expect((await nobody.run('print', 'token')).out).toBe('from-env\n');
    expect((await nobody.with({ env: {} }).run('print', 'token')).out).toBe('from-file\n');
    nobody.end();
  });
});

describe('a list', () => {
  it('that was wrapped is a list again when it is unwrapped', async () => {
    const token = (await vault.run('list', '-wrap-ttl=1m', 'sys/policies/acl')).out.match(/wrapping_token: +(\S+)/)?.[1] as string;
    expect((await vault.run('unwrap', token)).out).toBe('Keys\n----\ndefault\nroot\n');
  });

  it('of nothing is told on stderr, or as an empty object', async () => {
    expect(await vault.run('list', 'cubbyhole/none')).toEqual({ code: 2, out: '', err: 'No value found at cubbyhole/none\n' });
    expect(await vault.run('list', '-format=json', 'cubbyhole/none')).toEqual({ code: 2, out: '{}\n', err: '' });
  });
});

describe('a refusal', () => {
  it('names what was tried, method, URL and code, on stderr with exit code 2', async () => {
    expect(await vault.with({ token: 'wrong' }).run('read', 'kv/data/app')).toEqual({
      code: 2,
      out: '',
      err: `Error reading kv/data/app: Error making API request.\n\nURL: GET ${server.address}/v1/kv/data/app\nCode: 403. Errors:\n\n* permission denied\n`,
    });
    expect((await vault.with({ token: 'wrong' }).run('list', 'kv')).err).toMatch(/^Error listing kv: /);
    expect((await vault.with({ token: 'wrong' }).run('delete', 'kv/data/app')).err).toMatch(/^Error deleting kv\/data\/app: /);
    expect((await vault.with({ token: 'wrong' }).run('write', 'kv/data/app', 'a=b')).err).toMatch(/^Error writing data to kv\/data\/app: /);
  });
});

describe('status', () => {
  it('is 0 for an unsealed server and 2 for a sealed one, and shows how far the shares have come', async () => {
    const open = await vault.run('status');
    expect(open).toMatchObject({ code: 0, err: '' });
    expect(open.out.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'Key',
      '---',
      'Seal Type',
      'Initialized',
      'Sealed',
      'Total Shares',
      'Threshold',
      'Version',
      'Storage Type',
      'Cluster Name',
      'Cluster ID',
      'HA Enabled',
      '',
    ]);
    await vault.run('write', '-f', 'sys/seal');
    await server.call('PUT', 'sys/unseal', { token: null, body: { key: server.keys[0] } });
    const shut = await vault.run('status');
    expect(shut.code).toBe(2);
    expect(shut.out).toMatch(/^Unseal Progress {4}1\/2\nUnseal Nonce {7}\S{36}\nVersion/m);
    const json = await vault.run('status', '-format=json');
    expect(json.code).toBe(2);
    expect(Object.keys(JSON.parse(json.out) as object)).toEqual([
      'type',
      'initialized',
      'sealed',
      't',
      'n',
      'progress',
      'nonce',
      'version',
      'commit_date',
      'migration',
      'recovery_seal',
      'storage_type',
      'build_date',
      'ha_enabled',
    ]);
    expect(await vault.run('read', 'kv/data/app')).toMatchObject({ code: 2, err: expect.stringContaining('* Vault is sealed') });
    await server.call('PUT', 'sys/unseal', { token: null, body: { key: server.keys[1] } });
    expect((await vault.run('status')).code).toBe(0);
  });
});
