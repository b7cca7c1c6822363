// Changes single places of a YAML text and leaves every other byte as it was: comments, order, odd indentation.

import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  Scalar,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { Fault } from '../../base/fault.ts';

/** Keys and indexes that lead to a value. */
export type ValuePath = readonly (string | number)[];

type Ranged = { readonly range?: readonly [number, number, number] | null };

/** The one document of the text. Throws Fault `invalid-request` that names file and line, never what stands there. */
export function yamlDocument(text: string, path: string): Document {
  const parsed = parseAllDocuments(text);
  const documents = ('empty' in parsed ? [] : parsed).filter(({ contents }) => contents !== null);
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) throw new Fault('invalid-request', `${path}:${broken.linePos?.[0].line ?? 1} is no YAML: mend it first`);
  const [document, second] = documents;
  if (document === undefined) throw new Fault('invalid-request', `${path} is empty`);
  if (second !== undefined) throw new Fault('invalid-request', `${path} holds several documents: leave one in it`);
  return document as Document;
}

/** The list gets one more entry; one that is not there is made, in a map that is. */
export function appended(text: string, list: ValuePath, value: unknown, path: string): string {
  const document = yamlDocument(text, path);
  const node = document.getIn(list, true);
  if (node === undefined) return added(text, list, [value], path);
  const after = isSeq(node) && node.items.length > 0 ? appendedTo(text, document, list, node, value) : text;
  return proven(text, after, path, (content) => void (valueAt(content, list) as unknown[]).push(value));
}

/** The single value takes this one's place; a member that is not there is added, to a map that is. */
export function replaced(text: string, at: ValuePath, value: string | boolean, path: string): string {
  const document = yamlDocument(text, path);
  const node = document.getIn(at, true);
  if (node === undefined) return added(text, at, value, path);
  if (isScalar(node) && node.value === value) return text;
  const [start, end] = rangeOf(node);
  const tail = text[end - 1] === '\n' ? '\n' : '';
  const after = isScalar(node) ? text.slice(0, start) + inlineText(document, at, node, value) + tail + text.slice(end) : text;
  return proven(text, after, path, (content) => {
    (valueAt(content, at.slice(0, -1)) as Record<string | number, unknown>)[at.at(-1) ?? ''] = value;
  });
}

/** The entry or member goes; a list that would be empty goes with its key. */
export function removed(text: string, at: ValuePath, path: string): string {
  const document = yamlDocument(text, path);
  const holder = document.getIn(at.slice(0, -1), true);
  if (isSeq(holder) && holder.items.length === 1 && at.length > 1) return removed(text, at.slice(0, -1), path);
  const last = at.at(-1) ?? '';
  const after = isCollection(holder) ? withoutEntry(text, inFlow(document, at.slice(0, -1)), holder, last) : text;
  return proven(text, after, path, (content) => {
    const value = valueAt(content, at.slice(0, -1));
    if (Array.isArray(value)) value.splice(Number(last), 1);
    else delete (value as Record<string, unknown>)[String(last)];
  });
}

/** A splice may be wrong where a text is written in a way nobody thought of: what the result means is compared with what is meant. */
function proven(before: string, after: string, path: string, change: (content: unknown) => void): string {
  const meant = apart(yamlDocument(before, path).toJS());
  change(meant);
  if (isDeepStrictEqual(contentOf(after, path), apart(meant))) return after;
  throw new Fault(
    'invalid-request',
    `${path} is written in a way that cannot be changed without touching the rest of it (aliases, tags, empty lists): make the change by hand, or write the file anew`,
  );
}

/** What an alias shares becomes two things, so that a change of one of them does not pass for a change of both. */
const apart = (content: unknown): unknown => JSON.parse(JSON.stringify(content));

function contentOf(text: string, path: string): unknown {
  try {
    return apart(yamlDocument(text, path).toJS());
  } catch {
    return undefined;
  }
}

function added(text: string, at: ValuePath, value: unknown, path: string): string {
  const document = yamlDocument(text, path);
  const map = document.getIn(at.slice(0, -1), true);
  const key = String(at.at(-1));
  const after = isMap(map) && map.items.length > 0 ? addedTo(text, document, at, map, { [key]: value }) : text;
  return proven(text, after, path, (content) => {
    (valueAt(content, at.slice(0, -1)) as Record<string, unknown>)[key] = value;
  });
}

