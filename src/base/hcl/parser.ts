// HCL 1, and its JSON form, as a tree of items with positions: `key "label" = value` and `key "label" { … }`.

import { Fault } from '../fault.ts';
import { parseJson } from '../json.ts';
import { errorAt, lex, type Token } from './lexer.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export type HclValue =
  | { readonly kind: 'string' | 'number' | 'bool'; readonly text: string; readonly position: Position }
  | { readonly kind: 'list'; readonly items: readonly HclValue[]; readonly position: Position }
  | { readonly kind: 'object'; readonly items: readonly HclItem[]; readonly position: Position };

export interface HclItem {
  /** The key, then its labels: `path "secret/*" { … }` has two. */
  readonly keys: readonly string[];
  readonly value: HclValue;
  readonly position: Position;
}

const deepest = 64;
const longest = 4 * 1024 * 1024;

/** HCL, or JSON when the text begins with `{`. Throws Fault `invalid-request` with line and column. */
export function parseHcl(source: string): readonly HclItem[] {
  if (source.length > longest) throw new Fault('invalid-request', 'At 1:1: the text is longer than 4 MiB');
  if (/^\s*\{/.test(source)) return itemsOfJson(parseJson(source, { depth: deepest, members: 100_000 }) as Json, jsonPlaces(source));
  return new Parser(lex(source)).file();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  file(): HclItem[] {
    const items: HclItem[] = [];
    while (this.#peek().kind !== 'end') {
      items.push(this.#item());
      this.#takeIf(',');
    }
    return items;
  }

  #peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  #takeIf(kind: Token['kind']): boolean {
    if (this.#peek().kind !== kind) return false;
    this.#at += 1;
    return true;
  }

  #item(): HclItem {
    const first = this.#peek();
    const keys: string[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'identifier' || token.kind === 'string' || (token.kind === 'bool' && keys.length === 0)) {
        keys.push(token.text);
        this.#take();
        continue;
      }
      if (keys.length === 0) throw errorAt(token, `expected: IDENT | STRING got: ${kindName(token)}`);
      if (token.kind === '{') return { keys, value: this.#value(), position: first };
      if (token.kind !== '=') throw errorAt(token, `key '${keys.join(' ')}' expected start of object ('{') or assignment ('=')`);
      if (keys.length > 1) throw errorAt(token, 'nested object expected: LBRACE got: ASSIGN');
      this.#take();
      return { keys, value: this.#value(), position: first };
    }
  }

  #value(): HclValue {
    const token = this.#take();
    switch (token.kind) {
      case 'string':
      case 'number':
      case 'bool':
        return { kind: token.kind, text: token.text, position: token };
      case '[':
        return this.#nested(token, () => this.#list(token));
      case '{':
        return this.#nested(token, () => this.#object(token));
      default:
        throw errorAt(
          token,
          `Unknown token: ${token.line}:${token.column} ${kindName(token)} ${token.kind === 'end' ? '' : token.text}`.trimEnd(),
        );
    }
  }

  #nested<T>(token: Token, parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > deepest) throw errorAt(token, `nested deeper than ${deepest} levels`);
    const parsed = parse();
    this.#depth -= 1;
    return parsed;
  }

  #object(start: Token): HclValue {
    const items: HclItem[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') throw errorAt(token, 'object expected closing RBRACE got: EOF');
      if (this.#takeIf('}')) return { kind: 'object', items, position: start };
      items.push(this.#item());
      this.#takeIf(',');
    }
  }

  #list(start: Token): HclValue {
    const items: HclValue[] = [];
    for (;;) {
      if (this.#takeIf(']')) return { kind: 'list', items, position: start };
      if (items.length > 0 && !this.#takeIf(','))
        throw errorAt(this.#peek(), `error parsing list, expected comma or list end, got: ${kindName(this.#peek())}`);
      if (this.#takeIf(']')) return { kind: 'list', items, position: start };
      items.push(this.#value());
    }
  }
}

/** Go's names of tokens, which stand in the errors people know. */
const names: Readonly<Record<Token['kind'], string>> = {
  identifier: 'IDENT',
  string: 'STRING',
  number: 'NUMBER',
  bool: 'BOOL',
  '{': 'LBRACE',
  '}': 'RBRACE',
  '[': 'LBRACK',
  ']': 'RBRACK',
  '=': 'ASSIGN',
  ',': 'COMMA',
  ':': 'COLON',
  end: 'EOF',
};

function kindName(token: Token): string {
  return names[token.kind];
}

type Json = Readonly<Record<string, unknown>>;

/** Where a key first stands as a quoted word: good enough to send people to the right line. Looked for when somebody asks. */
function jsonPlaces(source: string): (key: string) => Position {
  let places: ReadonlyMap<string, Position> | undefined;
  const place = (key: string): Position => {
    places ??= firstPlaces(source);
    return places.get(JSON.stringify(key)) ?? { line: 1, column: 1 };
  };
  return (key) => ({
    get line() {
      return place(key).line;
    },
    get column() {
      return place(key).column;
    },
  });
}

/** The strings of a valid JSON text, as written, each with its first place. */
function firstPlaces(source: string): Map<string, Position> {
  const places = new Map<string, Position>();
  let line = 1;
  let lineStart = 0;
  for (let at = 0; at < source.length; at++) {
    if (source[at] === '\n') {
      line += 1;
      lineStart = at + 1;
    }
    if (source[at] !== '"') continue;
    let end = at + 1;
    while (source[end] !== '"') end += source[end] === '\\' ? 2 : 1;
    const written = source.slice(at, end + 1);
    if (!places.has(written)) places.set(written, { line, column: at - lineStart + 1 });
    at = end;
  }
  return places;
}

/** `{"path": {"a": {…}}}` is `path "a" {…}`: HCL's JSON form merges objects into blocks, and lists of objects into repeated ones. */
function itemsOfJson(json: Json, where: (key: string) => Position): HclItem[] {
  return Object.entries(json).flatMap(([key, value]) => {
    const position = where(key);
    const values = Array.isArray(value) && value.every(isJsonObject) && value.length > 0 ? value : [value];
    return values.map((one) => ({ keys: [key], value: valueOfJson(one, position, where), position }));
  });
}

function valueOfJson(value: unknown, position: Position, where: (key: string) => Position): HclValue {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => valueOfJson(item, position, where)), position };
  if (JSON.isRawJSON(value)) return { kind: 'number', text: value.rawJSON, position };
  if (isJsonObject(value)) return { kind: 'object', items: itemsOfJson(value, where), position };
  if (typeof value === 'number') return { kind: 'number', text: String(value), position };
  if (typeof value === 'boolean') return { kind: 'bool', text: String(value), position };
  return { kind: 'string', text: typeof value === 'string' ? value : '', position };
}

function isJsonObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

export interface Block {
  readonly labels: readonly string[];
  readonly body: readonly HclItem[];
  readonly position: Position;
}

/**
 * The blocks of one name with `labelCount` labels, in both forms: labels written beside the key, or as keys of nested
 * objects (which is all that JSON has). Throws Fault `invalid-request` where a value stands instead of a block.
 */
export function blocksOf(item: HclItem, labelCount: number): Block[] {
  const labels = item.keys.slice(1);
  if (item.value.kind === 'list') return item.value.items.flatMap((value) => blocksOf({ ...item, value }, labelCount));
  if (item.value.kind !== 'object') throw errorAt(item.position, `${item.keys[0]} must be a block`);
  if (labels.length >= labelCount) return [{ labels, body: item.value.items, position: item.position }];
  return item.value.items.flatMap((inner) =>
    blocksOf({ ...inner, keys: [...item.keys, ...inner.keys], position: item.position }, labelCount),
  );
}
