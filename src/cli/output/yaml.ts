// YAML of plain data, as block lines with sorted keys: texts stand bare where they stay texts, several lines as a literal block.

import { membersOf } from './json.ts';

/** Ends with a line end. */
export function yaml(value: unknown): string {
  return isScalar(value) ? `${scalar(value, '  ')}\n` : linesOf(value, '');
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== 'object' || JSON.isRawJSON(value) || sizeOf(value) === 0;
}

function sizeOf(value: object): number {
  return Array.isArray(value) ? value.length : membersOf(value).length;
}

/** The lines of a list or an object that is not empty. */
function linesOf(value: unknown, indent: string): string {
  if (Array.isArray(value))
    return value
      .map((item) =>
        isScalar(item) ? `${indent}- ${scalar(item, `${indent}  `)}\n` : `${indent}- ${linesOf(item, `${indent}  `).trimStart()}`,
      )
      .join('');
  return membersOf(value as object)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => {
      const key = quoted(name);
      if (isScalar(member)) return `${indent}${key}: ${scalar(member, `${indent}  `)}\n`;
      return `${indent}${key}:\n${linesOf(member, Array.isArray(member) ? indent : `${indent}  `)}`;
    })
    .join('');
}

/** `inner` stands before the lines of a literal block. */
function scalar(value: unknown, inner: string): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return isBlock(value) ? literal(value, inner) : quoted(value);
  if (typeof value !== 'object') return String(value);
  if (JSON.isRawJSON(value)) return value.rawJSON;
  return Array.isArray(value) ? '[]' : '{}';
}

/** Several lines that a literal block gives back as they were. */
function isBlock(text: string): boolean {
  return /[^\n]\n/.test(text) && !/^[ \n]/.test(text) && !unprintable.test(text.replaceAll('\n', ''));
}

const unprintable = /[^\t\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|\t|[\x85\u2028\u2029\ufeff]/u;

function literal(text: string, inner: string): string {
  const body = text.replace(/\n+$/, '');
  const ends = text.length - body.length;
  const lines = body.split('\n').map((line) => (line === '' ? '' : inner + line));
  return `|${ends === 0 ? '-' : ends === 1 ? '' : '+'}\n${lines.join('\n')}${'\n'.repeat(Math.max(0, ends - 1))}`;
}

/** Bare, in double quotes where it would be read as something else than a text, in single quotes where it would be read as syntax. */
function quoted(text: string): string {
  if (unprintable.test(text) || text.includes('\n')) return JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029\ufeff]/g, escapeCode);
  if (isOtherType(text)) return JSON.stringify(text);
  return isSyntax(text) ? `'${text.replaceAll("'", "''")}'` : text;
}

function escapeCode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const words = /^(?:|~|null|true|false|yes|no|on|off|y|n|<<|=|[-+]?\.inf|\.nan)$/i;
const numeric =
  /^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[\da-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[-+]?\d+)?|\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?)$/i;
const timestamp = /^\d{4}-\d\d?-\d\d?(?:$|[Tt\s])/;

/** Would be read as null, a truth value, a number or a time (YAML 1.1, which most readers still follow). */
function isOtherType(text: string): boolean {
  return words.test(text) || numeric.test(text) || timestamp.test(text);
}

function isSyntax(text: string): boolean {
  return /^[#,[\]{}&*!|>'"%@`]|^[-?:](?:\s|$)|^(?:---|\.\.\.)|^\s|\s$|:(?:\s|$)|\s#/.test(text);
}
