// Strict reading of a YAML file: each value by its place, each refusal with path and line.

import { type Document, isMap, isScalar, isSeq } from 'yaml';
import { Fault } from '../../base/fault.ts';
import { type ValuePath, yamlDocument } from './manifest-splice.ts';

export interface FieldReader {
  /** False when nothing is there. What is there has to be a map; with `known`, one of these members alone. */
  map(at: ValuePath, known?: readonly string[]): boolean;
  /** Number of entries; undefined when nothing is there. */
  list(at: ValuePath): number | undefined;
  /** Not empty. A number is taken for its text, as YAML users expect of names and ports. */
  text(at: ValuePath): string | undefined;
  flag(at: ValuePath): boolean | undefined;
  /** 1 to 65535; also in quotes. */
  port(at: ValuePath): number | undefined;
  /** One text, or a list of them. */
  texts(at: ValuePath): readonly string[] | undefined;
  /** Whatever is there, as data. */
  value(at: ValuePath): unknown;
  /** Throws Fault `invalid-request`: `cluster.yml:12: nodes[0].port …`. */
  refuse(at: ValuePath, message: string): never;
}

/**
 * `emptyIsAbsent` for files in which programs write out every setting, with empty texts for those that nobody set. Throws Fault
 * `invalid-request` when the text is no YAML. Messages name places, never values.
 */
export function fieldReader(text: string, path: string, options: { readonly emptyIsAbsent?: boolean } = {}): FieldReader {
  const document = yamlDocument(text, path);
  const refuse = (at: ValuePath, message: string): never => {
    const place = placeName(at);
    throw new Fault('invalid-request', `${path}:${lineOf(document, text, at)}: ${place === '' ? '' : `${place} `}${message}`);
  };
  const nodeAt = (at: ValuePath): unknown => {
    const node = document.getIn(at, true);
    if (isScalar(node) && (node.value === null || (node.value === '' && options.emptyIsAbsent === true))) return undefined;
    return node ?? undefined;
  };
  const scalarAt = (at: ValuePath, wanted: string): unknown => {
    const node = nodeAt(at);
    if (node === undefined) return undefined;
    return isScalar(node) ? node.value : refuse(at, `has to be ${wanted}`);
  };
  const textAt = (at: ValuePath): string | undefined => {
    const value = scalarAt(at, 'a text');
    if (value === undefined) return undefined;
    if (typeof value === 'number') return String(value);
    return typeof value === 'string' && value.trim() !== '' ? value : refuse(at, 'has to be a text that is not empty');
  };
  const listAt = (at: ValuePath): number | undefined => {
    const node = nodeAt(at);
    if (node === undefined) return undefined;
    return isSeq(node) ? node.items.length : refuse(at, 'has to be a list');
  };
  return {
    map: (at, known) => {
      const node = nodeAt(at);
      if (node === undefined) return false;
      if (!isMap(node)) return refuse(at, 'has to be a map of settings');
      const strange =
        known === undefined ? undefined : node.items.find(({ key }) => !known.includes(String(isScalar(key) ? key.value : key)));
      if (strange === undefined) return true;
      const name = String(isScalar(strange.key) ? strange.key.value : strange.key);
      return refuse([...at, name], `is no setting here: known are ${(known ?? []).join(', ')}`);
    },
    list: listAt,
    text: textAt,
    flag: (at) => {
      const value = scalarAt(at, 'true or false');
      return value === undefined || typeof value === 'boolean' ? value : refuse(at, 'has to be true or false');
    },
    port: (at) => {
      const value = textAt(at);
      if (value === undefined) return undefined;
      const port = Number(value);
      return Number.isInteger(port) && port > 0 && port < 65536 ? port : refuse(at, 'has to be a port number');
    },
    texts: (at) => {
      if (!isSeq(nodeAt(at))) return textAt(at)?.split('\n');
      return Array.from({ length: listAt(at) ?? 0 }, (_, index) => textAt([...at, index]) ?? refuse([...at, index], 'is empty'));
    },
    value: (at) => {
      const content = document.toJS() as unknown;
      return at.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined | null)?.[key], content);
    },
    refuse,
  };
}

/** Of the key if there is one, otherwise of the nearest thing around it that is there. */
function lineOf(document: Document, text: string, at: ValuePath): number {
  for (let length = at.length; length > 0; length -= 1) {
    const holder = document.getIn(at.slice(0, length - 1), true);
    const last = at[length - 1];
    const found = isMap(holder)
      ? holder.items.find(({ key }) => isScalar(key) && key.value === last)?.key
      : document.getIn(at.slice(0, length), true);
    const start = (found as { range?: readonly number[] | null } | undefined | null)?.range?.[0];
    if (start !== undefined) return text.slice(0, start).split('\n').length;
  }
  return 1;
}

/** `nodes[0].ssh.host`. */
const placeName = (at: ValuePath): string =>
  at.reduce<string>((name, key) => (typeof key === 'number' ? `${name}[${key}]` : name === '' ? key : `${name}.${key}`), '');
