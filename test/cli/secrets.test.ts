// The secrets commands on a whole server: cells, streams and exit codes as bao's.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Scripted, scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';
import { play, tidy } from './transcript.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

async function expectPlayed(transcript: string, typing: Session = vault): Promise<void> {
  expect(await play(typing, transcript)).toBe(tidy(transcript));
}

/** One mount as `secrets list -format=json` prints it. */
async function mount(path: string): Promise<Record<string, unknown> & { readonly config: object }> {
  const all = JSON.parse((await vault.run('secrets', 'list', '-format=json')).out) as Record<string, never>;
  return all[path] as never;
}

describe('secrets engines', () => {
  it('are mounted, listed, tuned, moved and unmounted', () =>
    expectPlayed(`
$ secrets list
  Path          Type         Accessor              Description
  ----          ----         --------              -----------
  cubbyhole/    cubbyhole    cubbyhole_<id>    per-token private secret storage
  identity/     identity     identity_<id>     identity store
  sys/          system       system_<id>       system endpoints used for control, policy and debugging
= 0

$ secrets enable -path=secret -version=2 kv
  Success! Enabled the kv secrets engine at: secret/
= 0

$ secrets enable -path=k1 -version=1 "-description=old one" kv
  Success! Enabled the kv secrets engine at: k1/
= 0

$ secrets enable kv
  Success! Enabled the kv secrets engine at: kv/
= 0

$ secrets enable -path=secret kv
! Error enabling: Error making API request.
!
! URL: POST http://<address>/v1/sys/mounts/secret
! Code: 400. Errors:
!
! * path is already in use at secret/
= 2

$ secrets tune -default-lease-ttl=30m k1
  Success! Tuned the secrets engine at: k1/
= 0

$ secrets list -detailed
  Path          Plugin       Accessor              Default TTL    Max TTL    Force No Cache    Replication    Seal Wrap    External Entropy Access    Options           Description                                                UUID                                    Version    Running Version                           Running SHA256    Deprecation Status
  ----          ------       --------              -----------    -------    --------------    -----------    ---------    -----------------------    -------           -----------                                                ----                                    -------    ---------------                           --------------    ------------------
  cubbyhole/    cubbyhole    cubbyhole_<id>    n/a            n/a        false             local          false        false                      map[]             per-token private secret storage                           <uuid>    n/a        v1.20.4+casemate.test+builtin.casemate    n/a               n/a
  identity/     identity     identity_<id>     system         system     false             replicated     false        false                      map[]             identity store                                             <uuid>    n/a        v1.20.4+casemate.test+builtin.casemate    n/a               n/a
  k1/           kv           kv_<id>           1800           system     false             replicated     false        false                      map[version:1]    old one                                                    <uuid>    n/a        v1.20.4+casemate.test+builtin.casemate    n/a               supported
  kv/           kv           kv_<id>           system         system     false             replicated     false        false                      map[]             n/a                                                        <uuid>    n/a        v1.20.4+casemate.test+builtin.casemate    n/a               supported
  secret/       kv           kv_<id>           system         system     false             replicated     false        false                      map[version:2]    n/a                                                        <uuid>    n/a        v1.20.4+casemate.test+builtin.casemate    n/a               supported
  sys/          system       system_<id>       n/a            n/a        false             replicated     true         false                      map[]             system endpoints used for control, policy and debugging    <uuid>    n/a        v1.20.4+casemate.test+builtin.casemate    n/a               n/a
= 0

$ secrets move k1 k9
  Started moving secrets engine k1/ to k9/, with migration ID <uuid>
  Success! Finished moving secrets engine k1/ to k9/, with migration ID <uuid>
= 0

$ secrets disable k9
  Success! Disabled the secrets engine (if it existed) at: k9/
= 0

$ secrets disable kv/
  Success! Disabled the secrets engine (if it existed) at: kv/
= 0

$ secrets disable none
  Success! Disabled the secrets engine (if it existed) at: none/
= 0
`));

  it('are listed as JSON with the members in the order that bao prints', async () => {
    await vault.run('secrets', 'enable', '-path=j1', '-version=1', '-description=old one', 'kv');
    const { out, code } = await vault.run('secrets', 'list', '-format=json');
    expect(code).toBe(0);
    expect(
      out
        .replace(/"[\da-f-]{36}"/g, '"<uuid>"')
        .replace(/kv_[\da-z]{8}/g, 'kv_<id>')
        .replace(/"v\d[^"]+"/g, '"<version>"'),
    ).toContain(
      `  "j1/": {
    "uuid": "<uuid>",
    "type": "kv",
    "description": "old one",
    "accessor": "kv_<id>",
    "config": {
      "default_lease_ttl": 0,
      "max_lease_ttl": 0,
      "force_no_cache": false
    },
    "options": {
      "version": "1"
    },
    "local": false,
    "seal_wrap": false,
    "external_entropy_access": false,
    "plugin_version": "",
    "running_plugin_version": "<version>",
    "running_sha256": "",
    "deprecation_status": "supported"
  }`,
    );
    expect(out).toMatch(/^\{\n {2}"cubbyhole\/": \{/);
    expect(out).toContain('    "options": null,\n    "local": true,');
  });

  it('keep what each flag sets', async () => {
    const flags = [
      '-path=team/set',
      '-version=2',
      '-options=own=1',
      '-default-lease-ttl=1h',
      '-max-lease-ttl=2h',
      '-force-no-cache',
      '-local',
      '-seal-wrap',
      '-external-entropy-access',
      '-listing-visibility=unauth',
      '-audit-non-hmac-request-keys=a',
      '-audit-non-hmac-request-keys=b',
      '-audit-non-hmac-response-keys=c',
      '-passthrough-request-headers=X-In',
      '-allowed-response-headers=X-Out',
      '-plugin-version=v1.0.0',
    ];
    const enabled = await vault.run('secrets', 'enable', ...flags, '-plugin-name=kv', 'plugin');
    expect(enabled).toEqual({ code: 0, out: 'Success! Enabled the kv secrets engine at: team/set/\n', err: '' });
    expect(await mount('team/set/')).toMatchObject({
      type: 'kv',
      local: true,
      seal_wrap: true,
      options: { version: '2', own: '1' },
      config: {
        default_lease_ttl: 3600,
        max_lease_ttl: 7200,
        force_no_cache: true,
        listing_visibility: 'unauth',
        audit_non_hmac_request_keys: ['a', 'b'],
        audit_non_hmac_response_keys: ['c'],
        passthrough_request_headers: ['X-In'],
        allowed_response_headers: ['X-Out'],
      },
    });
  });

  it('are tuned in what is given alone, back to what the server is set to, and to empty lists', async () => {
    await vault.run(
      'secrets',
      'enable',
      '-path=tuned',
      '-default-lease-ttl=1h',
      '-max-lease-ttl=2h',
      '-audit-non-hmac-request-keys=a',
      'kv',
    );
    await vault.run('secrets', 'tune', '-description=new', '-listing-visibility=hidden', 'tuned');
    expect(await mount('tuned/')).toMatchObject({
      description: 'new',
      config: { default_lease_ttl: 3600, max_lease_ttl: 7200, listing_visibility: 'hidden', audit_non_hmac_request_keys: ['a'] },
    });
    await vault.run(
      'secrets',
      'tune',
      '-default-lease-ttl=system',
      '-audit-non-hmac-request-keys=',
      '-description=',
      '-version=2',
      'tuned/',
    );
    const after = await mount('tuned/');
    expect(after).toMatchObject({ description: '', options: { version: '2' }, config: { default_lease_ttl: 0, max_lease_ttl: 7200 } });
    expect(after.config).not.toHaveProperty('audit_non_hmac_request_keys');
  });
});

describe('a secrets command', () => {
  it('that is used wrongly ends with 1', () =>
    expectPlayed(
      `
$ secrets list extra
! Too many arguments (expected 0, got 1)
= 1

$ secrets enable
! Not enough arguments (expected 1, got 0)
= 1

$ secrets enable -default-lease-ttl=soon kv
! invalid value "soon" for flag -default-lease-ttl: time: invalid duration "soon"
= 1

$ secrets enable -format=json kv
! flag provided but not defined: -format
= 1

$ secrets disable
! Not enough arguments (expected 1, got 0)
= 1

$ secrets tune
! Not enough arguments (expected 1, got 0)
= 1

$ secrets move one
! Not enough arguments (expected 2, got 1)
= 1
`,
      vault.with({ address: 'http://127.0.0.1:1' }),
    ));

  it('that the server refuses says what was tried, and ends with 2', () =>
    expectPlayed(
      `
$ secrets list
! Error listing secrets engines: Error making API request.
!
! URL: GET http://<address>/v1/sys/mounts
! Code: 403. Errors:
!
! * permission denied
= 2

$ secrets enable -path=a kv
! Error enabling: Error making API request.
!
! URL: POST http://<address>/v1/sys/mounts/a
! Code: 403. Errors:
!
! * permission denied
= 2

$ secrets disable a
! Error disabling secrets engine at a/: Error making API request.
!
! URL: DELETE http://<address>/v1/sys/mounts/a
! Code: 403. Errors:
!
! * permission denied
= 2

$ secrets tune -version=2 a
! Error tuning secrets engine a/: Error making API request.
!
! URL: POST http://<address>/v1/sys/mounts/a/tune
! Code: 403. Errors:
!
! * permission denied
= 2

$ secrets move a b
! Error moving secrets engine a/ to b/: Error making API request.
!
! URL: POST http://<address>/v1/sys/remount
! Code: 403. Errors:
!
! * permission denied
= 2
`,
      vault.with({ token: 'wrong' }),
    ));
});

describe('a move that takes its time', () => {
  const started: Scripted = { status: 200, body: { data: { migration_id: 'm1' } } };
  const state = (status: string): Scripted => ({ status: 200, body: { data: { migration_id: 'm1', migration_info: { status } } } });

  it.each([
    ['success', 0, 'Success! Finished moving secrets engine a/ to b/, with migration ID m1\n', ''],
    ['failure', 2, '', 'Failure! The server could not move secrets engine a/ to b/, with migration ID m1\n'],
  ])('is waited for up to its %s', async (status, code, out, err) => {
    const slow = await scriptedServer([started, state('in-progress'), state(status)]);
    const moved = await vault.with({ address: slow.address }).run('secrets', 'move', 'a', 'b/');
    expect(moved).toEqual({
      code,
      out: `Started moving secrets engine a/ to b/, with migration ID m1\nWaiting for the end of moving secrets engine a/ to b/, with migration ID m1\n${out}`,
      err,
    });
    expect(slow.asked.map(({ url }) => url)).toEqual(['/v1/sys/remount', '/v1/sys/remount/status/m1', '/v1/sys/remount/status/m1']);
    await slow.end();
  });
});
