// Lays HCL out anew: two blanks for each level, one blank between words, `=` of neighbouring lines below one another.

import { Fault } from '../../../base/fault.ts';
import { type HclItem, type HclValue, parseHcl } from '../../../base/hcl/parser.ts';

/** The same items with the same comments. Throws Fault `invalid-request` for what is no HCL, and for JSON, which has no comments to keep. */
export function laidOut(source: string): string {
  const text = source.replaceAll('\r\n', '\n');
  if (/^\s*\{/.test(text)) throw new Fault('invalid-request', 'At 1:1: this is JSON; only HCL is laid out');
  const before = parseHcl(text);
  const after = aligned(linesOf(text));
  // A file that would mean something else is not written, whatever the reason.
  if (meaningOf(parseHcl(after)) !== meaningOf(before))
    throw new Fault('invalid-request', 'this text cannot be laid out without changing it');
  return after;
}

/** As the lexer cuts HCL, but with comments and line ends. */
const words =
  /(?<heredoc><<-?(?<mark>[\p{L}\p{N}_]+)\n(?:[^\n]*\n)*?\s*\k<mark>(?=\n|$))|(?<comment>\/\*[\s\S]*?\*\/|(?:#|\/\/)[^\n]*)|"(?:\\.|[^"\\\n])*"|[{}[\],=:]|(?<end>\n)|(?:(?!\/[/*])[^\s{}[\],=:"#])+/gu;

interface Line {
  readonly level: number;
  readonly text: string;
}

/** One line for each of the source; empty ones are kept, but for several in a row. */
function linesOf(source: string): readonly Line[] {
  const lines: Line[] = [];
  let line: string[] = [];
  let level = 0;
  const end = () => {
    const closing = line.findIndex((word) => !/^[}\]]$/.test(word));
    const closed = closing < 0 ? line.length : closing;
    const text = spaced(line);
    if (text !== '' || (lines.length > 0 && lines.at(-1)?.text !== '')) lines.push({ level: Math.max(0, level - closed), text });
    for (const word of line) level += /^[{[]$/.test(word) ? 1 : /^[}\]]$/.test(word) ? -1 : 0;
    line = [];
  };
  for (const { 0: word, groups } of source.matchAll(words)) {
    if (groups?.['end'] !== undefined) end();
    else line.push(groups?.['comment'] === undefined ? word : word.trimEnd());
  }
  end();
  return lines.at(-1)?.text === '' ? lines.slice(0, -1) : lines;
}

function spaced(line: readonly string[]): string {
  return line.map((word, at) => (at === 0 || isTight(line[at - 1] as string, word) ? word : ` ${word}`)).join('');
}

/** Within brackets, before commas and colons, and between the braces of an empty block. */
function isTight(left: string, right: string): boolean {
  return left === '[' || [']', ',', ':'].includes(right) || (left === '{' && right === '}');
}

const assignment = /^(?<key>"(?:\\.|[^"\\])*"|[^\s"={}[\]#/]+) = (?<value>[^\n]*)$/;

/** Lines that assign and follow one another on the same level have their `=` below one another. */
function aligned(lines: readonly Line[]): string {
  const keys = lines.map(({ text }) => assignment.exec(text)?.groups?.['key']);
  const widths = new Array<number>(lines.length).fill(0);
  for (let start = 0; start < lines.length; start++) {
    let stop = start;
    while (keys[stop] !== undefined && lines[stop]?.level === lines[start]?.level) stop++;
    const widest = Math.max(0, ...keys.slice(start, stop).map((key) => (key as string).length));
    widths.fill(widest, start, stop);
    start = Math.max(start, stop - 1);
  }
  const written = lines.map(({ level, text }, at) => {
    const key = keys[at];
    const laid = key === undefined ? text : key.padEnd(widths[at] as number) + text.slice(key.length);
    return laid === '' ? '' : '  '.repeat(level) + laid;
  });
  return `${written.join('\n')}\n`;
}

function meaningOf(items: readonly HclItem[]): string {
  return JSON.stringify(items.map(({ keys, value }) => [keys, contentOf(value)]));
}

function contentOf(value: HclValue): unknown {
  if (value.kind === 'list') return value.items.map(contentOf);
  return value.kind === 'object' ? { items: meaningOf(value.items) } : [value.kind, value.text];
}
