// node-vault, as it is published: machines and people that log in with what it knows of approle and userpass.

import createClient from 'node-vault';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';

// biome-ignore lint/suspicious/noExplicitAny: node-vault adds its commands at run time, beyond what its types say.
type Client = any;

describe('node-vault', () => {
  let server: TestServer;
  let vault: Client;
  const as = (token?: string): Client => createClient({ endpoint: server.address, ...(token === undefined ? {} : { token }) } as never);
  beforeAll(async () => {
    server = await startTestServer();
    vault = as(server.rootToken);
  });
  afterAll(() => server.end());

  it('makes a role and secret ids, and looks after them', async () => {
    await vault.enableAuth({ mount_point: 'approle', type: 'approle' });
    await vault.addApproleRole({ role_name: 'app', token_policies: 'default', token_ttl: 1200, secret_id_num_uses: 2 });
    expect((await vault.approleRoles()).data.keys).toStrictEqual(['app']);
    expect((await vault.getApproleRole({ role_name: 'app' })).data).toMatchObject({ token_ttl: 1200, secret_id_num_uses: 2 });
    await vault.updateApproleRoleId({ role_name: 'app', role_id: 'the-app' });
    expect((await vault.getApproleRoleId({ role_name: 'app' })).data.role_id).toBe('the-app');

    const { secret_id, secret_id_accessor } = (await vault.getApproleRoleSecret({ role_name: 'app' })).data;
    expect((await vault.approleSecretAccessors({ role_name: 'app' })).data.keys).toStrictEqual([secret_id_accessor]);
    expect((await vault.approleSecretLookup({ role_name: 'app', secret_id })).data).toMatchObject({ secret_id_num_uses: 2 });

    const machine = as();
    const { auth } = await machine.approleLogin({ role_id: 'the-app', secret_id });
    expect(auth).toMatchObject({ policies: ['default'], metadata: { role_name: 'app' }, lease_duration: 1200 });
    // It goes on with the token that it got.
    expect((await machine.tokenLookupSelf()).data.path).toBe('auth/approle/login');

    await vault.approleSecretAccessorDestroy({ role_name: 'app', secret_id_accessor });
    await expect(as().approleLogin({ role_id: 'the-app', secret_id })).rejects.toMatchObject({
      message: 'invalid role or secret ID',
      response: { statusCode: 400 },
    });
    await vault.deleteApproleRole({ role_name: 'app' });
    await expect(vault.approleRoles()).rejects.toMatchObject({ response: { statusCode: 404 } });
  });

  it('logs a person in', async () => {
    await vault.enableAuth({ mount_point: 'people', type: 'userpass' });
    await vault.write('auth/people/users/ann', { password: 'pw', token_policies: 'default' });
    const person = as();
    await person.userpassLogin({ mount_point: 'people', username: 'ann', password: 'pw' });
    expect((await person.tokenLookupSelf()).data).toMatchObject({ display_name: 'people-ann', meta: { username: 'ann' } });
    await expect(as().userpassLogin({ mount_point: 'people', username: 'ann', password: 'x' })).rejects.toThrow(
      'invalid username or password',
    );
    expect(Object.keys((await vault.auths()).data)).toContain('people/');
    await vault.disableAuth({ mount_point: 'people' });
  });
});
