// Audit devices of a whole server: what stands in their lines.

import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { enableDevice, hashOf, linesFor, readLines } from './lines.ts';

let server: TestServer;
const file = (name: string) => join(server.folder, name);

describe('lines', () => {
  beforeEach(async () => {
    server = await startTestServer();
    await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv-v2' } });
    await server.call('POST', 'sys/mounts/old', { body: { type: 'kv' } });
    await enableDevice(server, 'f');
  });
  afterEach(() => server.end());

  it('are two for each request, with the same request id that the client gets', async () => {
    const answer = await server.call('POST', 'kv/data/a', { body: { data: { password: 'pw', size: 3 } } });
    const [request, response, ...rest] = linesFor(file('f.log'), 'kv/data/a');
    expect(rest).toStrictEqual([]);
    expect([request?.type, response?.type]).toStrictEqual(['request', 'response']);
    expect(request?.request.id).toBe(answer.body.request_id);
    expect(response?.request).toStrictEqual(request?.request);
    expect(request?.request.data).toStrictEqual({ data: { password: await hashOf(server, 'f', 'pw'), size: 3 } });
    expect(response?.response.data).toMatchObject({
      version: 1,
      destroyed: false,
      created_time: await hashOf(server, 'f', answer.body.data.created_time),
      deletion_time: expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/),
    });
  });

  it('have the fields of OpenBao in their order', async () => {
    await server.call('GET', 'kv/data/none');
    const [request, response] = linesFor(file('f.log'), 'kv/data/none');
    expect(Object.keys(request as object)).toStrictEqual(['time', 'type', 'auth', 'request']);
    expect(Object.keys(response as object)).toStrictEqual(['time', 'type', 'auth', 'request', 'response']);
    expect(Object.keys(request?.auth)).toStrictEqual([
      'client_token',
      'accessor',
      'display_name',
      'policies',
      'token_policies',
      'policy_results',
      'token_type',
      'token_issue_time',
    ]);
    expect(Object.keys(request?.request)).toStrictEqual([
      'id',
      'operation',
      'mount_point',
      'mount_type',
      'mount_accessor',
      'mount_class',
      'client_token',
      'client_token_accessor',
      'namespace',
      'path',
      'remote_address',
      'remote_port',
    ]);
    expect(request?.auth.policy_results).toStrictEqual({
      allowed: true,
      granting_policies: [{ name: 'root', namespace_id: 'root', type: 'acl' }],
    });
    expect(response?.response).toStrictEqual({
      mount_point: 'kv/',
      mount_type: 'kv',
      mount_accessor: request?.request.mount_accessor,
      mount_class: 'secret',
    });
  });

  it('name the token and its accessor by their hashes, which audit-hash finds', async () => {
    const made = await server.call('POST', 'auth/token/create', { body: { policies: ['default'], meta: { team: 'ops' } } });
    const { client_token: token, accessor } = made.body.auth;
    await server.call('GET', 'auth/token/lookup-self', { token });
    const [request] = linesFor(file('f.log'), 'auth/token/lookup-self');
    const [tokenHash, accessorHash] = [await hashOf(server, 'f', token), await hashOf(server, 'f', accessor)];
    expect(request?.auth).toMatchObject({
      client_token: tokenHash,
      accessor: accessorHash,
      display_name: 'token',
      metadata: { team: 'ops' },
    });
    expect(request?.request).toMatchObject({ client_token: tokenHash, client_token_accessor: accessorHash });
    const [, created] = linesFor(file('f.log'), 'auth/token/create');
    expect(created?.response.auth).toMatchObject({ client_token: tokenHash, accessor: accessorHash, policies: ['default'] });
  });

  it('show accessors with hmac_accessor=false, and everything with log_raw, which clients may send as a bool', async () => {
    await enableDevice(server, 'open', { hmac_accessor: 'false' });
    await enableDevice(server, 'raw', { log_raw: true });
    const made = await server.call('POST', 'auth/token/create', { body: { id: 'custom-token-id' } });
    const { accessor } = made.body.auth;
    const [, open] = linesFor(file('open.log'), 'auth/token/create');
    expect(open?.response.auth).toMatchObject({ accessor, client_token: await hashOf(server, 'open', 'custom-token-id') });
    const [rawRequest, raw] = linesFor(file('raw.log'), 'auth/token/create');
    expect(rawRequest?.request).toMatchObject({ client_token: server.rootToken, data: { id: 'custom-token-id' } });
    expect(raw?.response.auth).toMatchObject({ accessor, client_token: 'custom-token-id' });
  });

  it('show the keys that the mount says', async () => {
    await server.call('POST', 'sys/mounts/old/tune', {
      body: { audit_non_hmac_request_keys: 'user', audit_non_hmac_response_keys: ['note'] },
    });
    await server.call('POST', 'old/a', { body: { user: 'joe', note: 'n', password: 'pw' } });
    await server.call('GET', 'old/a');
    const [written, , , read] = linesFor(file('f.log'), 'old/a');
    const hash = async (value: string) => hashOf(server, 'f', value);
    expect(written?.request.data).toStrictEqual({ user: 'joe', note: await hash('n'), password: await hash('pw') });
    expect(read?.response.data).toStrictEqual({ user: await hash('joe'), note: 'n', password: await hash('pw') });
  });

  it('count the names of a list with elide_list_responses', async () => {
    await enableDevice(server, 'short', { elide_list_responses: 'true' });
    for (const name of ['a', 'b', 'c']) await server.call('POST', `old/list/${name}`, { body: { v: name } });
    await server.call('LIST', 'old/list');
    expect(linesFor(file('short.log'), 'old/list/').at(-1)?.response.data).toStrictEqual({ keys: 3 });
    expect(linesFor(file('f.log'), 'old/list/').at(-1)?.response.data.keys).toHaveLength(3);
  });

  it('tell of a wrapped answer who may unwrap it, and not what it is', async () => {
    await server.call('POST', 'old/a', { body: { password: 'pw' } });
    const { body } = await server.call('GET', 'old/a', { headers: { 'x-vault-wrap-ttl': '5m' } });
    const [, response] = linesFor(file('f.log'), 'old/a').slice(-2);
    expect(response?.request.wrap_ttl).toBe(300);
    expect(response?.response).not.toHaveProperty('data');
    expect(response?.response.wrap_info).toMatchObject({
      ttl: 300,
      token: await hashOf(server, 'f', body.wrap_info.token),
      accessor: await hashOf(server, 'f', body.wrap_info.accessor),
      creation_path: 'old/a',
    });
  });

  it('tell of a denied request twice as well: who it was, that no policy allowed it, and the error', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['default'] } });
    const denied = await server.call('GET', 'kv/data/a', { token: body.auth.client_token });
    expect(denied.status).toBe(403);
    const lines = linesFor(file('f.log'), 'kv/data/a');
    for (const line of lines) {
      expect(line.auth.policy_results).toStrictEqual({ allowed: false });
      expect(line.auth.client_token).toBe(await hashOf(server, 'f', body.auth.client_token));
      expect(line.error).toBe('1 error occurred:\n\t* permission denied\n\n');
    }
    expect(lines.map(({ type }) => type)).toStrictEqual(['request', 'response']);
  });

  it('tell of a request with an unknown token too', async () => {
    expect((await server.call('GET', 'kv/data/a', { token: 'no-such-token' })).status).toBe(403);
    const [request] = linesFor(file('f.log'), 'kv/data/a');
    expect(request).toMatchObject({ auth: { token_type: 'default' }, error: 'permission denied' });
    expect(request?.request.client_token).toBe(await hashOf(server, 'f', 'no-such-token'));
  });

  it('show the request headers that are configured, and take them out again', async () => {
    const set = (name: string, body: object) => server.call('POST', `sys/config/auditing/request-headers/${name}`, { body });
    await set('X-Shown', {});
    await set('X-Hashed', { hmac: true });
    await set('X-Vault-Token', {});
    expect((await server.call('GET', 'sys/config/auditing/request-headers')).body.data.headers).toMatchObject({
      'x-shown': { hmac: false },
      'x-hashed': { hmac: true },
    });
    await server.call('GET', 'old/a', { headers: { 'X-Shown': 'seen', 'X-Hashed': 'secret', 'X-Other': 'other' } });
    expect(linesFor(file('f.log'), 'old/a')[0]?.request.headers).toStrictEqual({
      'x-shown': ['seen'],
      'x-hashed': [await hashOf(server, 'f', 'secret')],
    });
    await server.call('DELETE', 'sys/config/auditing/request-headers/x-shown');
    await server.call('DELETE', 'sys/config/auditing/request-headers/x-hashed');
    await server.call('GET', 'old/b', { headers: { 'X-Shown': 'seen' } });
    expect(linesFor(file('f.log'), 'old/b')[0]?.request).not.toHaveProperty('headers');
    expect((await server.call('GET', 'sys/config/auditing/request-headers/x-shown')).status).toBe(400);
  });

  it('begin with the prefix of the device', async () => {
    await enableDevice(server, 'p', { prefix: '@cee: ' });
    await server.call('GET', 'old/a');
    const lines = readFileSync(file('p.log'), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) expect(line).toMatch(/^@cee: \{"time"/);
  });

  it('of many requests at once are whole and complete', async () => {
    await server.call('POST', 'old/a', { body: { v: 'x'.repeat(5_000) } });
    const ids = new Set<string>();
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let turn = 0; turn < 8; turn++) ids.add((await server.call('GET', 'old/a')).body.request_id);
      }),
    );
    expect(ids.size).toBe(128);
    const lines = linesFor(file('f.log'), 'old/a').filter(({ request }) => ids.has(request.id));
    for (const type of ['request', 'response'])
      expect(new Set(lines.flatMap((line) => (line.type === type ? [line.request.id] : []))).size).toBe(128);
    expect(lines).toHaveLength(256);
  });

  it('are not written of what is asked while the server is sealed, nor of its health', async () => {
    const before = readLines(file('f.log')).length;
    await server.call('GET', 'sys/health');
    await server.call('GET', 'sys/seal-status');
    expect((await server.call('PUT', 'sys/seal')).status).toBe(204);
    const sealing = readLines(file('f.log'));
    expect(sealing.slice(before).map(({ request }) => request.path)).toStrictEqual(['sys/seal']);
    expect((await server.call('GET', 'old/a')).status).toBe(503);
    expect((await server.call('POST', 'sys/unseal', { body: { key: 'ab' } })).status).toBe(400);
    expect(readLines(file('f.log'))).toHaveLength(sealing.length);
    await server.unseal();
    await server.call('GET', 'old/a');
    expect(linesFor(file('f.log'), 'old/a')).toHaveLength(2);
  });

  it('go to a new file after the old one was moved away', async () => {
    await server.call('GET', 'old/one');
    renameSync(file('f.log'), file('f.log.1'));
    await server.call('GET', 'old/two');
    expect(existsSync(file('f.log'))).toBe(false);
    await server.server.reopenAudit();
    await server.call('GET', 'old/three');
    expect(linesFor(file('f.log.1'), 'old/two')).toHaveLength(2);
    expect(linesFor(file('f.log'), 'old/three')).toHaveLength(2);
    expect(readLines(file('f.log'))).toHaveLength(2);
    expect(statSync(file('f.log')).mode & 0o777).toBe(0o600);
  });
});