function appendedTo(text: string, document: Document, list: ValuePath, node: YAMLSeq, value: unknown): string {
  if (inFlow(document, list)) return insertedInFlow(text, node.items.at(-1) as Ranged, JSON.stringify(value));
  const column = columnOf(text, rangeOf(node)[0]);
  const [first = '', ...rest] = blockLines(value);
  const lines = [`- ${first}`, ...rest.map((line) => `  ${line}`)];
  return insertedLines(text, node, column, lines);
}

function addedTo(text: string, document: Document, at: ValuePath, map: YAMLMap, pair: Record<string, unknown>): string {
  const last = map.items.at(-1);
  if (inFlow(document, at.slice(0, -1))) {
    return insertedInFlow(text, spanOf(last?.key, last?.value), JSON.stringify(pair).slice(1, -1));
  }
  return insertedLines(text, map, columnOf(text, rangeOf(map.items[0]?.key)[0]), blockLines(pair));
}

/** Flow text is JSON here. What stands one a line stays one a line. */
function insertedInFlow(text: string, last: Ranged, addition: string): string {
  const [start, end] = rangeOf(last);
  const before = text.slice(lineStart(text, start), start);
  const separator = before.trim() === '' && start > 0 ? `,${newlineOf(text)}${before}` : ', ';
  return text.slice(0, end) + separator + addition + text.slice(end);
}

function insertedLines(text: string, after: Ranged, column: number, lines: readonly string[]): string {
  const newline = newlineOf(text);
  const at = nextLine(text, rangeOf(after)[1]);
  const addition = lines.map((line) => `${' '.repeat(column)}${line}${newline}`).join('');
  const gap = at > 0 && text[at - 1] !== '\n' ? newline : '';
  return text.slice(0, at) + gap + addition + text.slice(at);
}

function withoutEntry(text: string, flow: boolean, holder: YAMLMap | YAMLSeq, key: string | number): string {
  const entries = isMap(holder)
    ? holder.items.map((pair) => spanOf(pair.key, pair.value))
    : holder.items.map((item) => spanOf(item as Ranged, item as Ranged));
  const index = isMap(holder) ? holder.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === key) : Number(key);
  const entry = entries[index];
  if (entry === undefined) return text;
  const [start, end] = rangeOf(entry);
  if (flow) {
    const next = entries[index + 1];
    const previous = entries[index - 1];
    if (next !== undefined) return text.slice(0, start) + text.slice(rangeOf(next)[0]);
    return text.slice(0, previous === undefined ? start : rangeOf(previous)[1]) + text.slice(end);
  }
  return text.slice(0, lineStart(text, start)) + text.slice(nextLine(text, end));
}

const spanOf = (first: unknown, last: unknown): Ranged => {
  const [start, end] = rangeOf(first);
  const until = isCollection(last) || isScalar(last) ? rangeOf(last)[1] : end;
  return { range: [start, Math.max(end, until), until] };
};

/** Quoted as it was; in flow as JSON, since a comma would end a plain text there. */
function inlineText(document: Document, at: ValuePath, node: Scalar, value: string | boolean): string {
  if (typeof value !== 'string') return String(value);
  if (node.type === Scalar.QUOTE_DOUBLE || inFlow(document, at.slice(0, -1))) return JSON.stringify(value);
  if (node.type === Scalar.QUOTE_SINGLE) return `'${value.replaceAll("'", "''")}'`;
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

const blockLines = (value: unknown): readonly string[] => stringify(value, { lineWidth: 0, indentSeq: false }).trimEnd().split('\n');

function inFlow(document: Document, at: ValuePath): boolean {
  return [...at.keys(), at.length].some((length) => {
    const node = document.getIn(at.slice(0, length), true);
    return isCollection(node) && node.flow === true;
  });
}

function rangeOf(node: unknown): readonly [number, number] {
  const range = (node as Ranged | undefined | null)?.range;
  return range === undefined || range === null ? [0, 0] : [range[0], range[1]];
}

function valueAt(content: unknown, path: ValuePath): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], content);
}

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;

const columnOf = (text: string, at: number): number => at - lineStart(text, at);

/** Where the line after this place begins; this place itself if a line begins here. */
function nextLine(text: string, at: number): number {
  if (at > 0 && text[at - 1] === '\n') return at;
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}

const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');
