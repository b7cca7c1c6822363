// The command as a process: its names, its streams, a reader that goes away.

import { spawn } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';

const casemate = fileURLToPath(new URL('../../bin/casemate', import.meta.url));
let home: Session;
let server: ScriptedServer;
beforeAll(async () => {
  home = session();
  for (const name of ['vault', 'bao']) symlinkSync(casemate, join(home.home, name));
  server = await scriptedServer([{ status: 200, body: { data: { long: 'x'.repeat(2_000_000) } } }]);
});
afterAll(async () => {
  await server.end();
  home.end();
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function process(program: string, words: readonly string[], stdin = ''): Promise<Ended> {
  const env = { PATH: globalThis.process.env['PATH'], HOME: home.home, VAULT_ADDR: server.address };
  const child = spawn(program, words, { env });
  const chunks = { out: [] as Buffer[], err: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => chunks.out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.err.push(chunk));
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out: Buffer.concat(chunks.out).toString(), err: Buffer.concat(chunks.err).toString() }));
  });
}

describe('the command', () => {
  it.each([
    ['vault', 'Vault v1.'],
    ['bao', 'OpenBao v2.'],
  ])('linked as %s answers under that name', async (name, start) => {
    const { code, out } = await process(join(home.home, name), ['-version']);
    expect(code).toBe(0);
    expect(out.startsWith(start)).toBe(true);
  });

  it('gives its exit code and its streams to the shell', async () => {
    const { code, out, err } = await process(casemate, ['read', '-nosuchflag']);
    expect({ code, out, err }).toEqual({ code: 1, out: '', err: 'flag provided but not defined: -nosuchflag\n' });
  });

  it('reads stdin and prints all of a long answer', async () => {
    const { code, out } = await process(casemate, ['write', '-field=long', 'a', '-'], '{"x":1}');
    expect({ code, length: out.length }).toEqual({ code: 0, length: 2_000_000 });
    expect(server.asked.at(-1)?.body).toBe('{"x":1}');
  });

  it('ends when it is interrupted, with the code that shells know', async () => {
    const silent = await scriptedServer(['hang']);
    const child = spawn(casemate, ['read', `-address=${silent.address}`, 'a'], {
      env: { PATH: globalThis.process.env['PATH'], HOME: home.home },
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    while (silent.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    await silent.end();
  });

  it('ends quietly when its reader goes away', async () => {
    const { err } = await process('sh', ['-c', `"${casemate}" read a | head -c 10`]);
    expect(err).toBe('');
  });
});
