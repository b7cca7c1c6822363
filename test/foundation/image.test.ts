// Images made of local files: the same bytes for the same files, readable by others, and nothing outside them.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeImage } from '../../scripts/image-archive.mjs';
import { addProgram } from '../../scripts/image-libraries.mjs';
import { imageTree, layOut } from '../../scripts/image-tree.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'casemate-image-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const config = { Entrypoint: ['/bin/a'], User: '65532:65532' };
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function sample(order: readonly string[], content = 'one') {
  const tree = imageTree();
  const puts: Readonly<Record<string, () => void>> = {
    a: () => tree.text('/bin/a', content, { mode: 0o755 }),
    b: () => tree.link('/bin/b', 'a'),
    data: () => tree.folder('/data', { mode: 0o700, uid: 65532, gid: 65532 }),
  };
  for (const name of order) puts[name]?.();
  return tree;
}

/** Unpacks an archive and its layer as tar reads them. */
function unpacked(path: string) {
  const [archive, layer] = [join(root, 'archive'), join(root, 'layer')];
  for (const folder of [archive, layer]) mkdirSync(folder);
  execFileSync('tar', ['-xf', path, '-C', archive]);
  const [manifest] = JSON.parse(readFileSync(join(archive, 'manifest.json'), 'utf8')) as {
    Config: string;
    RepoTags: string[];
    Layers: string[];
  }[];
  if (manifest?.Layers[0] === undefined) throw new Error('the archive has no layer');
  execFileSync('tar', ['-xpf', join(archive, manifest.Layers[0]), '-C', layer]);
  return {
    layer,
    manifest,
    described: readFileSync(join(archive, manifest.Config)),
    packed: readFileSync(join(archive, manifest.Layers[0])),
  };
}

describe('an image', () => {
  it('has the same bytes whenever it is made of the same files', () => {
    const first = writeImage(join(root, '1.tar'), 'x:1', sample(['a', 'b', 'data']), config);
    const second = writeImage(join(root, '2.tar'), 'x:1', sample(['data', 'b', 'a']), config);
    expect(second).toEqual(first);
    expect(readFileSync(join(root, '2.tar')).equals(readFileSync(join(root, '1.tar')))).toBe(true);
    expect(writeImage(join(root, '3.tar'), 'x:1', sample(['a', 'b', 'data'], 'two'), config).id).not.toBe(first.id);
    expect(writeImage(join(root, '4.tar'), 'x:1', sample(['a', 'b', 'data']), { ...config, User: '0:0' }).id).not.toBe(first.id);
  });

  it('names its description and its layer by their digests', () => {
    const { id } = writeImage(join(root, 'x.tar'), 'registry.test/x:1', sample(['a', 'b', 'data']), config, 'amd64');
    const { manifest, described, packed } = unpacked(join(root, 'x.tar'));
    expect(manifest.RepoTags).toEqual(['registry.test/x:1']);
    expect(id).toBe(`sha256:${sha256(described)}`);
    expect(JSON.parse(described.toString())).toMatchObject({
      architecture: 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(packed)}`] },
    });
  });

  it('holds files, links and folders as they were put, also deep ones', () => {
    const tree = sample(['a', 'b', 'data']);
    const deep = `/${'folder-with-a-long-name/'.repeat(6)}file`;
    tree.text(deep, 'deep');
    writeImage(join(root, 'x.tar'), 'x:1', tree, config);
    const { layer } = unpacked(join(root, 'x.tar'));
    expect(readFileSync(join(layer, deep), 'utf8')).toBe('deep');
    expect(lstatSync(join(layer, 'bin/a')).mode & 0o7777).toBe(0o755);
    expect(readlinkSync(join(layer, 'bin/b'))).toBe('a');
    expect(lstatSync(join(layer, 'data')).mode & 0o7777).toBe(0o700);
    if (process.getuid?.() === 0) expect(lstatSync(join(layer, 'data')).uid).toBe(65532);
  });

  it('holds a program with all that its loader asks for', () => {
    const tree = imageTree();
    addProgram(tree, '/usr/bin/node', process.execPath);
    const paths = tree.entries().map(([path]) => path);
    expect(paths).toContain('usr/lib/libc.so.6');
    expect(paths.some((path) => /^lib(64)?\/ld-linux-/.test(path))).toBe(true);
  });

  it('takes the part of a folder that it is asked for', () => {
    mkdirSync(join(root, 'from/inner'), { recursive: true });
    for (const name of ['from/kept.js', 'from/inner/kept.js', 'from/left.ts']) writeFileSync(join(root, name), name);
    const tree = imageTree();
    tree.copy('/app', join(root, 'from'), (path) => path.endsWith('.js'));
    expect(tree.entries().map(([path]) => path)).toEqual(['app', 'app/inner', 'app/inner/kept.js', 'app/kept.js']);
  });

  it('has no place outside itself', () => {
    for (const path of ['../x', '/', 'a/../../x', '']) expect(() => imageTree().text(path, 'x')).toThrow('There is no place');
    expect(() => imageTree().text(`/${'x'.repeat(200)}`, 'x')).not.toThrow();
    const tree = imageTree();
    tree.text(`/${'x'.repeat(200)}`, 'x');
    expect(() => writeImage(join(root, 'x.tar'), 'x:1', tree, config)).toThrow('too long for an image');
  });

  it('lies in a folder just as it does in an archive', () => {
    layOut(join(root, 'laid'), sample(['a', 'b', 'data']));
    expect(lstatSync(join(root, 'laid/bin/a')).mode & 0o7777).toBe(0o755);
    expect(readlinkSync(join(root, 'laid/bin/b'))).toBe('a');
    expect(lstatSync(join(root, 'laid/data')).mode & 0o7777).toBe(0o700);
  });
});
