// The auth commands on a whole server: cells, streams and exit codes as bao's; and the logins that they lead to.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';
import { play, tidy } from './transcript.ts';

let server: TestServer;
let vault: Session;
let scripted: ScriptedServer | undefined;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
});
afterAll(async () => {
  vault.end();
  await server.end();
});
afterEach(async () => {
  await scripted?.end();
  scripted = undefined;
});

async function expectPlayed(transcript: string): Promise<void> {
  expect((await play(vault, transcript)).replace(/auth_([a-z]+)_[\da-z]{8}/g, 'auth_$1_<id>')).toBe(tidy(transcript));
}

async function mount(path: string): Promise<Record<string, unknown>> {
  return (JSON.parse((await vault.run('auth', 'list', '-format=json')).out) as Record<string, Record<string, unknown>>)[path] ?? {};
}

describe('auth methods', () => {
  it('are enabled, listed, tuned, moved and disabled', () =>
    expectPlayed(`
$ auth enable userpass
  Success! Enabled userpass auth method at: userpass/
= 0

$ auth enable -path=machines "-description=build hosts" approle
  Success! Enabled approle auth method at: machines/
= 0

$ auth list
  Path         Type        Accessor                  Description                Version
  ----         ----        --------                  -----------                -------
  machines/    approle     auth_approle_<id>     build hosts                n/a
  token/       token       auth_token_<id>       token based credentials    n/a
  userpass/    userpass    auth_userpass_<id>    n/a                        n/a
= 0

$ auth enable userpass
! Error enabling userpass auth: Error making API request.
!
! URL: POST http://<address>/v1/sys/auth/userpass
! Code: 400. Errors:
!
! * path is already in use at userpass/
= 2

$ auth tune -default-lease-ttl=10m userpass
  Success! Tuned the auth method at: userpass/
= 0

$ auth move auth/machines auth/hosts
  Started moving auth method auth/machines/ to auth/hosts/, with migration ID <uuid>
  Success! Finished moving auth method auth/machines/ to auth/hosts/, with migration ID <uuid>
= 0

$ auth disable hosts
  Success! Disabled the auth method (if it existed) at: hosts/
= 0

$ auth disable none/
  Success! Disabled the auth method (if it existed) at: none/
= 0

$ auth tune none
! Error tuning auth method none/: Error making API request.
!
! URL: POST http://<address>/v1/sys/mounts/auth/none/tune
! Code: 400. Errors:
!
! * tune of path "none/" failed: no mount entry found
= 2
`));

  it('keep what each flag sets, and leave the rest as it is', async () => {
    await vault.run('auth', 'enable', '-path=set', '-token-type=batch', '-max-lease-ttl=2h', '-listing-visibility=unauth', 'userpass');
    await vault.run('auth', 'tune', '-user-lockout-threshold=3', '-user-lockout-duration=1h', '-passthrough-request-headers=X-In', 'set');
    await vault.run('auth', 'tune', '-user-lockout-disable', '-user-lockout-counter-reset-duration=5m', '-token-type=service', 'set');
    expect((await mount('set/'))['config']).toEqual({
      default_lease_ttl: 0,
      max_lease_ttl: 7200,
      force_no_cache: false,
      listing_visibility: 'unauth',
      passthrough_request_headers: ['X-In'],
      token_type: 'service',
      user_lockout_config: {
        user_lockout_counter_reset_duration: 300,
        user_lockout_disable: true,
        user_lockout_duration: 3600,
        user_lockout_threshold: 3,
      },
    });
    await vault.run('auth', 'tune', '-user-lockout-disable=false', '-user-lockout-duration=system', 'set');
    expect((await mount('set/'))['config']).toMatchObject({
      user_lockout_config: { user_lockout_disable: false, user_lockout_duration: 0 },
    });
    const shownToAll = await server.call('GET', 'sys/internal/ui/mounts', { token: null });
    expect(shownToAll.body.data.auth).toEqual({ 'set/': { description: '', options: {}, type: 'userpass' } });
    await vault.run('auth', 'disable', 'set');
  });

  it('are listed in detail', async () => {
    const { out } = await vault.run('auth', 'list', '-detailed');
    const [header = '', , ...rows] = out.split('\n');
    expect(header.split(/ {2,}/).slice(0, 6)).toEqual(['Path', 'Plugin', 'Accessor', 'Default TTL', 'Max TTL', 'Token Type']);
    expect(
      rows
        .find((row) => row.startsWith('userpass/'))
        ?.split(/ {2,}/)
        .slice(3, 7),
    ).toEqual(['600', 'system', 'default-service', 'replicated']);
  });

  it('tell what a login needs, by their type and by their path', async () => {
    await vault.run('auth', 'enable', '-path=staff', 'userpass');
    const named = await vault.run('auth', 'help', 'userpass');
    expect(named).toMatchObject({ code: 0, err: '' });
    expect(named.out).toMatch(/^Usage: vault login -method=userpass username=NAME/);
    expect((await vault.run('auth', 'help', 'staff/')).out).toMatch(/^Usage: vault login -method=userpass -path=staff username=NAME/);
    expect(await vault.run('auth', 'help', 'nowhere')).toEqual({
      code: 1,
      out: '',
      err: 'Error retrieving help: unknown authentication handler: nowhere\n',
    });
    await vault.run('auth', 'disable', 'staff');
  });
});

