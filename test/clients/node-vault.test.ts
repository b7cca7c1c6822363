// node-vault, as it is published: through initialising, mounts, secrets, policies, tokens and wrapping.

import { readFileSync } from 'node:fs';
import createClient from 'node-vault';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { certificatePath, testTls } from './certificate.ts';

// biome-ignore lint/suspicious/noExplicitAny: node-vault adds its commands at run time, beyond what its types say.
type Client = any;

const as = (address: string, token?: string): Client =>
  createClient({
    endpoint: address,
    ...(token === undefined ? {} : { token }),
    requestOptions: { ca: readFileSync(certificatePath) },
  } as never);

describe.each(['http', 'https'] as const)('node-vault over %s', (scheme) => {
  let server: TestServer;
  let address = '';
  let vault: Client;
  let keys: string[] = [];

  /** node-vault goes on with a token that it made, so tokens are made by another client. */
  const separate = () => as(address, vault.token);

  beforeAll(async () => {
    server = await startTestServer({ init: 'raw', ...(scheme === 'https' ? { listenAt: { tls: testTls() } } : {}) });
    address = `${scheme}://127.0.0.1:${server.port}`;
    vault = as(address);
  });
  afterAll(() => server.end());

  it('tells the state of a server that is not initialised, and never fails at its health', async () => {
    expect(await vault.initialized()).toStrictEqual({ initialized: false });
    expect(await vault.status()).toMatchObject({ sealed: true, t: 0, n: 0, progress: 0 });
    expect(await vault.health()).toMatchObject({ initialized: false, sealed: true });
  });

  it('initialises once', async () => {
    const made = await vault.init({ secret_shares: 5, secret_threshold: 3 });
    expect(made.keys).toHaveLength(5);
    keys = made.keys;
    vault.token = made.root_token;
    await expect(vault.init({ secret_shares: 5, secret_threshold: 3 })).rejects.toMatchObject({
      message: 'Vault is already initialized',
      response: { statusCode: 400 },
    });
  });

  it('unseals share by share', async () => {
    await expect(vault.read('secret/a')).rejects.toThrow('Vault is sealed');
    expect(await vault.health()).toMatchObject({ initialized: true, sealed: true });
    expect(await vault.unseal({ key: keys[0] })).toMatchObject({ sealed: true, progress: 1 });
    expect(await vault.unseal({ reset: true })).toMatchObject({ progress: 0 });
    for (const key of keys.slice(0, 3)) await vault.unseal({ key });
    expect(await vault.status()).toMatchObject({ sealed: false });
    expect(await vault.health()).toMatchObject({ sealed: false, standby: false });
    expect(await vault.leader()).toMatchObject({ ha_enabled: false });
  });

  it('mounts, moves and unmounts', async () => {
    await vault.mount({ mount_point: 'kv1', type: 'kv', description: 'first', options: { version: '1' } });
    await vault.mount({ mount_point: 'kv2', type: 'kv', options: { version: '2' } });
    await vault.mount({ mount_point: 'gone', type: 'kv' });
    const mounts = await vault.mounts();
    expect(mounts['kv2/']).toMatchObject({ type: 'kv', options: { version: '2' } });
    expect(mounts.data['kv1/']).toMatchObject({ description: 'first' });
    await vault.remount({ from: 'gone', to: 'going' });
    await vault.unmount({ mount_point: 'going' });
    expect(Object.keys((await vault.mounts()).data)).not.toContain('going/');
    await expect(vault.mount({ mount_point: 'kv2', type: 'kv' })).rejects.toMatchObject({
      message: 'path is already in use at kv2/',
      response: { statusCode: 400 },
    });
    expect(Object.keys((await vault.auths()).data)).toContain('token/');
  });

  it('writes, reads, lists with the verb LIST, and deletes secrets of version 1', async () => {
    await vault.write('kv1/app/a', { password: 'öß', list: [1, 2] });
    expect((await vault.read('kv1/app/a')).data).toStrictEqual({ password: 'öß', list: [1, 2] });
    expect((await vault.list('kv1/app')).data).toStrictEqual({ keys: ['a'] });
    const plain = createClient({
      endpoint: address,
      token: vault.token,
      noCustomHTTPVerbs: true,
      requestOptions: { ca: readFileSync(certificatePath) },
    } as never);
    expect((await plain.list('kv1/')).data).toStrictEqual({ keys: ['app/'] });
    await vault.delete('kv1/app/a');
    await expect(vault.read('kv1/app/a')).rejects.toMatchObject({
      message: 'Status 404',
      response: { statusCode: 404, body: { errors: [] } },
    });
    await expect(vault.list('kv1/app')).rejects.toThrow('Status 404');
  });

  it('writes, updates, reads, lists and deletes secrets of version 2', async () => {
    expect((await vault.write('kv2/data/app/a', { data: { a: '1', b: '2' } })).data).toMatchObject({ version: 1 });
    expect((await vault.update('kv2/data/app/a', { data: { a: null, c: '3' } })).data).toMatchObject({ version: 2 });
    expect((await vault.read('kv2/data/app/a')).data.data).toStrictEqual({ b: '2', c: '3' });
    expect((await vault.read('kv2/data/app/a?version=1')).data.data).toStrictEqual({ a: '1', b: '2' });
    expect((await vault.list('kv2/metadata/app')).data).toStrictEqual({ keys: ['a'] });
    await expect(vault.write('kv2/data/app/a', { data: {}, options: { cas: 1 } })).rejects.toThrow(
      'check-and-set parameter did not match the current version',
    );
    await vault.delete('kv2/data/app/a');
    await expect(vault.read('kv2/data/app/a')).rejects.toMatchObject({
      message: 'Status 404',
      response: { body: { data: { data: null, metadata: { version: 2, destroyed: false } } } },
    });
    await vault.write('kv2/undelete/app/a', { versions: [2] });
    expect((await vault.read('kv2/data/app/a')).data.data).toStrictEqual({ b: '2', c: '3' });
    await vault.delete('kv2/metadata/app/a');
    await expect(vault.list('kv2/metadata')).rejects.toThrow('Status 404');
    await expect(vault.update('kv2/data/app/a', { data: {} })).rejects.toThrow('Status 404');
  });

  it('writes, reads and removes policies', async () => {
    const rules = 'path "kv1/own/*" { capabilities = ["create", "read", "update"] }';
    await vault.addPolicy({ name: 'own', rules });
    expect((await vault.policies()).policies).toStrictEqual(['default', 'own', 'root']);
    expect((await vault.getPolicy({ name: 'own' })).rules).toBe(rules);
    await expect(vault.addPolicy({ name: 'broken', rules: 'path "x" {' })).rejects.toThrow('failed to parse policy');
    await vault.addPolicy({ name: 'gone', rules });
    await vault.removePolicy({ name: 'gone' });
    await expect(vault.getPolicy({ name: 'gone' })).rejects.toThrow('Status 404');
  });

  it('makes tokens that may do what their policies say, looks them up, renews and revokes them', async () => {
    const made = await separate().tokenCreate({ policies: ['own'], ttl: '1h', display_name: 'joe', meta: { who: 'joe' } });
    const { client_token: token, accessor } = made.auth;
    const own = as(address, token);
    await own.write('kv1/own/a', { v: 1 });
    await expect(own.write('kv1/other', { v: 1 })).rejects.toMatchObject({
      message: '1 error occurred:\n\t* permission denied\n\n',
      response: { statusCode: 403 },
    });
    expect((await own.tokenLookupSelf()).data).toMatchObject({
      display_name: 'token-joe',
      meta: { who: 'joe' },
      policies: ['default', 'own'],
    });
    expect((await vault.tokenLookup({ token })).data.accessor).toBe(accessor);
    expect((await vault.tokenLookupAccessor({ accessor })).data.id).toBe('');
    expect((await vault.tokenAccessors()).data.keys).toContain(accessor);
    expect((await separate().tokenRenew({ token, increment: '30m' })).auth.lease_duration).toBe(1800);
    expect((await own.tokenRenewSelf({ increment: '20m' })).auth.lease_duration).toBe(1200);
    await vault.tokenRevokeAccessor({ accessor });
    await expect(own.tokenLookupSelf()).rejects.toThrow('permission denied');
    await expect(vault.tokenLookup({ token })).rejects.toThrow('bad token');
    await vault.addTokenRole({ role_name: 'fixed', allowed_policies: 'own', orphan: true });
    expect((await vault.tokenRoles()).data.keys).toStrictEqual(['fixed']);
    expect((await vault.getTokenRole({ role_name: 'fixed' })).data).toMatchObject({ name: 'fixed', allowed_policies: ['own'] });
    const fromRole = (await separate().tokenCreateRole({ role_name: 'fixed' })).auth;
    expect(fromRole).toMatchObject({ policies: ['default', 'own'], orphan: true });
    await vault.removeTokenRole({ role_name: 'fixed' });
    const orphan = (await separate().tokenCreateOrphan({ policies: ['own'] })).auth.client_token;
    await vault.tokenRevokeOrphan({ token: orphan });
    await vault.tokenRevoke({ token: fromRole.client_token });
    await expect(as(address, fromRole.client_token).tokenLookupSelf()).rejects.toThrow('permission denied');
    await expect(as(address, 'no-such-token').read('kv1/own/a')).rejects.toMatchObject({
      response: { statusCode: 403, body: { errors: ['permission denied'] } },
    });
  });

  it('wraps answers and unwraps them once', async () => {
    const wrapped = await separate().tokenCreate({ policies: ['own'], requestOptions: { headers: { 'X-Vault-Wrap-TTL': '60s' } } });
    expect(wrapped.wrap_info).toMatchObject({ ttl: 60, creation_path: 'auth/token/create' });
    const inside = await as(address, wrapped.wrap_info.token).unwrap();
    expect(inside.auth).toMatchObject({ policies: ['default', 'own'] });
    expect(inside.auth.accessor).toBe(wrapped.wrap_info.wrapped_accessor);
    await expect(vault.unwrap({ token: wrapped.wrap_info.token })).rejects.toThrow('wrapping token is not valid or does not exist');
  });

  it('enables audit devices, rotates the key and seals', async () => {
    await vault.enableAudit({ name: 'f', type: 'file', options: { file_path: 'audit.log' } });
    expect(Object.keys((await vault.audits()).data)).toStrictEqual(['f/']);
    await vault.disableAudit({ name: 'f' });
    await vault.rotate();
    await vault.stepDown();
    expect((await vault.help('kv1')).help).toContain('DESCRIPTION');
    await vault.seal();
    expect(await vault.status()).toMatchObject({ sealed: true });
    await expect(vault.read('kv1/own/a')).rejects.toMatchObject({ message: 'Vault is sealed', response: { statusCode: 503 } });
    for (const key of keys.slice(2)) await vault.unseal({ key });
    expect((await vault.read('kv1/own/a')).data).toStrictEqual({ v: 1 });
  });
});
