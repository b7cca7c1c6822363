// The token of a login: nobody else reads it, nobody finds half of it.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tokenFile } from './token-file.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'casemate-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the token file', () => {
  it('gives back the token, and nothing once it is erased', () => {
    const file = tokenFile(home);
    expect(file.read()).toBeUndefined();
    file.write('hvs.one');
    file.write('hvs.two');
    expect(file.read()).toBe('hvs.two');
    file.erase();
    file.erase();
    expect(file.read()).toBeUndefined();
  });

  it('is for its owner alone, also where it was open before', () => {
    writeFileSync(join(home, '.vault-token'), 'old', { mode: 0o644 });
    tokenFile(home).write('hvs.one');
    expect(statSync(join(home, '.vault-token')).mode & 0o777).toBe(0o600);
    expect(readdirSync(home)).toEqual(['.vault-token']);
  });

  it('may end in a line end, as an editor leaves it', () => {
    writeFileSync(join(home, '.vault-token'), 'hvs.one\n');
    expect(tokenFile(home).read()).toBe('hvs.one');
  });

  it('that cannot be written is a sentence, and leaves the old one', () => {
    tokenFile(home).write('hvs.one');
    const gone = join(home, 'gone');
    expect(() => tokenFile(gone).write('hvs.two')).toThrow(`cannot write the token file ${join(gone, '.vault-token')}: ENOENT`);
    expect(readFileSync(join(home, '.vault-token'), 'utf8')).toBe('hvs.one');
  });
});
