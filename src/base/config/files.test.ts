// Files and folders on disk become one configuration, in the order in which they were named.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from './files.ts';

const base = 'storage "inmem" {}\nlistener "tcp" { tls_disable = true }\n';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('a folder', () => {
  it('stands for its *.hcl and *.json files in the order of their names', async () => {
    write('20.hcl', 'cluster_name = "twenty"\nlog_level = "warn"');
    write('10-base.hcl', `${base}cluster_name = "ten"`);
    write('3.json', '{"cluster_name": "three", "ui": true}');
    write('99.hcl.bak', 'cluster_name = "backup"');
    write('.#99.hcl', 'half written {');
    mkdirSync(join(folder, '99.hcl'));
    const { config, warnings } = await loadConfig([folder]);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({ clusterName: 'three', logLevel: 'warn', ui: true });
  });

  it('may be a ConfigMap, whose files are links', async () => {
    mkdirSync(join(folder, '..2024'));
    writeFileSync(join(folder, '..2024', 'vault.hcl'), base);
    symlinkSync('..2024', join(folder, '..data'));
    symlinkSync(join('..data', 'vault.hcl'), join(folder, 'vault.hcl'));
    expect((await loadConfig([folder])).config.storage).toEqual({ type: 'inmem' });
  });

  it('is refused when nothing in it is a configuration', async () => {
    write('readme.md', 'x');
    await expect(loadConfig([folder])).rejects.toThrow(`${folder}: the folder holds no *.hcl and no *.json file`);
  });

  it('tells which of its files is wrong', async () => {
    write('a.hcl', base);
    const wrong = write('b.json', '{\n"ui": "perhaps"}');
    await expect(loadConfig([folder])).rejects.toMatchObject({
      code: 'usage',
      message: `${wrong}:2: ui must be true or false, not "perhaps"`,
    });
  });
});

describe('several paths', () => {
  it('are merged in order', async () => {
    const first = write('z.hcl', `${base}cluster_name = "first"\nui = true`);
    const second = write('a.json', '{"cluster_name": "second"}');
    expect((await loadConfig([first, second])).config).toMatchObject({ clusterName: 'second', ui: true });
    await expect(loadConfig([])).rejects.toMatchObject({ code: 'usage' });
  });

  it('count a file once, however often it is reached', async () => {
    const file = write('vault.hcl', base);
    expect((await loadConfig([file, folder, `${folder}/./vault.hcl`])).config.listeners).toHaveLength(1);
  });
});

describe('a file', () => {
  it('is refused in one sentence when it is not there or cannot be read', async () => {
    await expect(loadConfig([join(folder, 'none.hcl')])).rejects.toMatchObject({
      code: 'usage',
      message: `${join(folder, 'none.hcl')}: there is no such file or folder`,
    });
    const dangling = join(folder, 'x.hcl');
    symlinkSync('nowhere', dangling);
    await expect(loadConfig([folder])).rejects.toMatchObject({ code: 'usage' });
    rmSync(dangling);
    const secret = write('secret.hcl', base);
    chmodSync(secret, 0);
    // Root reads everything.
    if (process.getuid?.() !== 0) await expect(loadConfig([secret])).rejects.toThrow(`${secret}: this user may not read it`);
  });

  it('may start with a byte order mark, and is UTF-8 otherwise', async () => {
    expect(
      (await loadConfig([write('bom.json', `\uFEFF{"storage": {"inmem": {}}, "listener": {"tcp": {"tls_disable": true}}}`)])).warnings,
    ).toEqual([]);
    const latin = write('latin.hcl', Buffer.from([0x61, 0x3d, 0x22, 0xe9, 0x22]));
    await expect(loadConfig([latin])).rejects.toMatchObject({ code: 'usage', message: `${latin}: the file is no UTF-8 text` });
  });

  it('has an end', async () => {
    await expect(loadConfig(['/dev/zero'])).rejects.toThrow('/dev/zero: a configuration file has 128 KiB at most');
  });
});
