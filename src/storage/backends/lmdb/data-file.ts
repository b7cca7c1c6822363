// Looks at a data file before LMDB opens it: at one that is damaged or cut off, LMDB's binding ends the whole process.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/*
 * LMDB's data version 2 (mdb.c), little-endian as all machines that we run on. Numbers of pages and commits have 8 bytes, of
 * which 6 are read: more pages than that fit nowhere.
 * Page: number (8), commit (8), pad (2), flags (2), length of the table of nodes (2), start of the nodes (2), table, nodes.
 * Meta, after its page's head: magic (4), version (4), address (8), map size (8), free database (48), main database (48),
 * last page (8), commit (8). Database: page size (4), flags and counts (36), root page (8).
 */
const headBytes = 24;
const metaBytes = headBytes + 136;
const magic = 0xbeefc0de;
const dataVersion = 2;
const branch = 0x01;
const leaf = 0x02;
const inOverflow = 0x01;
const isDatabase = 0x02;
const noPage = 2 ** 48 - 1;

interface Meta {
  readonly pageSize: number;
  readonly roots: readonly number[];
  readonly pages: number;
  readonly commit: number;
}

/** So many pages from this one on must be there. */
interface Run {
  readonly first: number;
  readonly count: number;
  /** An overflow page holds bytes of a value and points nowhere. */
  readonly overflow?: true;
}

/**
 * `foreign` for a file that is no store, `cut off` for one whose end is missing. An empty file is a store that is still to be made.
 * While another process writes, the answer may be wrong; it is right when it stays the same.
 */
export function damageOf(path: string): 'foreign' | 'cut off' | undefined {
  const file = openSync(path, 'r');
  try {
    if (fstatSync(file).size === 0) return undefined;
    const meta = newestMeta(file);
    if (meta === undefined) return 'foreign';
    const held = Math.floor(fstatSync(file).size / meta.pageSize);
    // LMDB need not write the last pages when they are free, so a short file may be whole: its tree has to be followed.
    return held >= meta.pages || holdsAllPages(file, meta, held) ? undefined : 'cut off';
  } finally {
    closeSync(file);
  }
}

function newestMeta(file: number): Meta | undefined {
  const one = readMeta(file, 0);
  const other = one === undefined ? undefined : readMeta(file, one.pageSize);
  if (one === undefined || other === undefined) return undefined;
  return other.commit > one.commit ? other : one;
}

function readMeta(file: number, at: number): Meta | undefined {
  const page = read(file, at, metaBytes);
  if (page.length < metaBytes || page.readUInt32LE(headBytes) !== magic) return undefined;
  if (page.readUInt16LE(headBytes + 4) !== dataVersion) return undefined;
  const pageSize = page.readUInt32LE(headBytes + 24);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  return {
    pageSize,
    roots: [numberAt(page, headBytes + 64), numberAt(page, headBytes + 112)],
    pages: numberAt(page, headBytes + 120) + 1,
    commit: numberAt(page, headBytes + 128),
  };
}

/** Follows every database of a snapshot from its root. What is no page counts as missing. */
function holdsAllPages(file: number, { pageSize, roots }: Meta, held: number): boolean {
  const left: Run[] = roots.map((first) => ({ first, count: 1 }));
  for (let run = left.pop(); run !== undefined; run = left.pop()) {
    if (run.first === noPage) continue;
    if (run.first + run.count > held) return false;
    if (run.overflow === true) continue;
    const next = runsBelow(read(file, run.first * pageSize, pageSize));
    if (next === undefined) return false;
    left.push(...next);
  }
  return true;
}

/** What the nodes of a page point to; `undefined` for what is neither a branch nor a leaf. */
function runsBelow(page: Buffer): Run[] | undefined {
  const flags = page.readUInt16LE(18);
  const table = page.readUInt16LE(20);
  if ((flags & (branch | leaf)) === 0 || headBytes + table > page.length) return undefined;
  const runs: Run[] = [];
  for (let entry = headBytes; entry < headBytes + table; entry += 2) {
    const node = headBytes + page.readUInt16LE(entry);
    if (node + 8 > page.length) return undefined;
    if ((flags & branch) !== 0) runs.push({ first: numberAt(page, node), count: 1 });
    else {
      // A leaf's node: size of its data (4), kind (2), size of its key (2), key, data.
      const kind = page.readUInt16LE(node + 4);
      const data = node + 8 + page.readUInt16LE(node + 6);
      if ((kind & (inOverflow | isDatabase)) === 0) continue;
      if (data + ((kind & isDatabase) === 0 ? 24 : 48) > page.length) return undefined;
      if ((kind & isDatabase) !== 0) runs.push({ first: numberAt(page, data + 40), count: 1 });
      else runs.push({ first: numberAt(page, data), count: numberAt(page, data + 16), overflow: true });
    }
  }
  return runs;
}

function numberAt(page: Buffer, at: number): number {
  return page.readUIntLE(at, 6);
}

function read(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, at));
}
