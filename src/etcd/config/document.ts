// An EncryptionConfiguration as a tree of places: YAML or JSON, each place with its path and line, as strict as kube-apiserver reads.

import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type Scalar, type YAMLMap } from 'yaml';
import { Fault } from '../../base/fault.ts';
import { type ScalarValue, scalarOf } from './yaml-scalar.ts';

/** One value of the document. */
export interface Place {
  /** `resources[0].providers`; empty at the root. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly node: Node | null;
}

export interface OpenDocument {
  readonly root: Place;
  /** Further documents stand behind this one; kube-apiserver looks at the first alone. */
  readonly more: boolean;
  /**
   * Values by name; undefined where the value is null. Throws Fault `usage` for a value that is no object, for unknown names and for
   * such as stand there twice.
   */
  fields(place: Place, names: readonly string[]): ReadonlyMap<string, Place> | undefined;
  /** Empty where the value is null. */
  items(place: Place): readonly Place[];
  isNull(place: Place): boolean;
  /** Empty where the value is null or missing. */
  text(place: Place | undefined): string;
  /** Of 32 bits; undefined where the value is null or missing. */
  integer(place: Place | undefined): number | undefined;
  /** To be thrown: Fault `usage` with file, line and path. */
  refusal(place: Place, message: string): Fault;
  /** Of a path, or of the nearest place around it that was looked at. */
  lineOf(path: string): number;
}

/** `file` is for messages. Throws Fault `usage` when the text is neither YAML nor JSON; what it holds is not told, it may be a key. */
export function openDocument(text: string, file: string): OpenDocument {
  if (text === '') throw new Fault('usage', `${file} is empty: an EncryptionConfiguration is expected there`);
  const json = /^[\s\u0085]*\{/.test(text);
  if (json) checkJson(text, file);
  else checkCharacters(text, file);
  const counter = new LineCounter();
  const documents = parsed(text, file, counter);
  const [document] = documents;
  if (document === undefined) throw new Fault('usage', `${file} holds no EncryptionConfiguration`);
  const [error] = document.errors;
  if (error !== undefined) throw damaged(file, counter.linePos(error.pos[0]).line);
  const version = document.directives?.yaml.explicit === true ? /^%YAML +(\S+)/m.exec(text)?.[1] : undefined;
  if (version !== undefined && version !== '1.1')
    throw new Fault('usage', `${file} says that it is YAML ${version}, and kube-apiserver reads 1.1 alone: remove the line %YAML`);
  return documentReader({ document, file, counter, json, more: documents.length > 1 });
}

function parsed(text: string, file: string, counter: LineCounter): readonly Document.Parsed[] {
  try {
    const found = parseAllDocuments(text, {
      ...{ version: '1.1', schema: 'failsafe', lineCounter: counter, uniqueKeys: false, strict: false, logLevel: 'silent' },
    } as const);
    return Array.isArray(found) ? found : [];
  } catch {
    throw damaged(file, 1);
  }
}

function damaged(file: string, line: number): Fault {
  return new Fault('usage', `${file} is no YAML at line ${line}: look at its indentation, quotes and colons`);
}

function checkJson(text: string, file: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new Fault('usage', `${file} begins with a brace and is no JSON: kube-apiserver reads it as JSON alone then`);
  }
}

/**
 * What YAML 1.1 takes (section 4.1.1), without its rare line breaks (lone CR, NEL, LS, PS): kube-apiserver ends a line there, the
 * parser here does not, so that a text with one would be read in two ways.
 */
