// The difference that a dry run shows is the one that diff -u shows.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineDiff } from './manifest-diff.ts';

test('one changed line is shown with three lines around it', () => {
  const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', ''].join('\n');
  expect(lineDiff(before, before.replace('e', 'E'), { path: 'kube-apiserver.yaml' })).toBe(
    ['--- kube-apiserver.yaml', '+++ kube-apiserver.yaml', '@@ -2,7 +2,7 @@', ' b', ' c', ' d', '-e', '+E', ' f', ' g', ' h', ''].join(
      '\n',
    ),
  );
});

test('nothing is shown when nothing changes', () => {
  expect(lineDiff('a\n', 'a\n', { path: 'x' })).toBe('');
});

test('patch makes the new text of the old one and the difference, whatever they are', () => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  const text = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 40 }), fc.boolean())
    .map(([lines, ended]) => lines.join('\n') + (ended && lines.length > 0 ? '\n' : ''));
  try {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = lineDiff(before, after, { path: 'text' });
        if (before === after) return diff === '';
        writeFileSync(join(folder, 'text'), before);
        const patched = spawnSync('patch', ['--silent', '--fuzz=0', '-o', '-', join(folder, 'text')], { input: diff, encoding: 'utf8' });
        expect(patched.stderr).toBe('');
        expect(patched.stdout).toBe(after);
        return true;
      }),
      { numRuns: 60 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([6, 7])('two changes with %i lines between them are one hunk or two, as diff has it', (gap) => {
  const folder = mkdtempSync(join(tmpdir(), 'diff-'));
  try {
    const between = Array.from({ length: gap }, (_, index) => `line ${index}`);
    const [before, after] = [['x', ...between, 'y', ''].join('\n'), ['X', ...between, 'Y', ''].join('\n')];
    writeFileSync(join(folder, 'before'), before);
    writeFileSync(join(folder, 'after'), after);
    const real = spawnSync('diff', ['-u', 'before', 'after'], { cwd: folder, encoding: 'utf8' }).stdout.split('\n').slice(2);
    expect(lineDiff(before, after, { path: 'x' }).split('\n').slice(2)).toEqual(real);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
