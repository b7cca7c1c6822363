// The bundles: a program holds what it always needs and no native package that only another one asks for.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Bundled, bundle } from '../../scripts/build.mjs';

const root = join(import.meta.dirname, '../..');
let folder: string;
let outputs: readonly Bundled[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-dist-'));
  outputs = await bundle(root, folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const named = (name: string): Bundled | undefined => outputs.find(({ path }) => relative(folder, path) === name);

it('the command starts without a native package', () => {
  expect(named('cli.js')).toMatchObject({ packages: [] });
});

it('the server has those that it stores and checks passwords with, and a PKCS#11 module its own process, wherever they lie', () => {
  expect([...new Set(outputs.flatMap(({ packages }) => packages))].sort()).toEqual(['@node-rs/bcrypt', 'koffi', 'lmdb']);
  expect(outputs.filter(({ packages }) => packages.includes('koffi')).map(({ path }) => relative(folder, path))).toEqual([
    'pkcs11-module.js',
  ]);
});
