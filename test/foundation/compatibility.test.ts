// What the compatibility page says row by row: each state is one of four, what is done names its tests, and those are there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/compatibility.md'), 'utf8');
const part = /^## Row by row\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)?.[1] ?? '';
const rows = part
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .map(([, what = '', state = '', why = '']) => ({ what, state, why }));

describe('the rows of the compatibility page', () => {
  it('are there, and each has one of the four states', () => {
    expect(rows.length).toBeGreaterThan(90);
    expect(rows.filter(({ state }) => !['done', 'part', 'later', 'never'].includes(state))).toEqual([]);
  });

  it('name tests that are there', () => {
    const named = rows.flatMap(({ why }) => [...why.matchAll(/`((?:src|test)\/[\w/-]+)`/g)].map(([, path = '']) => path));
    expect(named.filter((path) => !existsSync(join(root, `${path}.test.ts`)))).toEqual([]);
  });

  it('name a test for what is done, and a reason for what will never be', () => {
    const silent = rows.filter(({ state, why }) => (state === 'done' && !/`(?:src|test)\//.test(why)) || (state === 'never' && why === ''));
    expect(silent).toEqual([]);
  });
});
