// Completion: what shells are offered for a line that is half typed, and what they are told so that they ask.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { families } from '../../src/cli/families.ts';
import { type Session, session } from './session.ts';

const casemate = fileURLToPath(new URL('../../bin/casemate', import.meta.url));

let home: Session;
beforeEach(() => {
  home = session({ name: 'casemate' });
});
afterEach(() => home.end());

const offered = async (line: string, point?: number) => {
  const env = { COMP_LINE: line, ...(point === undefined ? {} : { COMP_POINT: String(point) }) };
  return (await home.with({ name: 'casemate', env }).run('casemate', '', '')).out.split('\n').filter((word) => word !== '');
};

describe('a half-typed line', () => {
  it('is offered the commands, the commands of a group, and those that begin as the word does', async () => {
    expect(await offered('casemate ')).toEqual(families.map(({ name }) => name).toSorted());
    expect(await offered('casemate op')).toEqual(['operator']);
    expect(await offered('casemate operator re')).toEqual(['rekey']);
    expect(await offered('casemate kv metadata ')).toEqual(['delete', 'get', 'patch', 'put']);
    expect(await offered('casemate nothing ')).toEqual([]);
  });

  it('is offered flags where a word begins with a dash, and the values of -format', async () => {
    expect(await offered('casemate read -fi')).toEqual(['-field=']);
    expect(await offered('casemate read --fi')).toEqual(['--field=']);
    expect(await offered('casemate operator rekey -ver')).toEqual(['-verify']);
    expect(await offered('casemate read -format=y')).toEqual(['-format=yaml']);
    expect(await offered('casemate read -format ')).toEqual(['json', 'raw', 'table', 'yaml']);
    expect(await offered('casemate read secret/')).toEqual([]);
  });

  it('is looked at as far as the cursor', async () => {
    expect(await offered('casemate op foo', 'casemate op'.length)).toEqual(['operator']);
  });
});

describe('the lines for a shell', () => {
  it.each(['bash', 'zsh', 'fish'])('of %s name the command', async (shell) => {
    const { code, out } = await home.run('completion', shell);
    expect([code, out.includes('casemate')]).toEqual([0, true]);
  });

  it('are refused for another shell', async () => {
    expect(await home.run('completion', 'cmd')).toEqual({
      code: 1,
      out: '',
      err: 'there is no completion for cmd: name one of bash, zsh, fish\n',
    });
  });

  it('make bash complete a line', () => {
    const script = `complete -p casemate >/dev/null && COMP_LINE='casemate operator gen' COMP_POINT=21 "$1" casemate gen operator`;
    const bash = spawnSync('bash', ['-c', `eval "$("$1" completion bash)"; ${script}`, 'bash', casemate], { encoding: 'utf8' });
    expect([bash.stdout, bash.stderr, bash.status]).toEqual(['generate-root\n', '', 0]);
  });
});

describe('-autocomplete-install', () => {
  it('writes to the files of the shells that are set up, once, and -autocomplete-uninstall takes it back', async () => {
    const files = ['.bashrc', '.zshrc'].map((name) => join(home.home, name));
    for (const file of files) writeFileSync(file, 'export MINE=1\n');
    mkdirSync(join(home.home, '.config', 'fish'), { recursive: true });
    const fish = join(home.home, '.config', 'fish', 'completions', 'casemate.fish');
    const installed = await home
      .with({ name: 'casemate', env: { CASEMATE_COMMAND: '/opt/case mate/bin/casemate' } })
      .run('-autocomplete-install');
    expect(installed.code).toBe(0);
    for (const file of [...files, fish]) {
      expect(installed.out).toContain(file);
      expect(readFileSync(file, 'utf8')).toContain(`'/opt/case mate/bin/casemate'`);
    }
    const before = readFileSync(files[0] as string, 'utf8');
    expect(before.startsWith('export MINE=1\n')).toBe(true);
    const again = await home
      .with({ name: 'casemate', env: { CASEMATE_COMMAND: '/opt/case mate/bin/casemate' } })
      .run('--autocomplete-install');
    expect(again.out).toBe('Nothing had to be changed.\n');
    expect(readFileSync(files[0] as string, 'utf8')).toBe(before);
    expect((await home.run('-autocomplete-uninstall')).code).toBe(0);
    for (const file of files) expect(readFileSync(file, 'utf8')).toBe('export MINE=1\n');
    expect(existsSync(fish) ? readFileSync(fish, 'utf8') : '').toBe('');
  });

  it('says so where no shell is set up', async () => {
    expect(await home.run('-autocomplete-install')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no shell is set up') });
  });
});
