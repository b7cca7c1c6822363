// The audit commands on a whole server: cells, streams and exit codes as bao's.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
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

describe('audit devices', () => {
  it('that there are none is exit code 2 for people, and an empty object for programs', () =>
    expectPlayed(`
$ audit list
  No audit devices are enabled.
= 2

$ audit list -format=json
  {}
= 0
`));

  it('are enabled, listed and disabled', async () => {
    const file = join(server.folder, 'first.log');
    const second = join(server.folder, 'second.log');
    expect(await vault.run('audit', 'enable', 'file', `file_path=${file}`)).toEqual({
      code: 0,
      out: 'Success! Enabled the file audit device at: file/\n',
      err: '',
    });
    await expectPlayed(`
$ audit enable -path=second/ "-description=one more" -local file file_path=second.log prefix=x log_raw=false
  Success! Enabled the file audit device at: second/
= 0

$ audit list
  Path       Type    Description
  ----       ----    -----------
  file/      file    n/a
  second/    file    one more
= 0
`);
    const json = JSON.parse((await vault.run('audit', 'list', '-format=json')).out) as Record<string, object>;
    expect(Object.keys(json['second/'] as object)).toEqual(['type', 'description', 'options', 'local', 'path']);
    expect(json).toEqual({
      'file/': { type: 'file', description: '', options: { file_path: file }, local: false, path: 'file/' },
      'second/': {
        type: 'file',
        description: 'one more',
        options: { file_path: second, log_raw: 'false', prefix: 'x' },
        local: true,
        path: 'second/',
      },
    });
    const detailed = (await vault.run('audit', 'list', '-detailed')).out
      .replace(file, '<file>')
      .replace(second, '<second>')
      .replace(/ +$/gm, '');
    expect(detailed).toBe(
      [
        'Path       Type    Description    Replication    Options',
        '----       ----    -----------    -----------    -------',
        'file/      file    n/a            replicated     file_path=<file>',
        'second/    file    one more       local          file_path=<second> log_raw=false prefix=x',
        '',
      ].join('\n'),
    );
    expect(readFileSync(file, 'utf8')).toContain('"path":"sys/audit"');
    await expectPlayed(`
$ audit disable file
  Success! Disabled audit device (if it was enabled) at: file/
= 0

$ audit disable second/
  Success! Disabled audit device (if it was enabled) at: second/
= 0

$ audit disable file
  Success! Disabled audit device (if it was enabled) at: file/
= 0
`);
  });
});

describe('an audit command', () => {
  it('that is used wrongly ends with 1', () =>
    expectPlayed(
      `
$ audit list extra
! Too many arguments (expected 0, got 1)
= 1

$ audit enable
! Not enough arguments: name the type of the audit device, such as "file"
= 1

$ audit enable file novalue
! Failed to parse K=V data: invalid key/value pair "novalue": format must be key=value
= 1

$ audit enable -format=json file
! flag provided but not defined: -format
= 1

$ audit disable
! Not enough arguments (expected 1, got 0)
= 1
`,
      vault.with({ address: 'http://127.0.0.1:1' }),
    ));

  it('that the server refuses says what was tried, and ends with 2', async () => {
    await expectPlayed(
      `
$ audit list
! Error listing audits: Error making API request.
!
! URL: GET http://<address>/v1/sys/audit
! Code: 403. Errors:
!
! * permission denied
= 2

$ audit enable file file_path=stdout
! Error enabling audit device: Error making API request.
!
! URL: PUT http://<address>/v1/sys/audit/file
! Code: 403. Errors:
!
! * permission denied
= 2

$ audit disable file
! Error disabling audit device: Error making API request.
!
! URL: DELETE http://<address>/v1/sys/audit/file
! Code: 403. Errors:
!
! * permission denied
= 2
`,
      vault.with({ token: 'wrong' }),
    );
    const elsewhere = join(vault.home, 'audit.log');
    const refused = await vault.run('audit', 'enable', '-path=elsewhere', 'file', `file_path=${elsewhere}`);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toContain('the audit file must lie below the directory');
    expect(existsSync(elsewhere)).toBe(false);
  });
});
