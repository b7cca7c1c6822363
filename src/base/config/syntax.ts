// A configuration's text as items, with errors that say where the text is broken and repeat nothing of it.

import { asFault, Fault } from '../fault.ts';
import { lex, type Token } from '../hcl/lexer.ts';
import { type HclItem, parseHcl } from '../hcl/parser.ts';
import { describeSyntaxError } from '../json.ts';
import { refuse } from './section.ts';

export interface ConfigText {
  /** As the operator gave it; stands in messages. */
  readonly path: string;
  /** HCL, or JSON where it begins with `{`. */
  readonly text: string;
}

/** Characters. A configuration has a few thousand; what is longer is another file. */
export const longestConfig = 128 * 1024;

/** Throws Fault `usage`: `vault.hcl:3:15: …`. */
export function parseConfigText({ path, text }: ConfigText): readonly HclItem[] {
  if (text.length > longestConfig) throw refuse(path, `a configuration file has ${longestConfig / 1024} KiB at most`);
  try {
    return parseHcl(text);
  } catch (thrown) {
    const fault = asFault(thrown);
    if (fault.code !== 'invalid-request') throw thrown;
    throw /^\s*\{/.test(text) ? brokenJson(path, text, fault) : brokenHcl(path, text, fault);
  }
}

function brokenJson(path: string, text: string, fault: Fault): Fault {
  const before = text.slice(0, endOfValidJson(text));
  // The text breaks off, or is JSON that is nested too deeply: no character of it is to blame.
  if (before.length === text.length) return refuse(path, fault.message);
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  return refuse(`${path}:${line}:${column}`, fault.message);
}

/** Length of the longest start of the text that could still become JSON: every longer start is known to be wrong. */
function endOfValidJson(text: string): number {
  let valid = 0;
  let wrong = text.length + 1;
  while (wrong - valid > 1) {
    const middle = Math.floor((valid + wrong) / 2);
    if (/EOF$/.test(describeSyntaxError(text.slice(0, middle)))) valid = middle;
    else wrong = middle;
  }
  return valid;
}

const words: Readonly<Record<Token['kind'], string>> = {
  identifier: 'a word',
  string: 'a text',
  number: 'a number',
  bool: 'true or false',
  '{': 'an opening brace',
  '}': 'a closing brace',
  '[': 'an opening bracket',
  ']': 'a closing bracket',
  '=': 'an equals sign',
  ',': 'a comma',
  ':': 'a colon',
  end: 'the end of the file',
};

/** The parser's own words repeat what stands there, and that may be a key without its quotes. */
function brokenHcl(path: string, text: string, fault: Fault): Fault {
  const [, line, column, reason] = /^At (\d+):(\d+): (.*)$/s.exec(fault.message) ?? [];
  const where = line === undefined ? path : `${path}:${line}:${column}`;
  const tokens = tokensOf(text);
  if (tokens === undefined) return refuse(where, `the text cannot be read here: ${reason ?? 'it is no HCL'}`);
  const token = tokens.find((one) => one.line === Number(line) && one.column === Number(column));
  return refuse(
    where,
    `${token === undefined ? 'this' : words[token.kind]} cannot stand here; write key = "text", key = 5, key = true or name "label" { … }`,
  );
}

/** Undefined where the text does not even fall into words: then the fault is the lexer's, which shows one character at most. */
function tokensOf(text: string): readonly Token[] | undefined {
  try {
    return lex(text);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}
