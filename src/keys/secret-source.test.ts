// Where secrets of a configuration are taken from, and the addresses that keys may be sent to.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusePlainHttp } from './plain-http.ts';
import { privateFileIfThere, readPrivateFile, writePrivateFile } from './private-file.ts';
import { readSecret } from './secret-source.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-secrets-'));
  path = join(folder, 'secret');
});
afterEach(() => rmSync(folder, { recursive: true }));

const inFile = () => readSecret({ kind: 'file', path }, {}, 'the token');

describe('a secret', () => {
  it('comes from a file, the environment or the configuration, without blanks around it', () => {
    writeFileSync(path, ' s3cret\r\n', { mode: 0o600 });
    expect(inFile()).toBe('s3cret');
    expect(readSecret({ kind: 'environment', name: 'TOKEN' }, { TOKEN: 's3cret\n' }, 'the token')).toBe('s3cret');
    expect(readSecret({ kind: 'text', reveal: () => 's3cret' }, {}, 'the token')).toBe('s3cret');
  });

  it('of a changed file counts at the next use', () => {
    writeFileSync(path, 'one', { mode: 0o600 });
    expect(inFile()).toBe('one');
    writeFileSync(path, 'two');
    expect(inFile()).toBe('two');
  });

  it('that is missing is told by its place', () => {
    expect(inFile).toThrow(`the file of the token ${path} cannot be read: it is not there`);
    writeFileSync(path, ' \n', { mode: 0o600 });
    expect(inFile).toThrow(`the token should stand in ${path}, which is empty`);
    expect(() => readSecret({ kind: 'environment', name: 'TOKEN' }, {}, 'the token')).toThrow(
      'the token should stand in the environment variable TOKEN, which is not set',
    );
    expect(() => readSecret({ kind: 'text', reveal: () => '' }, {}, 'the token')).toThrow('the token is empty in the configuration');
  });

  it('may be shared with a group, and with nobody else', () => {
    writeFileSync(path, 's3cret');
    for (const [mode, taken] of [
      [0o640, true],
      [0o600, true],
      [0o644, false],
      [0o604, false],
    ] as const) {
      chmodSync(path, mode);
      if (taken) expect(inFile()).toBe('s3cret');
      else expect(inFile).toThrow('may be read by others');
    }
  });
});

describe('a private file', () => {
  it('is written whole, 0600, over what was there', () => {
    writeFileSync(path, 'old', { mode: 0o644 });
    writePrivateFile(path, 'the file', 'new');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777, readdirSync(folder)]).toEqual(['new', 0o600, ['secret']]);
  });

  it('that cannot be written says so, and leaves nothing behind', () => {
    expect(() => writePrivateFile(join(folder, 'absent', 'a'), 'the file', 'new')).toThrow(/cannot be written: ENOENT$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('may be absent only where that is asked', () => {
    expect(privateFileIfThere(path, 'the file')).toBeUndefined();
    expect(() => readPrivateFile(path, 'the file')).toThrow('is not there');
  });
});

describe('an address', () => {
  it.each([
    'https://kms.example.com',
    'unix:///run/a.sock',
    'http://127.0.0.1:8200',
    'http://[::1]:1',
    'http://localhost:1',
    'http://127.8.9.1',
  ])('is taken: %s', (address) => expect(() => refusePlainHttp(address, 'the KMS')).not.toThrow());

  it.each([
    'http://kms.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://10.0.0.1',
    'ftp://kms',
    'kms',
  ])('is refused: %s', (address) => expect(() => refusePlainHttp(address, 'the KMS')).toThrow('the KMS'));

  it('is taken over plain http where the operator says so', () => {
    expect(() => refusePlainHttp('http://kms.example.com', 'the KMS', true)).not.toThrow();
    expect(() => refusePlainHttp('ftp://kms.example.com', 'the KMS', true)).toThrow('must begin with https://');
  });
});
