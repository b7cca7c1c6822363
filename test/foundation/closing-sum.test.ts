// Several test runs that close with one line, as CI wants them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TestModule } from 'vitest/node';
import { brokenFiles, closeRun, countRun, sumCounts } from '../../scripts/closing-line.mjs';
import { afterSecondTry, filesToTryAgain, linesOfFailures } from '../../scripts/second-try.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-closing-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const reason = { name: 'a', reason: 'needs root' };

function closed(...names: string[]) {
  const script = join(import.meta.dirname, '../../scripts/closing-sum.mjs');
  const { status, stdout } = spawnSync(process.execPath, [script, ...names], {
    encoding: 'utf8',
    env: { ...process.env, CASEMATE_COUNTS_INTO: folder },
  });
  return { status, lines: stdout.trim().split('\n') };
}

it('adds up what passed, failed and was skipped', () => {
  const runs = [
    { passed: 3, failed: 1, skipped: [reason] },
    { passed: 4, failed: 0, skipped: [] },
  ];
  expect(sumCounts(runs)).toEqual({ passed: 7, failed: 1, skipped: [reason] });
});

it('closes a run with its line, or leaves the counts to the sum', () => {
  const printed: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => printed.push(line));
  closeRun('test', { passed: 3, failed: 0, skipped: [] }, undefined);
  expect(printed).toEqual(['3 passed, 0 failed']);
  closeRun('test', { passed: 3, failed: 0, skipped: [] }, folder);
  // A line that could be taken for the closing one would count these tests twice.
  expect(printed[1]).not.toMatch(/^(\w+: )?\d+ passed, \d+ failed(, \d+ skipped)?$/);
  expect(readdirSync(folder)).toEqual(['test.json']);
});

it('closes with the sum of all runs, and fails when one is missing', () => {
  writeFileSync(join(folder, 'test.json'), JSON.stringify({ passed: 3, failed: 0, skipped: [] }));
  writeFileSync(join(folder, 'test-cluster.json'), JSON.stringify({ passed: 5, failed: 0, skipped: [reason] }));
  expect(closed('test', 'test-cluster')).toEqual({ status: 0, lines: ['8 passed, 0 failed, 1 skipped'] });
  rmSync(join(folder, 'test-cluster.json'));
  expect(closed('test', 'test-cluster')).toEqual({ status: 1, lines: ['test-cluster did not come to its end.', '3 passed, 1 failed'] });
});

function fileOf(moduleId: string, states: Record<string, string>, errors = 0): TestModule {
  const tests = Object.entries(states).map(([fullName, state]) => ({ fullName, result: () => ({ state, note: 'needs root' }) }));
  return {
    moduleId,
    errors: () => Array.from({ length: errors }),
    children: { allSuites: () => [], allTests: () => tests },
  } as unknown as TestModule;
}

describe('a second try', () => {
  const good = fileOf('/r/good.test.ts', { a: 'passed', b: 'skipped' });
  const broken = fileOf('/r/broken.test.ts', { c: 'passed', d: 'failed', e: 'skipped' });
  const counted = (modules: TestModule[], unhandled: unknown[] = []) => ({
    ...countRun(modules, unhandled),
    broken: brokenFiles(modules),
  });

  it('is for the files that failed, and for none where many did', () => {
    expect(filesToTryAgain(counted([good]))).toEqual([]);
    expect(filesToTryAgain(counted([good, broken, fileOf('/r/none.test.ts', {}, 1)]))).toEqual(['/r/broken.test.ts', '/r/none.test.ts']);
    expect(filesToTryAgain(counted(Array.from({ length: 5 }, () => broken)))).toEqual([]);
  });

  it('counts instead of the first one, for these files alone', () => {
    const first = counted([good, broken], [new Error('nobody caught it')]);
    expect(first).toMatchObject({ passed: 2, failed: 2 });
    const mended = counted([fileOf('/r/broken.test.ts', { c: 'passed', d: 'passed', e: 'skipped' })]);
    expect(afterSecondTry(first, mended)).toEqual({
      passed: 3,
      failed: 1,
      skipped: ['b', 'e'].map((name) => ({ name, reason: 'needs root' })),
      broken: [],
    });
    expect(afterSecondTry(first, counted([broken]))).toMatchObject({ passed: 2, failed: 2 });
  });

  it('tells each test that failed, and a file that could not be run', () => {
    expect(linesOfFailures('/r', brokenFiles([broken, fileOf('/r/none.test.ts', {}, 1)]), 'failed')).toEqual([
      'failed: broken.test.ts: d',
      'failed: none.test.ts: (the file itself)',
    ]);
  });
});
