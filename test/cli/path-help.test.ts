// casemate path-help and scan: what the server says about a path, and all that lies below one.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session } from './session.ts';
import { play, tidy } from './transcript.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
  for (const [path, type] of [
    ['one', 'kv'],
    ['two', 'kv-v2'],
  ] as const)
    await server.call('POST', `sys/mounts/${path}`, { body: { type } });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

describe('path-help', () => {
  it('prints the help of a route, and the routes of a mount', async () => {
    const transcript = `
$ path-help sys/quotas/rate-limit
  Request:        quotas/rate-limit

  The rate limits.

  ## OPERATIONS

      list
          List the names.

  ## DESCRIPTION

  Names of the rules, of all mounts.
= 0

$ path-help nowhere/a
! Error retrieving help: Error making API request.
! 
! URL: GET http://<address>/v1/nowhere/a?help=1
! Code: 404. Errors:
! 
! * no handler for route "nowhere/a". route entry not found.
= 2
`;
    expect(await play(vault, transcript)).toBe(tidy(transcript));
    const mount = await vault.run('path-help', 'one');
    expect(mount.out).toContain('## PATHS');
    expect(mount.out).toContain('{path...}');
  });

  it('gives the whole answer to a program, and asks for one path', async () => {
    const { out } = await vault.run('path-help', '-format=json', 'sys/mounts');
    expect(Object.keys(JSON.parse(out) as object).toSorted()).toEqual(['help', 'openapi', 'see_also']);
    expect(await vault.run('path-help')).toEqual({ code: 1, out: '', err: 'Not enough arguments (expected 1, got 0)\n' });
    expect(await vault.run('path-help', 'a', 'b')).toMatchObject({ code: 1, out: '' });
  });
});

describe('scan', () => {
  it('lists what lies below a path on all levels', async () => {
    const transcript = `
$ write one/a x=1
  Success! Data written to: one/a
= 0

$ write one/dir/deep/b x=1
  Success! Data written to: one/dir/deep/b
= 0

$ scan one
  Keys
  ----
  a
  dir/deep/b
= 0

$ scan -format=json one/dir
  [
    "deep/b"
  ]
= 0

$ scan one/nothing
! No value found at one/nothing
= 2
`;
    expect(await play(vault, transcript)).toBe(tidy(transcript));
  });

  it('is refused where a path cannot be scanned', async () => {
    const { code, err } = await vault.run('scan', 'sys/mounts');
    expect(code).toBe(2);
    expect(err).toContain('unsupported operation');
  });
});
