// What may be said about a file device, and where its file may lie.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedPath, type DeviceOptions, readFileOptions, readLineForm } from './options.ts';

const readOptions = (options: DeviceOptions) => ({ ...readFileOptions(options), ...readLineForm(options) });

let folder = '';
let directory = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'casemate-audit-')));
  directory = join(folder, 'audit');
  for (const name of ['audit', 'audit/below', 'audit-other', 'outside']) mkdirSync(join(folder, name));
  symlinkSync(join(folder, 'outside'), join(directory, 'out'));
  symlinkSync(join(directory, 'below'), join(directory, 'in'));
  symlinkSync(directory, join(folder, 'alias'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('options of a file device', () => {
  it('are private, hashed and complete unless they say otherwise', () => {
    expect(readOptions({ file_path: '/a' })).toStrictEqual({
      path: '/a',
      mode: 0o600,
      raw: false,
      hmacAccessor: true,
      elideListResponses: false,
      prefix: '',
    });
  });

  it.each([
    ['true', true],
    ['1', true],
    ['T', true],
    ['True', true],
    ['false', false],
    ['0', false],
    ['F', false],
  ])('reads the flag %s as Go does', (text, value) => {
    const { raw, hmacAccessor, elideListResponses } = readOptions({
      file_path: 'a',
      log_raw: text,
      hmac_accessor: text,
      elide_list_responses: text,
    });
    expect([raw, hmacAccessor, elideListResponses]).toStrictEqual([value, value, value]);
  });

  it.each(['yes', 'TRue', '', '2', ' true'])('refuses the flag "%s" instead of guessing', (text) => {
    for (const name of ['log_raw', 'hmac_accessor', 'elide_list_responses'])
      expect(() => readOptions({ file_path: 'a', [name]: text })).toThrow(`the option ${name} must be true or false`);
  });

  it.each([
    ['0640', 0o640],
    ['600', 0o600],
    ['0777', 0o666],
    ['0000', 0o600],
    ['0111', 0o600],
  ])('takes the mode %s without execution', (text, mode) => {
    expect(readOptions({ file_path: 'a', mode: text }).mode).toBe(mode);
  });

  it.each(['6x', '0888', '-600', '01777', '', '10600', 'rw'])('refuses the mode "%s"', (mode) => {
    expect(() => readOptions({ file_path: 'a', mode })).toThrow('octal number');
  });

  it('need a file, under its older name too, and know no format but JSON', () => {
    expect(() => readOptions({})).toThrow('file_path is required');
    expect(readOptions({ path: '/b' }).path).toBe('/b');
    expect(readOptions({ file_path: 'STDOUT' }).path).toBe('stdout');
    expect(() => readOptions({ file_path: 'a', format: 'jsonx' })).toThrow('unknown format type "jsonx"');
  });
});

describe('a file that the API names', () => {
  it('lies below the directory, by a relative or an absolute path', async () => {
    await expect(allowedPath({ file_path: 'a.log' }, directory)).resolves.toBe(join(directory, 'a.log'));
    await expect(allowedPath({ file_path: 'below/a.log' }, directory)).resolves.toBe(join(directory, 'below/a.log'));
    await expect(allowedPath({ file_path: join(directory, 'a.log') }, directory)).resolves.toBe(join(directory, 'a.log'));
    await expect(allowedPath({ file_path: '..data.log' }, directory)).resolves.toBe(join(directory, '..data.log'));
    await expect(allowedPath({ file_path: 'in/a.log' }, directory)).resolves.toBe(join(directory, 'in/a.log'));
    await expect(allowedPath({ file_path: 'a.log' }, join(folder, 'alias'))).resolves.toBe(join(folder, 'alias/a.log'));
  });

  it.each(['../a.log', 'below/../../a.log', '/etc/cron.d/a', '.', '..', 'out/a.log', '../audit-other/a.log'])(
    'is refused at %s',
    async (file_path) => {
      await expect(allowedPath({ file_path }, directory)).rejects.toThrow('must lie below the directory');
    },
  );

  it.each([
    ['a\0.log', 'must name a file'],
    ['below/', 'must name a file'],
    ['missing/a.log', 'is not there'],
    ['', 'file_path is required'],
  ])('is refused at "%s"', async (file_path, why) => {
    await expect(allowedPath({ file_path }, directory)).rejects.toThrow(why);
  });

  it('needs a directory in the configuration, standard output needs none', async () => {
    await expect(allowedPath({ file_path: 'a.log' }, undefined)).rejects.toThrow('set audit_directory');
    await expect(allowedPath({ file_path: 'stdout' }, undefined)).resolves.toBe('stdout');
  });
});
