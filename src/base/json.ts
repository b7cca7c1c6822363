// JSON from strangers: bounded in depth and members, numbers kept as they were typed, errors in Go's words.

import { Fault } from './fault.ts';

export interface JsonLimits {
  readonly depth: number;
  readonly members: number;
}

export const defaultJsonLimits: JsonLimits = { depth: 300, members: 100_000 };

/**
 * A number that a double cannot hold, or would print differently, stays what was typed (JSON.rawJSON).
 * Throws Fault `invalid-request`: `failed to decode JSON input: …`.
 */
export function parseJson(text: string, limits: JsonLimits = defaultJsonLimits): unknown {
  checkBounds(text, limits);
  try {
    return mayHoldLongNumber.test(text) ? JSON.parse(text, keepNumber) : JSON.parse(text);
  } catch {
    throw new Fault('invalid-request', `failed to decode JSON input: ${describeSyntaxError(text)}`);
  }
}

/** At the beginning of a value, so that dates and ids inside strings cost nothing. */
const mayHoldLongNumber = /(?:^|[:,[])\s*(?:-0|-?\d{16}|-?\d+[.eE])/;

function keepNumber(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value;
}

function checkBounds(text: string, { depth, members }: JsonLimits): void {
  // Each level and each member takes at least one byte.
  if (text.length <= depth && text.length <= members) return;
  let level = 0;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x7b || code === 0x5b) {
      if (++level > depth) throw new Fault('invalid-request', `failed to decode JSON input: nested deeper than ${depth} levels`);
    } else if (code === 0x7d || code === 0x5d) level--;
    else if (code === 0x2c && ++count >= members)
      throw new Fault('invalid-request', `failed to decode JSON input: more than ${members} members`);
  }
}

/** Index of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}

const literals = ['true', 'false', 'null'];

/** What Go's decoder says of a text that is no JSON: finds the first character that cannot stand where it does. */
export function describeSyntaxError(text: string): string {
  const scanner = { text, at: 0 };
  try {
    skipSpace(scanner);
    if (scanner.at >= text.length) return 'EOF';
    scanValue(scanner);
    skipSpace(scanner);
    if (scanner.at < text.length) return invalid(scanner, 'after top-level value').message;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.message;
    if (thrown instanceof RangeError) return 'nested too deeply';
    throw thrown;
  }
  return 'unexpected EOF';
}

interface Scanner {
  readonly text: string;
  at: number;
}

function scanValue(scanner: Scanner): void {
  skipSpace(scanner);
  const character = scanner.text[scanner.at];
  if (character === '{') scanObject(scanner);
  else if (character === '[') scanArray(scanner);
  else if (character === '"') scanString(scanner);
  else if (character === '-' || isDigit(character)) scanNumber(scanner);
  else scanLiteral(scanner);
}

function scanLiteral(scanner: Scanner): void {
  const literal = literals.find((word) => word[0] === scanner.text[scanner.at]);
  if (literal === undefined) throw invalid(scanner, 'looking for beginning of value');
  scanner.at += 1;
  for (const expected of literal.slice(1)) {
    if (scanner.text[scanner.at] !== expected) throw invalid(scanner, `in literal ${literal} (expecting '${expected}')`);
    scanner.at += 1;
  }
}

function scanObject(scanner: Scanner): void {
  scanner.at += 1;
  skipSpace(scanner);
  if (take(scanner, '}')) return;
  for (;;) {
    skipSpace(scanner);
    if (scanner.text[scanner.at] !== '"') throw invalid(scanner, 'looking for beginning of object key string');
    scanString(scanner);
    skipSpace(scanner);
    if (!take(scanner, ':')) throw invalid(scanner, 'after object key');
    scanValue(scanner);
    skipSpace(scanner);
    if (take(scanner, '}')) return;
    if (!take(scanner, ',')) throw invalid(scanner, 'after object key:value pair');
  }
}

function scanArray(scanner: Scanner): void {
  scanner.at += 1;
  skipSpace(scanner);
  if (take(scanner, ']')) return;
  for (;;) {
    scanValue(scanner);
    skipSpace(scanner);
    if (take(scanner, ']')) return;
    if (!take(scanner, ',')) throw invalid(scanner, 'after array element');
  }
}

function scanString(scanner: Scanner): void {
  for (scanner.at += 1; ; scanner.at++) {
    const character = scanner.text[scanner.at];
    if (character === undefined || character < ' ') throw invalid(scanner, 'in string literal');
    if (character === '"') break;
    if (character !== '\\') continue;
    scanner.at += 1;
    const escaped = scanner.text[scanner.at];
    if (escaped === undefined || !'"\\/bfnrtu'.includes(escaped)) throw invalid(scanner, 'in string escape code');
    for (let digit = 0; escaped === 'u' && digit < 4; digit++) {
      scanner.at += 1;
      if (!/[0-9a-fA-F]/.test(scanner.text[scanner.at] ?? '')) throw invalid(scanner, 'in \\u hexadecimal character escape');
    }
  }
  scanner.at += 1;
}

function scanNumber(scanner: Scanner): void {
  if (take(scanner, '-') && !isDigit(scanner.text[scanner.at])) throw invalid(scanner, 'in numeric literal');
  if (!take(scanner, '0')) skipDigits(scanner);
  if (take(scanner, '.')) {
    if (!isDigit(scanner.text[scanner.at])) throw invalid(scanner, 'after decimal point in numeric literal');
    skipDigits(scanner);
  }
  if (take(scanner, 'e') || take(scanner, 'E')) {
    if (!take(scanner, '+')) take(scanner, '-');
    if (!isDigit(scanner.text[scanner.at])) throw invalid(scanner, 'in exponent of numeric literal');
    skipDigits(scanner);
  }
}

function skipDigits(scanner: Scanner): void {
  while (isDigit(scanner.text[scanner.at])) scanner.at++;
}

function skipSpace(scanner: Scanner): void {
  while (scanner.at < scanner.text.length && ' \t\r\n'.includes(scanner.text[scanner.at] as string)) scanner.at++;
}

function take(scanner: Scanner, character: string): boolean {
  if (scanner.text[scanner.at] !== character) return false;
  scanner.at += 1;
  return true;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

/** Shows one character, which may be the first of a secret, as Go does; never more. */
function invalid({ text, at }: Scanner, where: string): Fault {
  const point = text.codePointAt(at);
  if (point === undefined) return new Fault('invalid-request', 'unexpected EOF');
  // Go looks at bytes: of any other character it shows the first one, as Latin-1.
  const byte = Buffer.from(String.fromCodePoint(point))[0] as number;
  return new Fault('invalid-request', `invalid character ${shownByGo(byte)} ${where}`);
}

const escapes: ReadonlyMap<number, string> = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x27, "\\'"],
  [0x5c, '\\\\'],
]);

function shownByGo(byte: number): string {
  const isControl = byte < 0x20 || byte === 0x7f;
  const plain = isControl ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte);
  return `'${escapes.get(byte) ?? plain}'`;
}