const unwanted = /[^\t\n\r\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|\r(?!\n)/u;

function checkCharacters(text: string, file: string): void {
  const other = unwanted.exec(text);
  if (other === null) return;
  const line = text.slice(0, other.index).split('\n').length;
  throw new Fault('usage', `${file} has a control character in line ${line}: remove it`);
}

interface Opened {
  readonly document: Document.Parsed;
  readonly file: string;
  readonly counter: LineCounter;
  readonly json: boolean;
  readonly more: boolean;
}

function documentReader({ document, file, counter, json, more }: Opened): OpenDocument {
  const lines = new Map<string, number>();
  const placeOf = (path: string, node: unknown, near: number): Place => {
    const found = (node ?? null) as Node | null;
    const line = found?.range == null ? near : counter.linePos(found.range[0]).line;
    lines.set(path, line);
    return { path, line, node: found };
  };
  const refuse = ({ path, line }: Place, message: string): Fault =>
    new Fault('usage', `${file}, line ${line}: ${path === '' ? 'the document' : path} ${message}`);
  /** The value behind an alias. */
  const target = (place: Place): Node | null => {
    const { node } = place;
    if (!isAlias(node)) return node;
    const found = node.resolve(document);
    if (found === undefined) throw refuse(place, `refers to the anchor ${node.source}, which is not there`);
    return found;
  };
  const readValue = (place: Place): ScalarValue | undefined => {
    const node = target(place);
    return node === null ? null : isScalar(node) ? scalarValue(node as Scalar) : undefined;
  };
  const isNull = (place: Place): boolean => readValue(place) === null;

  /** Pairs of a mapping with those of the mappings that are merged into it (`<<`). */
  const pairsOf = (place: Place, map: YAMLMap, depth = 0): readonly (readonly [string, Place])[] => {
    if (depth > deepestMerge) throw refuse(place, 'merges itself');
    return map.items.flatMap(({ key, value }) => {
      const at = placeOf(place.path, key, place.line);
      const name = readValue(at);
      if (name === '<<' && !json && isPlain(target(at))) {
        const merged = placeOf(place.path, value, at.line);
        const node = target(merged);
        const maps = isSeq(node) ? node.items.map((each) => target({ ...merged, node: each as Node })) : [node];
        return maps.flatMap((each) => {
          if (!isMap(each)) throw refuse(merged, 'merges (<<) something that is no object');
          return pairsOf(merged, each, depth + 1);
        });
      }
      if (typeof name !== 'string') throw refuse(at, 'has a name that is no text: put it in quotes, or remove it');
      const path = place.path === '' ? name : `${place.path}.${name}`;
      return [[name, placeOf(path, value, at.line)] as const];
    });
  };

  return {
    root: placeOf('', document.contents, 1),
    more,
    refusal: refuse,
    isNull,
    fields(place, names) {
      const map = target(place);
      if (isNull(place)) return undefined;
      if (!isMap(map)) throw refuse(place, 'has to be an object: look at the indentation below it');
      const found = new Map<string, Place>();
      for (const [name, value] of pairsOf(place, map)) {
        if (!names.includes(name)) throw refuse({ ...value, path: place.path }, unknown(name, names));
        if (found.has(name)) throw refuse(value, 'stands there twice: remove one of the two');
        found.set(name, value);
      }
      return found;
    },
    items(place) {
      if (isNull(place)) return [];
      const list = target(place);
      if (!isSeq(list)) throw refuse(place, 'has to be a list: put a dash before each of its items');
      return list.items.map((item, index) => placeOf(`${place.path}[${index}]`, item, place.line));
    },
    text(place) {
      const value = place === undefined ? null : readValue(place);
      if (value === null) return '';
      if (typeof value !== 'string' && place !== undefined) throw refuse(place, 'has to be a text: put it in quotes');
      return value as string;
    },
    integer(place) {
      const value = place === undefined ? null : readValue(place);
      if (value === null || place === undefined) return undefined;
      const typed = json ? /^-?[0-9]+$/.test((target(place) as Scalar).source ?? '') : true;
      if (typeof value !== 'number' || !Number.isInteger(value) || !typed || value !== (value | 0))
        throw refuse(place, 'has to be a whole number of 32 bits, without quotes');
      return value;
    },
    lineOf(path) {
      for (let at = path; at !== ''; at = at.replace(/(?:\.?[^.[\]]+|\[[0-9]*\])$/, '')) {
        const line = lines.get(at);
        if (line !== undefined) return line;
      }
      return lines.get('') ?? 1;
    },
  };
}

const deepestMerge = 16;

function isPlain(node: Node | null): boolean {
  return isScalar(node) && node.type === 'PLAIN';
}

/** Values in quotes and blocks are texts; so are those with a tag of the user's own. */
function scalarValue({ type, tag, value, source }: Scalar): ScalarValue | undefined {
  const text = typeof value === 'string' ? value : (source ?? '');
  const kind = /^tag:yaml\.org,2002:(bool|int|float|null|binary)$/.exec(tag ?? '')?.[1];
  if (tag !== undefined && kind === undefined) return text;
  if (kind === 'binary') return Buffer.from(text, 'base64').toString();
  if (type !== 'PLAIN' && kind === undefined) return text;
  const found = scalarOf(text);
  const kinds = { string: [], boolean: ['bool'], number: ['int', 'float'], null: ['null'] };
  if (kind !== undefined && !kinds[found === null ? 'null' : (typeof found as 'string')].includes(kind as never)) return undefined;
  return found;
}

function unknown(name: string, names: readonly string[]): string {
  // A key that slipped into the place of a name must not be shown: those are longer.
  const shown = /^[A-Za-z][A-Za-z0-9_-]{0,19}$/.test(name) ? ` "${name}"` : '';
  return `has an unknown field${shown}: kube-apiserver takes ${names.length === 0 ? 'none' : names.join(', ')} here, as they are written`;
}
