// The kv and policy commands as a process of their own, typed as vault and as bao: pipes, files and exit codes of a shell.

import { spawn } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session, type Typed } from './session.ts';

const casemate = fileURLToPath(new URL('../../bin/casemate', import.meta.url));
let server: TestServer;
let home: Session;
beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', 'sys/mounts/secret', { body: { type: 'kv', options: { version: '2' } } });
  home = session();
  for (const name of ['vault', 'bao']) symlinkSync(casemate, join(home.home, name));
});
afterAll(async () => {
  home.end();
  await server.end();
});

/** One line for a shell, in the home, where vault and bao are found. */
function shell(line: string): Promise<Typed> {
  const env = {
    PATH: `${home.home}:${process.env['PATH']}`,
    HOME: home.home,
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.rootToken,
  };
  const child = spawn('sh', ['-c', line], { env, cwd: home.home, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code: code ?? -1, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
  });
}

describe('in a shell', () => {
  it('a secret goes in through a pipe and comes out through another, byte by byte', async () => {
    const put = await shell("printf 'p w\\n' | vault kv put -mount=secret -field=version app user=ann password=-");
    expect(put).toEqual({ code: 0, out: '1', err: '' });
    expect(await shell('vault kv get -mount=secret -field=password app | od -c | head -n 1')).toEqual({
      code: 0,
      out: '0000000   p       w  \\n\n',
      err: '',
    });
    expect((await shell('bao kv get -mount=secret -field=user app')).out).toBe('ann');
  });

  it('a secret that is not there is exit code 2, a field that is not there 1', async () => {
    expect(await shell('vault kv get secret/none || echo "code $?"')).toEqual({
      code: 0,
      out: 'code 2\n',
      err: 'No value found at secret/data/none\n',
    });
    await shell('vault kv put secret/field a=b');
    expect(await shell('vault kv get -field=none secret/field')).toEqual({
      code: 1,
      out: '',
      err: 'Field "none" not present in secret\n',
    });
  });

  it('a policy is written from a file of the folder and from a pipe', async () => {
    const rules = 'path "secret/data/app" { capabilities = ["read"] }';
    writeFileSync(join(home.home, 'app.hcl'), rules);
    expect((await shell('vault policy write app app.hcl && vault policy write piped - < app.hcl')).out).toBe(
      'Success! Uploaded policy: app\nSuccess! Uploaded policy: piped\n',
    );
    expect((await shell('vault policy read piped')).out).toBe(`${rules}\n`);
  });
});
