// kv commands that are used wrongly, find nothing, or are refused.

import { describe, expect, it } from 'vitest';
import { kvDesk } from './kv-desk.ts';

const desk = kvDesk();

describe('a kv command', () => {
  it('that is used wrongly ends with 1, before the server is asked', () =>
    desk.expectPlayed(
      `
$ kv put secret/app
! Must supply data
= 1

$ kv put secret/app novalue
! Failed to parse K=V data: invalid key/value pair "novalue": format must be key=value
= 1

$ kv put
! Not enough arguments (expected at least 1, got 0)
= 1

$ kv get
! Not enough arguments (expected 1, got 0)
= 1

$ kv get a b
! Too many arguments (expected 1, got 2)
= 1

$ kv get -nosuchflag secret/app
! flag provided but not defined: -nosuchflag
= 1

$ kv list
! Not enough arguments (expected 1, got 0)
= 1

$ kv delete
! Not enough arguments (expected 1, got 0)
= 1
`,
      desk.vault.with({ address: 'http://127.0.0.1:1' }),
    ));

  it('for a path with nothing there ends with 2', () =>
    desk.expectPlayed(`
$ kv list secret/none
! No value found at secret/metadata/none
= 2

$ kv list -format=json secret/none
  {}
= 2

$ kv get secret/none
! No value found at secret/data/none
= 2

$ kv delete secret/none
  Success! Data deleted (if it existed) at: secret/data/none
= 0
`));

  it('with a token that may not even ask where the path lies says so, on stderr', async () => {
    const { code, out, err } = await desk.vault.with({ token: 'wrong' }).run('kv', 'get', 'secret/app');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(
      /^Error making API request\.\n\nURL: GET \S+\/v1\/sys\/internal\/ui\/mounts\/secret\/app\nCode: 403\. Errors:\n\n\* .+\n$/,
    );
  });

  it('whose policy covers the mount but not the path names what it tried', async () => {
    const token = await desk.tokenWith('path "secret/data/other" { capabilities = ["read"] }\npath "k1/other" { capabilities = ["read"] }');
    const weak = desk.vault.with({ token });
    for (const [words, what] of [
      [['put', 'secret/app', 'a=b'], 'Error writing data to secret/data/app: '],
      [['get', 'secret/app'], 'Error reading secret/data/app: '],
      [['get', 'k1/app'], 'Error reading k1/app: '],
      [['list', 'secret'], 'Error listing secret/metadata: '],
      [['delete', 'secret/app'], 'Error deleting secret/data/app: '],
      [['delete', '-versions=1', 'secret/app'], 'Error deleting secret/data/app: '],
      [['undelete', '-versions=1', 'secret/app'], 'Error writing data to secret/undelete/app: '],
      [['destroy', '-versions=1', 'secret/app'], 'Error writing data to secret/destroy/app: '],
      [['rollback', '-version=1', 'secret/app'], 'Error doing pre-read at secret/data/app: '],
      [['patch', 'secret/app', 'a=b'], 'Error doing pre-read at secret/data/app: '],
      [['metadata', 'get', 'secret/app'], 'Error reading secret/metadata/app: '],
      [['metadata', 'put', 'secret/app'], 'Error writing data to secret/metadata/app: '],
      [['metadata', 'patch', 'secret/app'], 'Error writing data to secret/metadata/app: '],
      [['metadata', 'delete', 'secret/app'], 'Error deleting secret/metadata/app: '],
      [['enable-versioning', 'k1'], 'Error tuning secrets engine k1/: '],
    ] as const) {
      const { code, out, err } = await weak.run('kv', ...words);
      expect({
        code,
        out,
        err: err.slice(0, what.length),
        denied: err.includes('* permission denied') || err.includes('1 error occurred'),
      }).toEqual({
        code: 2,
        out: '',
        err: what,
        denied: true,
      });
    }
  });

  it('can be printed as a curl line of the request that counts', async () => {
    expect((await desk.vault.run('kv', 'put', '-output-curl-string', 'secret/app', 'a=b')).out).toMatch(
      /^curl -X PUT .* "http:\/\/127\.0\.0\.1:\d+\/v1\/secret\/data\/app"\n$/,
    );
    expect((await desk.vault.run('kv', 'get', 'secret/app')).code).toBe(2);
    const refused = await desk.vault.with({ token: 'wrong' }).run('kv', 'get', '-output-curl-string', 'secret/app');
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(/^To print the request, the server must be asked first/);
  });
});
