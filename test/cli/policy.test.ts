// The policy commands on a whole server: cells, streams and exit codes as bao's.

import { readFileSync, writeFileSync } from 'node:fs';
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

function file(name: string, text: string): string {
  const path = join(vault.home, name);
  writeFileSync(path, text);
  return path;
}

const rules = 'path "secret/data/*" { capabilities = ["read"] }';

describe('policies', () => {
  it('are written, listed, read and deleted', async () => {
    expect(await vault.run('policy', 'write', 'dev', file('p.hcl', `\n${rules}\n`))).toEqual({
      code: 0,
      out: 'Success! Uploaded policy: dev\n',
      err: '',
    });
    await expectPlayed(`
$ policy list
  default
  dev
  root
= 0

$ policy list -format=json
  [
    "default",
    "dev",
    "root"
  ]
= 0

$ policy read dev
  path "secret/data/*" { capabilities = ["read"] }
= 0

$ policy read -format=json dev
  {
    "policy": "\\npath \\"secret/data/*\\" { capabilities = [\\"read\\"] }\\n"
  }
= 0

$ policy delete dev
  Success! Deleted policy: dev
= 0

$ policy delete dev
  Success! Deleted policy: dev
= 0

$ policy read dev
! No policy named: dev
= 2
`);
  });

  it('come from stdin too, and bear their names in lower case', async () => {
    expect(await vault.with({ stdin: rules }).run('policy', 'write', 'Dev', '-')).toEqual({
      code: 0,
      out: 'Success! Uploaded policy: dev\n',
      err: 'Policy name was converted from "Dev" to "dev"\n',
    });
    expect((await vault.run('policy', 'read', 'DEV')).out).toBe(`${rules}\n`);
    expect((await vault.run('policy', 'delete', 'DEV')).out).toBe('Success! Deleted policy: dev\n');
  });

  it('that make no sense are refused with the place of the fault', async () => {
    const refused = await vault.run('policy', 'write', 'bad', file('bad.hcl', 'path "x" {'));
    expect(refused.err.replace(/http:\/\/[\d.:]+/, 'http://<address>')).toMatch(
      /^Error uploading policy: Error making API request\.\n\nURL: PUT http:\/\/<address>\/v1\/sys\/policies\/acl\/bad\nCode: 400\. Errors:\n\n\* failed to parse policy: At 1:/,
    );
    expect(refused).toMatchObject({ code: 2, out: '' });
  });

  it('of the server itself stay', async () => {
    expect(await vault.run('policy', 'delete', 'default')).toMatchObject({ code: 2, out: '' });
  });
});

describe('a file of a policy', () => {
  const untidy = `# what the app may do
path   "secret/data/app"   {
capabilities=["read",
"update"]
        min_wrapping_ttl   = "1s" # not shorter


      // for nobody else
}
`;
  const neat = `# what the app may do
path "secret/data/app" {
  capabilities = ["read",
    "update"]
  min_wrapping_ttl = "1s" # not shorter

  // for nobody else
}
`;

  it('is laid out anew, and stays as it is from then on', async () => {
    const path = file('app.hcl', untidy);
    const offline = session();
    for (let times = 0; times < 2; times++) {
      expect(await offline.run('policy', 'fmt', path)).toEqual({ code: 0, out: `Success! Formatted policy: ${path}\n`, err: '' });
      expect(readFileSync(path, 'utf8')).toBe(neat);
    }
    offline.end();
  });

  it('that is no HCL is left alone', async () => {
    const path = file('broken.hcl', 'path "x" {\n');
    const { code, out, err } = await vault.run('policy', 'fmt', path);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^failed to parse policy: At \d+:\d+: /);
    expect(readFileSync(path, 'utf8')).toBe('path "x" {\n');
  });
});

describe('a policy command', () => {
  it('that is used wrongly ends with 1', () =>
    expectPlayed(
      `
$ policy list extra
! Too many arguments (expected 0, got 1)
= 1

$ policy read
! Not enough arguments (expected 1, got 0)
= 1

$ policy write dev
! Not enough arguments (expected 2, got 1)
= 1

$ policy write -format=json dev p.hcl
! flag provided but not defined: -format
= 1

$ policy delete a b
! Too many arguments (expected 1, got 2)
= 1

$ policy fmt
! Not enough arguments (expected 1, got 0)
= 1

$ policy fmt /no/such/file.hcl
! Error opening policy file: open /no/such/file.hcl: no such file or directory
= 1

$ policy write dev /no/such/file.hcl
! Error opening policy file: open /no/such/file.hcl: no such file or directory
= 2
`,
      vault.with({ address: 'http://127.0.0.1:1' }),
    ));

  it('that the server refuses says what was tried, and ends with 2', async () => {
    const weak = vault.with({ token: 'wrong', stdin: rules });
    for (const [words, what] of [
      [['list'], 'Error listing policies: '],
      [['read', 'dev'], 'Error reading policy named dev: '],
      [['write', 'dev', '-'], 'Error uploading policy: '],
      [['delete', 'dev'], 'Error deleting dev: '],
    ] as const) {
      const { code, out, err } = await weak.run('policy', ...words);
      expect({ code, out, err: err.slice(0, what.length), end: err.slice(-23) }).toEqual({
        code: 2,
        out: '',
        err: what,
        end: '\n\n* permission denied\n'.padStart(23, ':'),
      });
    }
  });
});
