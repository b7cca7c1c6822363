// kv put, get and list, with and without versions: cells, titles, streams and exit codes as bao's.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kvDesk } from './kv-desk.ts';
import { scriptedServer } from './scripted-server.ts';

const desk = kvDesk();

describe('a secret with versions', () => {
  it('is written and read, the newest version or an older one', () =>
    desk.expectPlayed(`
$ kv put secret/app user=u password=p
  = Secret Path =
  secret/data/app

  ======= Metadata =======
  Key                Value
  ---                -----
  created_time       <time>
  custom_metadata    <nil>
  deletion_time      n/a
  destroyed          false
  version            1
= 0

$ kv put -format=json secret/app user=u2
  {
    "request_id": "<uuid>",
    "lease_id": "",
    "lease_duration": 0,
    "renewable": false,
    "data": {
      "created_time": "<time>",
      "custom_metadata": null,
      "deletion_time": "",
      "destroyed": false,
      "version": 2
    },
    "warnings": null
  }
= 0

$ kv get secret/app
  = Secret Path =
  secret/data/app

  ======= Metadata =======
  Key                Value
  ---                -----
  created_time       <time>
  custom_metadata    <nil>
  deletion_time      n/a
  destroyed          false
  version            2

  ==== Data ====
  Key     Value
  ---     -----
  user    u2
= 0

$ kv get -version=1 secret/app
  = Secret Path =
  secret/data/app

  ======= Metadata =======
  Key                Value
  ---                -----
  created_time       <time>
  custom_metadata    <nil>
  deletion_time      n/a
  destroyed          false
  version            1

  ====== Data ======
  Key         Value
  ---         -----
  password    p
  user        u
= 0

$ kv get -field=user secret/app
  u2= 0

$ kv get -field=nope secret/app
! Field "nope" not present in secret
= 1

$ kv get -format=json secret/app
  {
    "request_id": "<uuid>",
    "lease_id": "",
    "lease_duration": 0,
    "renewable": false,
    "data": {
      "data": {
        "user": "u2"
      },
      "metadata": {
        "created_time": "<time>",
        "custom_metadata": null,
        "deletion_time": "",
        "destroyed": false,
        "version": 2
      }
    },
    "warnings": null
  }
= 0

$ kv get -format=yaml secret/app
  data:
    data:
      user: u2
    metadata:
      created_time: "<time>"
      custom_metadata: null
      deletion_time: ""
      destroyed: false
      version: 2
  lease_duration: 0
  lease_id: ""
  renewable: false
  request_id: <uuid>
  warnings: null
= 0

$ kv put -field=version secret/app user=u3
  3= 0
`));

  it('is found below -mount as it is with the mount in front, also where the mount has several segments', async () => {
    await desk.server.call('POST', 'sys/mounts/team/a', { body: { type: 'kv', options: { version: '2' } } });
    await desk.vault.run('kv', 'put', 'team/a/x/y', 'n=1');
    await desk.expectPlayed(`
$ kv get -field=n -mount=team/a x/y
  1= 0

$ kv get -field=n -mount=/team/a/ /x/y/
  1= 0

$ kv get -field=n team/a/x/y
  1= 0

$ kv list -mount=team/a x
  Keys
  ----
  y
= 0

$ kv list team/a
  Keys
  ----
  x/
= 0
`);
    await desk.server.call('DELETE', 'sys/mounts/team/a');
  });

  it('is not overwritten when somebody else was faster', () =>
    desk.expectPlayed(`
$ kv put -field=version -cas=0 secret/app user=u
  1= 0

$ kv put -mount=secret -cas=0 app user=x
! Error writing data to secret/data/app: Error making API request.
!
! URL: PUT http://<address>/v1/secret/data/app
! Code: 400. Errors:
!
! * check-and-set parameter did not match the current version
= 2

$ kv patch -field=version -cas=1 secret/app user=x
  2= 0

$ kv patch -cas=1 secret/app user=y
! Error writing data to secret/data/app: Error making API request.
!
! URL: PATCH http://<address>/v1/secret/data/app
! Code: 400. Errors:
!
! * check-and-set parameter did not match the current version
= 2
`));

  it('takes data from a file and from stdin', async () => {
    const file = join(desk.vault.home, 'app.json');
    writeFileSync(file, '{"list":[1,2],"password":"from file"}');
    await desk.vault.run('kv', 'put', 'secret/a', `@${file}`, 'more=1');
    expect((await desk.vault.run('kv', 'get', '-field=data', 'secret/a')).out).toBe('map[list:[1 2] more:1 password:from file]');
    await desk.vault.with({ stdin: 'from stdin' }).run('kv', 'put', 'secret/a', 'password=-');
    expect((await desk.vault.run('kv', 'get', '-field=password', 'secret/a')).out).toBe('from stdin');
    await desk.vault.with({ stdin: '{"n":12345678901234567890}' }).run('kv', 'put', 'secret/a', '-');
    expect((await desk.vault.run('kv', 'get', '-field=n', 'secret/a')).out).toBe('12345678901234567890');
  });

  it('with a value named data gives that value for -field=data', async () => {
    await desk.vault.run('kv', 'put', 'secret/a', 'data=inner');
    expect((await desk.vault.run('kv', 'get', '-field=data', 'secret/a')).out).toBe('inner');
  });

  it('can be read wrapped, for one reader', async () => {
    await desk.vault.run('kv', 'put', 'secret/app', 'user=u');
    const wrapped = await desk.vault.run('kv', 'get', '-wrap-ttl=1m', 'secret/app');
    expect(wrapped.out).toMatch(/^Key +Value\n--- +-----\nwrapping_token: +\S+\n/);
    const token = (await desk.vault.run('kv', 'get', '-wrap-ttl=1m', '-field=wrapping_token', 'secret/app')).out;
    expect((await desk.vault.run('unwrap', '-field=data', token)).out).toBe('map[user:u]');
  });

  it('is found although the server names the mount with its namespace in front', async () => {
    const other = await scriptedServer([
      { status: 200, body: { data: { path: 'team/a/secret/', options: { version: '2' } } } },
      { status: 200, body: { data: { data: { user: 'u' }, metadata: { version: 1 } } } },
    ]);
    const { out } = await desk.vault
      .with({ address: other.address, token: 't' })
      .run('kv', 'get', '-field=user', '-ns=team/a', 'secret/app');
    expect(out).toBe('u');
    expect(other.asked.map(({ url }) => url)).toEqual(['/v1/sys/internal/ui/mounts/secret/app', '/v1/secret/data/app']);
    await other.end();
  });
});

