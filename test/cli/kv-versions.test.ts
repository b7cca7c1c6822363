// kv delete, undelete, destroy, rollback and patch: versions that go, come back and follow one another.

import { describe, expect, it } from 'vitest';
import { kvDesk } from './kv-desk.ts';

const desk = kvDesk();

describe('versions', () => {
  it('are deleted, undeleted, rolled back to and destroyed', async () => {
    for (const user of ['one', 'two', 'three']) await desk.vault.run('kv', 'put', 'secret/app', `user=${user}`);
    await desk.vault.run('kv', 'metadata', 'put', '-custom-metadata=owner=me', 'secret/app');
    await desk.expectPlayed(`
$ kv delete secret/app
  Success! Data deleted (if it existed) at: secret/data/app
= 0

$ kv get secret/app
  = Secret Path =
  secret/data/app

  ======= Metadata =======
  Key                Value
  ---                -----
  created_time       <time>
  custom_metadata    map[owner:me]
  deletion_time      <time>
  destroyed          false
  version            3

= 0

$ kv get -field=user secret/app
! No data found at secret/data/app
= 2

$ kv rollback -version=3 secret/app
! Cannot roll back to a version that has been deleted
= 2

$ kv undelete -versions=3 secret/app
  Success! Data written to: secret/undelete/app
= 0

$ kv get -field=user secret/app
  three= 0

$ kv rollback -version=1 secret/app
  Key                Value
  ---                -----
  created_time       <time>
  custom_metadata    map[owner:me]
  deletion_time      n/a
  destroyed          false
  version            4
= 0

$ kv get -field=user secret/app
  one= 0

$ kv destroy -versions=2 -versions=1,3 secret/app
  Success! Data written to: secret/destroy/app
= 0

$ kv rollback -version=2 secret/app
! Cannot roll back to a version that has been destroyed
= 2

$ kv delete -versions=4 -mount=secret app
  Success! Data deleted (if it existed) at: secret/data/app
= 0

$ kv undelete -format=json -versions=4 -mount=secret app
= 0
`);
  });

  it('that will be deleted later can be gone back to', async () => {
    await desk.vault.run('kv', 'metadata', 'put', '-delete-version-after=1h', 'secret/app');
    for (const user of ['one', 'two']) await desk.vault.run('kv', 'put', 'secret/app', `user=${user}`);
    expect((await desk.vault.run('kv', 'rollback', '-field=version', '-version=1', 'secret/app')).out).toBe('3');
  });

  it('that do not exist, or need no number, are told in a sentence', async () => {
    await desk.vault.run('kv', 'put', 'secret/app', 'user=one');
    await desk.expectPlayed(`
$ kv rollback -version=9 secret/app
! No value found at secret/data/app
= 2

$ kv rollback -version=1 secret/none
! No value found at secret/data/none
= 2

$ kv rollback secret/app
! Version flag must be specified
= 1

$ kv rollback -version=0 secret/app
! Invalid value 0 for the version flag
= 1

$ kv destroy secret/app
! No versions provided, use the "-versions" flag to specify the version to destroy.
= 1

$ kv undelete secret/app
! No versions provided, use the "-versions" flag to specify the version to undelete.
= 1
`);
    for (const command of ['undelete', 'destroy']) {
      const refused = await desk.vault.run('kv', command, '-versions=x', 'secret/app');
      expect(refused).toMatchObject({ code: 2, out: '' });
      expect(refused.err).toMatch(new RegExp(`^Error writing data to secret/${command}/app: Error making API request`));
    }
  });
});

describe('a secret that is changed in parts', () => {
  it('keeps what is not named', async () => {
    await desk.vault.run('kv', 'put', 'secret/app', 'user=u', 'old=1');
    await desk.expectPlayed(`
$ kv patch secret/app extra=1
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
= 0

$ kv patch -field=version -remove-data=old secret/app
  3= 0

$ kv get -field=data secret/app
  map[extra:1 user:u]= 0

$ kv patch -method=nonsense secret/app a=b
! Unsupported method provided to -method flag: nonsense
= 2

$ kv patch secret/app
! Must supply data
= 1

$ kv patch k1/app a=b
! K/V engine mount must be version 2 for patch support
= 2
`);
    expect((await desk.vault.run('kv', 'patch', 'secret/none', 'a=b')).code).toBe(2);
  });

  it('by reading and writing is changed as the server changes it', async () => {
    const stdin = '{"user":{"name":"ann","age":null},"old":null,"new":[1]}';
    for (const method of ['rw', 'patch']) {
      await desk.vault.with({ stdin: '{"user":{"age":1,"town":"x"},"old":1}' }).run('kv', 'put', `secret/${method}`, '-');
      const changed = await desk.vault.with({ stdin }).run('kv', 'patch', '-field=version', `-method=${method}`, `secret/${method}`, '-');
      expect(changed).toEqual({ code: 0, out: '2', err: '' });
      expect((await desk.vault.run('kv', 'get', '-field=data', `secret/${method}`)).out).toBe('map[new:[1] user:map[name:ann town:x]]');
    }
    expect(await desk.vault.run('kv', 'patch', '-method=rw', '-cas=1', 'secret/rw', 'a=b')).toMatchObject({ code: 2, out: '' });
    expect(await desk.vault.run('kv', 'patch', '-method=rw', 'secret/none', 'a=b')).toEqual({
      code: 2,
      out: '',
      err: 'No value found at secret/data/none\n',
    });
  });

  it('by a token that may not patch is read and written back, which is said on stderr', async () => {
    await desk.vault.run('kv', 'put', 'secret/app', 'user=u');
    const token = await desk.tokenWith('path "secret/*" { capabilities = ["read", "create", "update"] }');
    const weak = desk.vault.with({ token });
    const changed = await weak.run('kv', 'patch', '-wrap-ttl=0', '-field=version', 'secret/app', 'extra=1');
    expect(changed).toMatchObject({ code: 0, out: '2' });
    expect(changed.err).toContain('the capability "patch"');
    expect((await desk.vault.run('kv', 'get', '-field=data', 'secret/app')).out).toBe('map[extra:1 user:u]');
    expect(await weak.run('kv', 'patch', '-method=patch', 'secret/app', 'extra=2')).toMatchObject({ code: 2, out: '' });
  });

  it('is not changed from the data of a wrapped answer', async () => {
    await desk.vault.run('kv', 'put', 'secret/app', 'user=u');
    const wrapped = await desk.vault.run('kv', 'patch', '-method=rw', '-wrap-ttl=1m', 'secret/app', 'extra=1');
    expect(wrapped.out).toContain('wrapping_token:');
    expect((await desk.vault.run('kv', 'get', '-field=data', 'secret/app')).out).toBe('map[extra:1 user:u]');
  });
});
