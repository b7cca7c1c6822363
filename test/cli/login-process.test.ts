// The command linked as vault, as a process: a login is kept in the home directory, and the next commands use it.

import { spawn } from 'node:child_process';
import { readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session, type Typed } from './session.ts';

const casemate = fileURLToPath(new URL('../../bin/casemate', import.meta.url));
let home: Session;
let server: TestServer;
beforeAll(async () => {
  home = session();
  symlinkSync(casemate, join(home.home, 'vault'));
  server = await startTestServer({ init: 'raw' });
});
afterAll(async () => {
  await server.end();
  home.end();
});

function vault(words: readonly string[], stdin = ''): Promise<Typed> {
  const env = { PATH: process.env['PATH'], HOME: home.home, VAULT_ADDR: server.address };
  const child = spawn(join(home.home, 'vault'), words, { env });
  const chunks = { out: [] as Buffer[], err: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => chunks.out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.err.push(chunk));
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.on('close', (code) =>
      resolve({ code: code ?? -1, out: Buffer.concat(chunks.out).toString(), err: Buffer.concat(chunks.err).toString() }),
    );
  });
}

describe('a first session with a new server', () => {
  it('goes from init over unseal and login to a secret that is read with the token that was kept', async () => {
    const made = JSON.parse((await vault(['operator', 'init', '-n=1', '-t=1', '-format=json'])).out) as Record<string, string & string[]>;
    expect((await vault(['operator', 'unseal', '-'], `${made['unseal_keys_b64']?.[0]}\n`)).out).toMatch(/^Sealed +false$/m);
    const refused = await vault(['read', 'cubbyhole/app']);
    expect(refused).toMatchObject({ code: 2, out: '' });

    const { code, out, err } = await vault(['login', '-'], `${made['root_token']}\n`);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`token                ${made['root_token']}\n`);
    const file = join(home.home, '.vault-token');
    expect(readFileSync(file, 'utf8')).toBe(made['root_token']);
    expect(statSync(file).mode & 0o777).toBe(0o600);

    await server.call('POST', 'sys/mounts/secret', { token: made['root_token'] ?? '', body: { type: 'kv', options: { version: '2' } } });
    expect((await vault(['kv', 'put', 'secret/app', 'user=ann'])).code).toBe(0);
    expect((await vault(['kv', 'get', '-field=user', 'secret/app'])).out).toBe('ann');
  }, 20_000);

  it('asks nobody where stdin is closed, and says so', async () => {
    expect(await vault(['login'])).toEqual({ code: 1, out: '', err: 'the input ended before an answer came\n' });
  });
});
