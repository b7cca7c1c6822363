// Data on the command line: pairs, files, stdin, JSON.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseKeyTexts, parseKeyValues } from './key-values.ts';

const folder = mkdtempSync(join(tmpdir(), 'casemate-kv-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(contents: string): string {
  const path = join(folder, 'data');
  writeFileSync(path, contents);
  return path;
}

const parse = (words: readonly string[], stdin = '') => parseKeyValues(words, async () => stdin);

describe('key=value words', () => {
  it('are texts, split at the first =', async () => {
    await expect(parse(['a=1', 'b=x=y', 'c=', '=d'])).resolves.toEqual({ a: '1', b: 'x=y', c: '', '': 'd' });
  });

  it('with the same key are a list', async () => {
    await expect(parse(['a=1', 'a=2', 'a=3'])).resolves.toEqual({ a: ['1', '2', '3'] });
  });

  it('take a value from a file or from stdin as it stands there', async () => {
    await expect(parse([`a=@${fileWith('line\n')}`, 'b=-'], 'typed\n')).resolves.toEqual({ a: 'line\n', b: 'typed\n' });
  });

  it('give a value that begins with @ behind a backslash', async () => {
    await expect(parse(['a=\\@home', 'b=\\x', 'c=-1'])).resolves.toEqual({ a: '@home', b: '\\x', c: '-1' });
  });

  it('may be a whole JSON object, from a file or from stdin, which later words complete', async () => {
    await expect(parse([`@${fileWith('{"a":1,"b":{"c":[true]}}')}`, '-', 'd=4'], '{"a":2}')).resolves.toEqual({
      a: 2,
      b: { c: [true] },
      d: '4',
    });
  });

  it('keep keys that objects have by birth', async () => {
    const data = await parse(['__proto__=x', 'constructor=y']);
    expect(JSON.stringify(data)).toBe('{"__proto__":"x","constructor":"y"}');
  });

  it('become texts where a query is made of them', async () => {
    await expect(parseKeyTexts(['-', 'b=x', 'b=y'], async () => '{"a":1,"c":[1,true]}')).resolves.toEqual({
      a: '1',
      b: ['x', 'y'],
      c: ['1', 'true'],
    });
  });

  it.each([
    [['novalue'], 'Failed to parse K=V data: invalid key/value pair "novalue": format must be key=value'],
    [['a=@/nowhere/file'], 'Failed to parse K=V data: error reading file: open /nowhere/file: no such file or directory'],
    [['a=-', 'b=-'], 'Failed to parse K=V data: stdin already consumed'],
    [['-'], 'Failed to parse K=V data: failed to decode JSON input: EOF'],
  ])('%j are refused: %s', (words, sentence) => expect(parse(words)).rejects.toThrow(sentence));

  it('that are JSON but no object are refused', async () => {
    await expect(parse(['-'], '[1]')).rejects.toThrow('the JSON is no object');
  });
});
