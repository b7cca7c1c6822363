// What was found in etcd as people and machines read it: a table by resource, provider and key, and the objects that are not as they should be.

import type { Count, CountRow, NamedObject } from './count.ts';
import type { Scan } from './scan.ts';

/** What machines read; numbers that may exceed 2^53 are text. */
export interface ScanReport {
  /** undefined where the count is not of one revision. */
  readonly revision?: string | undefined;
  readonly rows: readonly ReportRow[];
  readonly unexpected: {
    /** Exact, also when not all of them are named. */
    readonly count: number;
    readonly objects: readonly ReportObject[];
  };
}

export interface ReportRow {
  readonly resource: string;
  readonly provider: string;
  readonly key: string;
  readonly key_id?: string | undefined;
  readonly count: number;
  readonly bytes: number;
}

export interface ReportObject {
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly provider: string;
  readonly key: string;
  readonly key_id?: string | undefined;
}

export function scanReport(count: Count & Partial<Pick<Scan, 'revision'>>): ScanReport {
  const { revision, rows, named } = count;
  return {
    ...(revision === undefined ? {} : { revision: String(revision) }),
    rows: rows.map(({ resource, provider, key, keyId, objects, bytes }) => ({
      ...{ resource, provider, key },
      ...(keyId === undefined ? {} : { key_id: keyId }),
      ...{ count: objects, bytes },
    })),
    unexpected: {
      count: named.count,
      objects: named.objects.map(({ resource, namespace, name, form: { provider, key, keyId } }) => ({
        resource,
        ...(namespace === undefined ? {} : { namespace }),
        ...{ name, provider, key },
        ...(keyId === undefined ? {} : { key_id: keyId }),
      })),
    },
  };
}

const titles = ['RESOURCE', 'PROVIDER', 'KEY', 'OBJECTS'] as const;
const idTitle = 'KEY ID';
const nothing = '-';
/** Of a key id: a plugin may name its keys in up to 1,024 bytes. */
const longestId = 48;

/**
 * Lines of the table, head first; a resource that was looked for and has no object has a line as well. Without a line when nothing
 * was looked for.
 */
export function tableLines({ rows, resources }: Count & Partial<Pick<Scan, 'resources'>>): readonly string[] {
  const hasIds = rows.some(({ keyId }) => keyId !== undefined);
  const found = new Set(rows.map(({ resource }) => resource));
  const without = resources === undefined || resources === 'everything' ? [] : resources.filter((resource) => !found.has(resource));
  if (rows.length + without.length === 0) return [];
  const cells = [
    ...rows.map((row) => ({ at: row.resource, words: wordsOf(row) })),
    ...without.map((resource) => ({ at: resource, words: [resource, nothing, nothing, '0', nothing] })),
  ];
  // Array.prototype.sort is stable: the rows of a resource keep their order.
  cells.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0));
  const table = [[...titles, idTitle], ...cells.map(({ words }) => words)].map((words) => (hasIds ? words : words.slice(0, -1)));
  const widths = titles.map((_, column) => Math.max(...table.map((words) => (words[column] ?? '').length)));
  return table.map((words) =>
    words
      .map((word, column) => padded(word, column, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function wordsOf({ resource, provider, key, keyId, objects }: CountRow): string[] {
  return [resource, provider, key === '' ? nothing : shown(key), String(objects), keyId === undefined ? nothing : shortened(shown(keyId))];
}

function padded(word: string, column: number, width: number): string {
  return titles[column] === 'OBJECTS' ? word.padStart(width) : word.padEnd(width);
}

/** One line for each object that is named, and one that says how many are not. */
export function namedLines({ named }: Count): readonly string[] {
  const lines = named.objects.map((object) => `${object.resource} ${placeOf(object)}: ${formOf(object)}`);
  const left = named.count - named.objects.length;
  if (left > 0) lines.push(`… and ${left} more`);
  return lines;
}

function placeOf({ namespace, name }: NamedObject): string {
  return shown(namespace === undefined ? name : `${namespace}/${name}`);
}

function formOf({ form: { provider, key, keyId } }: NamedObject): string {
  if (provider === 'identity') return 'in clear';
  if (provider === 'unknown') return 'sealed in a way that nobody knows';
  return `sealed by ${provider} with ${shown(key)}${keyId === undefined ? '' : ` (key id ${shortened(shown(keyId))})`}`;
}

/** Names come out of etcd, where anything may stand: nothing in them moves the cursor of a terminal. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/gu, '?');
}

function shortened(text: string): string {
  return text.length <= longestId ? text : `${text.slice(0, longestId - 1)}…`;
}
