// A stanza, or the top of all files together, read key by key: the last of a repeated key counts, stanzas add up, and what nobody asked for is told.

import { Fault } from '../fault.ts';
import { type Block, blocksOf, type HclItem, type HclValue } from '../hcl/parser.ts';
import type { Kind } from './kind.ts';

export interface Entry {
  readonly item: HclItem;
  /** Path of the file, as the operator gave it. */
  readonly file: string;
}

export interface Section {
  /** `listener "tcp"`; empty at the top. */
  readonly title: string;
  readonly labels: readonly string[];
  /** `vault.hcl:12`; at the top the files. */
  readonly where: string;
  /** Where the key that counts stands; where the section starts if there is none. */
  whereIs(key: string): string;
  /**
   * Undefined where the key is not given or its value is empty, as templates leave it.
   * Throws Fault `usage` with file and line for a value of another kind.
   */
  read<T>(key: string, kind: Kind<T>): T | undefined;
  /** Every key with its value as text. Throws as `read`. */
  readAll(kind: Kind<string>): Record<string, string>;
  /** The stanzas of one name, in order; `labels` are the words for their labels: `TYPE`. Throws Fault `usage` for any other form. */
  stanzas(key: string, ...labels: readonly string[]): Section[];
  /** All stanzas of one name, without labels, as one: of a repeated key the last counts. */
  merged(key: string): Section;
  /** As `key in listener "tcp"` or `key`. */
  nameOf(key: string): string;
  /** Asked for, accepted, and of no effect. */
  acceptIdle(key: string, reason: string): void;
  /** Tells of each key that nobody asked for. */
  warnOfRest(): void;
}

export interface SectionOptions {
  readonly title: string;
  readonly labels: readonly string[];
  readonly where: string;
  readonly warn: (warning: string) => void;
}

export function refuse(where: string, sentence: string): Fault {
  return new Fault('usage', `${where}: ${sentence}`);
}

export function openSection(entries: readonly Entry[], { title, labels, where, warn }: SectionOptions): Section {
  const named = Map.groupBy(entries, ({ item }) => keyOf(item));
  const asked = new Set<string>();
  const takeAll = (key: string): readonly Entry[] => {
    asked.add(key);
    return named.get(key) ?? [];
  };
  const nameOf = (key: string) => (title === '' ? key : `${key} in ${title}`);
  const whereIs = (key: string) => {
    const last = named.get(key)?.at(-1);
    return last === undefined ? where : placeOf(last);
  };
  const read = <T>(key: string, kind: Kind<T>): T | undefined => {
    const all = takeAll(key);
    const last = all.at(-1);
    if (last === undefined) return undefined;
    // Another file may override on purpose; within one file it is a slip.
    for (const entry of all.slice(0, -1))
      if (entry.file === last.file) warn(`${quoted(nameOf(key))} at ${placeOf(entry)} is overridden at ${placeOf(last)}`);
    const { value } = last.item;
    if (value.kind === 'string' && value.text === '') return undefined;
    const found = last.item.keys.length > 1 ? undefined : kind.of(value);
    if (found === undefined)
      throw refuse(placeOf(last), `${nameOf(key)} must be ${kind.allowed}${kind.hidden === true ? '' : `, not ${shown(value)}`}`);
    return found;
  };
  const open = (body: readonly Entry[], inner: Omit<SectionOptions, 'warn'>) => openSection(body, { ...inner, warn });
  return {
    title,
    labels,
    where,
    whereIs,
    nameOf,
    read,
    readAll: (kind) => Object.fromEntries([...named.keys()].map((key) => [key, read(key, kind) ?? ''])),
    stanzas: (key, ...words) =>
      takeAll(key).flatMap((entry) =>
        blocksIn(entry, nameOf(key), words).map((block) =>
          open(entriesOf(block, entry), { title: titleOf(key, block.labels), labels: block.labels, where: placeOf(entry) }),
        ),
      ),
    merged: (key) =>
      open(
        takeAll(key).flatMap((entry) => blocksIn(entry, nameOf(key), []).flatMap((block) => entriesOf(block, entry))),
        { title: title === '' ? key : `${key} of ${title}`, labels: [], where: whereIs(key) },
      ),
    acceptIdle: (key, reason) => {
      for (const entry of takeAll(key)) warn(`${quoted(key)} at ${placeOf(entry)} is accepted and has no effect: ${reason}`);
    },
    warnOfRest: () => {
      for (const [key, unknown] of named)
        if (!asked.has(key))
          for (const entry of unknown)
            warn(`unknown ${formOf(entry.item)} ${quoted(key)}${title === '' ? '' : ` in ${title}`} at ${placeOf(entry)}`);
    },
  };
}

function blocksIn(entry: Entry, name: string, words: readonly string[]): Block[] {
  const key = keyOf(entry.item);
  const form = `${[key, ...words.map((label) => `"${label}"`)].join(' ')} { … }`;
  const blocks = isStanza(entry.item.value) ? blocksWith(entry.item, words.length) : undefined;
  if (blocks === undefined || (blocks.length === 0 && words.length > 0) || blocks.some(({ labels }) => labels.length !== words.length))
    throw refuse(placeOf(entry), `${name} must be written as ${form}`);
  return blocks;
}

/** Undefined where a value stands in the place of a block. */
function blocksWith(item: HclItem, labelCount: number): Block[] | undefined {
  try {
    return blocksOf(item, labelCount);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'invalid-request') return undefined;
    throw thrown;
  }
}

function entriesOf(block: Block, { file }: Entry): Entry[] {
  return block.body.map((item) => ({ item, file }));
}

function isStanza(value: HclValue): boolean {
  return value.kind === 'object' || (value.kind === 'list' && value.items.every(({ kind }) => kind === 'object'));
}

function formOf({ value }: HclItem): string {
  return value.kind === 'object' ? 'stanza' : 'key';
}

function keyOf(item: HclItem): string {
  return item.keys[0] ?? '';
}

function titleOf(key: string, labels: readonly string[]): string {
  return [key, ...labels.map(quoted)].join(' ');
}

function placeOf({ item, file }: Entry): string {
  return `${file}:${item.position.line}`;
}

const longestShown = 60;

export function quoted(word: string): string {
  return JSON.stringify(word.length > longestShown ? `${word.slice(0, longestShown)}…` : word);
}

function shown(value: HclValue): string {
  if ('text' in value) return value.kind === 'string' ? quoted(value.text) : value.text;
  return value.kind === 'list' ? 'a list' : 'a stanza';
}
