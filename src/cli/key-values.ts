// Data on the command line: `key=value`, `key=@file`, `key=-`, `key=\@literal`, `@file.json` and `-` for JSON.

import { readFile } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';
import { isObject } from '../client/secret.ts';
import { Ending } from './ending.ts';

/** A key that is given again becomes a list. Throws Ending: `Failed to parse K=V data: …`. */
export async function parseKeyValues(words: readonly string[], stdin: () => Promise<string>): Promise<Record<string, unknown>> {
  const data = new Map<string, unknown>();
  let consumed = false;
  const input = async () => {
    if (consumed) throw new Fault('usage', 'stdin already consumed');
    consumed = true;
    return stdin();
  };
  for (const word of words) {
    if (word === '') continue;
    try {
      await add(data, word, input);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      throw new Ending(`Failed to parse K=V data: ${thrown.message}`);
    }
  }
  return Object.fromEntries(data);
}

/** As parseKeyValues, for parameters of a query: every value is a text or a list of texts. */
export async function parseKeyTexts(
  words: readonly string[],
  stdin: () => Promise<string>,
): Promise<Record<string, string | readonly string[]>> {
  const data = await parseKeyValues(words, stdin);
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Array.isArray(value) ? value.map(textOf) : textOf(value)]));
}

async function add(data: Map<string, unknown>, word: string, input: () => Promise<string>): Promise<void> {
  const equals = word.indexOf('=');
  if (equals < 0) {
    if (word !== '-' && !word.startsWith('@'))
      throw new Fault('usage', `invalid key/value pair ${JSON.stringify(word)}: format must be key=value`);
    const object = parseJson(word === '-' ? await input() : await contentsOf(word.slice(1)));
    if (!isObject(object)) throw new Fault('usage', `invalid key/value pair ${JSON.stringify(word)}: the JSON is no object`);
    for (const [key, value] of Object.entries(object)) data.set(key, value);
    return;
  }
  const key = word.slice(0, equals);
  const value = await writtenValue(word.slice(equals + 1), input);
  const before = data.get(key);
  data.set(key, before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]);
}

async function writtenValue(written: string, input: () => Promise<string>): Promise<string> {
  if (written.startsWith('@')) return contentsOf(written.slice(1));
  if (written.startsWith('\\@')) return written.slice(1);
  return written === '-' ? input() : written;
}

async function contentsOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault(
      'usage',
      `error reading file: open ${path}: ${code === 'ENOENT' ? 'no such file or directory' : (code ?? 'unknown error')}`,
    );
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
