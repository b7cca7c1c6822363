// Several test runs that close with one line, as CI wants them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { closeRun, sumCounts } from '../../scripts/closing-line.mjs';

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
