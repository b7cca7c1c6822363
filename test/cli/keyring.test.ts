// `casemate keyring` as a process: what is typed, what appears, what lies on the disk, and that no passphrase is taken as a word.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let folder: string;
let ring: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-keyring-'));
  ring = join(folder, 'etcd.ring');
});
afterEach(() => rmSync(folder, { recursive: true }));

const command = join(import.meta.dirname, '../../bin/casemate');

function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(command, ['keyring', ...words], (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
  });
}

it('makes a ring, adds a version, uses it and removes the old one', async () => {
  const made = await run('new', '-name=etcd', '-cipher=sm4-gcm', ring);
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(/^Key ring etcd in .*:\n {2}local:etcd:v1:[0-9a-f]{16} {2}sm4-gcm {2}seals and opens\n$/);
  expect(statSync(ring).mode & 0o777).toBe(0o600);
  expect((await run('add', '-cipher', 'aes-256-gcm', ring)).out).toMatch(
    /v1:\w+ {2}sm4-gcm {2}seals and opens\n.*v2:\w+ {2}aes-256-gcm {2}opens\n$/,
  );
  expect((await run('use', '-key-version=2', ring)).out).toMatch(
    /v1:\w+ {2}sm4-gcm {2}opens\n.*v2:\w+ {2}aes-256-gcm {2}seals and opens\n$/,
  );
  const removed = await run('remove', '-key-version=1', ring);
  expect(removed.out).not.toContain('v1:');
  expect((await run('list', ring)).out).toBe(removed.out);
});

it('takes a passphrase from a file and never as a word', async () => {
  const file = join(folder, 'passphrase');
  writeFileSync(file, 'correct horse\n', { mode: 0o600 });
  expect((await run('new', `-passphrase=file://${file}`, ring)).code).toBe(0);
  expect(JSON.parse(readFileSync(ring, 'utf8'))).toMatchObject({ protection: { kdf: 'argon2id', memory: 65_536 } });
  const refusals = [
    await run('list', ring),
    await run('list', '-passphrase=correct horse', ring),
    await run('list', '-passphrase=env://ABSENT', ring),
  ];
  expect(refusals.map(({ code, err }) => [code, err])).toEqual([
    [1, 'the key ring default is protected with a passphrase, and none is given\n'],
    [1, 'name the place of the passphrase, file:///PATH or env://NAME, and not the passphrase itself\n'],
    [1, 'the passphrase of the key ring should stand in the environment variable ABSENT, which is not set\n'],
  ]);
});

it.each([
  [['melt'], 'there is no "melt" here; use new, add, use, remove or list\n'],
  [['new'], 'name one file, behind the flags\n'],
  [['new', '-cipher=rot13', '/tmp/absent/ring'], 'there is no cipher "rot13" here; use aes-256-gcm or sm4-gcm\n'],
  [['use', '/tmp/absent/ring'], 'name the version with -key-version=NUMBER\n'],
  [['list', '/tmp/absent/ring'], 'the key ring /tmp/absent/ring cannot be read: it is not there\n'],
])('says what is wrong with %j', async (words, sentence) => {
  expect(await run(...words)).toEqual({ code: 1, out: '', err: sentence });
});