describe('login', () => {
  const people = () => vault.with({ address: server.address });
  const kept = () => (existsSync(join(vault.home, '.vault-token')) ? readFileSync(join(vault.home, '.vault-token'), 'utf8') : undefined);

  it('asks for the password without showing it, and keeps the token', async () => {
    await vault.run('write', 'auth/userpass/users/ann', 'password=pw', 'policies=default');
    const asked = await people().with({ stdin: 'pw', typing: true }).run('login', '-method=userpass', 'username=ann');
    expect(asked).toMatchObject({ code: 0, err: expect.stringMatching(/^Password \(will be hidden\): \n/) });
    expect(asked.out).toMatch(/^token_policies +\["default"\]$/m);
    expect(asked.out).toMatch(/^token_meta_username +ann$/m);
    expect(asked.out).toMatch(/^token_duration +10m$/m);
    expect(asked.out + asked.err).not.toContain('pw\n');
    const token = kept() ?? '';
    expect(asked.out).toContain(token);
    const looked = await session({ address: server.address, token }).run('token', 'lookup', '-field=display_name');
    expect(looked.out).toBe('userpass-ann');
  });

  it('tells of a wrong password as bao does', async () => {
    expect(await play(people(), '$ login -no-store -method=userpass username=ann password=bad')).toBe(
      tidy(`
$ login -no-store -method=userpass username=ann password=bad
! Error authenticating: Error making API request.
!
! URL: PUT http://<address>/v1/auth/userpass/login/ann
! Code: 400. Errors:
!
! * invalid username or password
= 2
`),
    );
  });

  it('prints the token alone, and keeps none', async () => {
    const before = kept();
    const { out, code } = await people().run('login', '-token-only', '-method=userpass', 'username=ann', 'password=pw');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^hvs\.[A-Za-z\d]{24}$/) });
    expect(kept()).toBe(before);
  });

  it('goes to the path that is said, with the ids of a machine', async () => {
    await vault.run('auth', 'enable', '-path=hosts', 'approle');
    await vault.run('write', 'auth/hosts/role/app', 'token_policies=default', 'token_ttl=5m');
    const roleId = (await vault.run('read', '-field=role_id', 'auth/hosts/role/app/role-id')).out;
    const secretId = (await vault.run('write', '-f', '-field=secret_id', 'auth/hosts/role/app/secret-id')).out;
    const login = (...words: string[]) =>
      people()
        .with({ stdin: secretId })
        .run('login', '-no-store', '-method=approle', ...words);
    const { out, code } = await login('-path=hosts', `role_id=${roleId}`, 'secret_id=-');
    expect(code).toBe(0);
    expect(out).toMatch(/^token_meta_role_name +app$/m);
    expect(await login('-path=hosts', 'secret_id=-')).toMatchObject({
      code: 2,
      err: "Error authenticating: 'role_id' must be specified\n",
    });
    expect((await login('-path=none', `role_id=${roleId}`)).err).toContain('/v1/auth/none/login\nCode: 403');
  });

  it('sends no token of an earlier login along', async () => {
    scripted = await scriptedServer([{ status: 200, body: { auth: { client_token: 't', policies: ['default'] } } }]);
    await vault.with({ address: scripted.address, token: 'earlier' }).run('login', '-no-store', '-method=approle', 'role_id=r');
    expect(scripted.asked[0]).toMatchObject({ url: '/v1/auth/approle/login', body: '{"role_id":"r"}' });
    expect(scripted.asked[0]?.headers['x-vault-token']).toBeUndefined();
  });
});