describe('what another server answers', () => {
  it('with warnings is shown with them on stderr', async () => {
    const found = { status: 200, body: { data: { path: 'secret/', options: { version: '2' } } } };
    const warned = { status: 200, body: { warnings: ['soon full'], data: { version: 1, data: { a: 'b' }, metadata: { version: 1 } } } };
    const other = await scriptedServer([found, warned, found, warned]);
    const there = desk.vault.with({ address: other.address });
    for (const words of [
      ['get', 'secret/app'],
      ['put', 'secret/app', 'a=b'],
    ]) {
      const { code, out, err } = await there.run('kv', ...words);
      expect({ code, err }).toEqual({ code: 0, err: 'WARNING! The following warnings were returned from Vault:\n\n  * soon full\n\n' });
      expect(out).toMatch(/^= Secret Path =\nsecret\/data\/app\n\n/);
    }
    await other.end();
  });

  it('that knows no versions is asked for the path as it was typed', async () => {
    const old = await scriptedServer([
      { status: 404, body: { errors: [] } },
      { status: 200, body: { lease_duration: 60, data: { a: 'b' } } },
    ]);
    expect((await desk.vault.with({ address: old.address }).run('kv', 'get', 'secret/app')).out).toBe(
      '== Data ==\nKey    Value\n---    -----\na      b\n',
    );
    expect(old.asked.at(-1)?.url).toBe('/v1/secret/app');
    await old.end();
  });
});

describe('a secret of version 1', () => {
  it('has data and nothing else', () =>
    desk.expectPlayed(`
$ kv put k1/a x=1
  Success! Data written to: k1/a
= 0

$ kv get k1/a
  == Data ==
  Key    Value
  ---    -----
  x      1
= 0

$ kv get -mount=k1 -field=x a
  1= 0

$ kv put -format=json -mount=k1 b/c x=1
= 0

$ kv list k1
  Keys
  ----
  a
  b/
= 0

$ kv list -format=json -mount=k1 b
  [
    "c"
  ]
= 0

$ kv delete k1/a
  Success! Data deleted (if it existed) at: k1/a
= 0

$ kv get k1/a
! No value found at k1/a
= 2

$ kv metadata get k1/a
! Metadata not supported on KV Version 1
= 1

$ kv destroy -versions=1 k1/a
! Destroy not supported on KV Version 1
= 1

$ kv undelete -versions=1 k1/a
! Undelete not supported on KV Version 1
= 1

$ kv rollback -version=1 k1/a
! K/V engine mount must be version 2 for rollback support
= 2
`));

  it('can have versions from now on', () =>
    desk.expectPlayed(`
$ kv enable-versioning k1
  Success! Tuned the secrets engine at: k1/
= 0

$ kv put -field=version k1/a x=1
  1= 0

$ kv enable-versioning -format=json k1
= 0

$ kv enable-versioning
! Not enough arguments (expected 1, got 0)
= 1

$ kv enable-versioning none
! Error tuning secrets engine none/: Error making API request.
!
! URL: POST http://<address>/v1/sys/mounts/none/tune
! Code: 400. Errors:
!
! * tune of path "none/" failed: no mount entry found
= 2
`));
});
