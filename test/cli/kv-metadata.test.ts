// kv metadata: what is known about a secret beside its data.

import { describe, expect, it } from 'vitest';
import { kvDesk } from './kv-desk.ts';

const desk = kvDesk();

describe('metadata', () => {
  it('is read with a table for each version', async () => {
    for (let version = 1; version <= 10; version++) await desk.vault.run('kv', 'put', 'secret/app', `n=${version}`);
    const { out, code } = await desk.vault.run('kv', 'metadata', 'get', 'secret/app');
    expect(code).toBe(0);
    expect(out.match(/^=+ Version \d+ =+$/gm)).toEqual([
      ...Array.from({ length: 9 }, (_, at) => `====== Version ${at + 1} ======`),
      '===== Version 10 =====',
    ]);
    await desk.vault.run('kv', 'put', 'secret/one', 'n=1');
    await desk.expectPlayed(`
$ kv metadata get secret/one
  == Metadata Path ==
  secret/metadata/one

  ============ Metadata ============
  Key                         Value
  ---                         -----
  cas_required                false
  created_time                <time>
  current_metadata_version    0
  current_version             1
  custom_metadata             <nil>
  delete_version_after        0s
  max_versions                0
  metadata_cas_required       false
  oldest_version              0
  updated_time                <time>

  ====== Version 1 ======
  Key              Value
  ---              -----
  created_time     <time>
  deletion_time    n/a
  destroyed        false
= 0

$ kv metadata get -field=current_version secret/one
  1= 0

$ kv metadata get secret/none
! No value found at secret/metadata/none
= 2

$ kv metadata get
! Not enough arguments (expected 1, got 0)
= 1
`);
    const json = JSON.parse((await desk.vault.run('kv', 'metadata', 'get', '-format=json', 'secret/one')).out) as { data: object };
    expect(json.data).toMatchObject({ current_version: 1, versions: { 1: { destroyed: false } } });
  });

  it('is written and changed: only what is given', async () => {
    await desk.expectPlayed(`
$ kv metadata put -max-versions=5 -cas-required -delete-version-after=90m -custom-metadata=owner=me -custom-metadata=old=1 secret/app
  Success! Data written to: secret/metadata/app
= 0

$ kv metadata patch -custom-metadata=team=x -remove-custom-metadata=old -cas-required=false secret/app
  Success! Data written to: secret/metadata/app
= 0

$ kv metadata get -field=custom_metadata secret/app
  map[owner:me team:x]= 0

$ kv metadata get -field=max_versions secret/app
  5= 0

$ kv metadata get -field=delete_version_after secret/app
  1h30m0s= 0

$ kv metadata get -field=cas_required secret/app
  false= 0

$ kv metadata put -format=json -max-versions=6 secret/app
= 0

$ kv metadata get -field=custom_metadata secret/app
  map[owner:me team:x]= 0

$ kv metadata delete secret/app
  Success! Data deleted (if it existed) at: secret/metadata/app
= 0

$ kv metadata get secret/app
! No value found at secret/metadata/app
= 2

$ kv metadata put -max-versions=x secret/app
! invalid value "x" for flag -max-versions: strconv.ParseInt: parsing "x": invalid syntax
= 1

$ kv metadata patch
! Not enough arguments (expected 1, got 0)
= 1

$ kv metadata delete a b
! Too many arguments (expected 1, got 2)
= 1
`);
    const refused = await desk.vault.run('kv', 'metadata', 'patch', '-max-versions=1', 'secret/none');
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(/^Error writing data to secret\/metadata\/none: /);
    const long = await desk.vault.run('kv', 'metadata', 'put', `-custom-metadata=a=${'x'.repeat(513)}`, 'secret/app');
    expect(long).toMatchObject({ code: 2, out: '' });
  });
});
