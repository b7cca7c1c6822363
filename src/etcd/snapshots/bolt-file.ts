// Reads the files of bbolt, in which etcd keeps everything: pages of a tree, taken one at a time and believed in nothing.

import { Fault } from '../../base/fault.ts';

/** Where the bytes come from. */
export interface ByteSource {
  /** For messages: `the snapshot /backup/etcd.db`. */
  readonly what: string;
  readonly size: number;
  /** A new buffer of exactly `length` bytes; shorter where the source ends. */
  read(position: number, length: number): Buffer;
}

/** Views of a page, good for as long as they are held. */
export interface BoltPair {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface BoltBucket {
  /** In the order of the keys' bytes, or the other way round. Throws Fault `corrupted`; ends for whatever bytes. */
  pairs(order: 'ascending' | 'descending'): Generator<BoltPair, void, undefined>;
}

export interface BoltFile {
  readonly pageBytes: number;
  /** Number of the transaction that was the last one. */
  readonly transaction: bigint;
  /** One of the outermost buckets. */
  bucket(name: string): BoltBucket | undefined;
}

/** go.etcd.io/bbolt, internal/common: page.go, meta.go, inode.go, bucket.go. All numbers are little-endian. */
const pageHeaderBytes = 16;
const elementBytes = 16;
const bucketHeaderBytes = 16;
const metaBytes = 64;
const magic = 0xed0cdaed;
const version = 2;
const branchFlag = 0x01;
const leafFlag = 0x02;
const metaFlag = 0x04;
const bucketElement = 0x01;

/** bbolt takes the machine's page size, and looks for a second meta page up to 16 MiB. */
const smallestPage = 1024;
const largestPage = 16 * 1024 * 1024;
/** A page grows beyond its size for a long value. etcd takes 1.5 MiB unless told otherwise, and a page holds four of the longest at most. */
const longestRun = 64 * 1024 * 1024;
/** With two children in a page, 2^40 pages: deeper is damage. */
const deepestTree = 40;

interface Meta {
  readonly pageBytes: number;
  readonly root: bigint;
  /** The first page number that is not given out. */
  readonly pages: bigint;
  readonly transaction: bigint;
}

/** A page with the pages that it runs over. */
interface Page {
  readonly bytes: Buffer;
  readonly isLeaf: boolean;
  readonly count: number;
  /** Number of pages that it takes. */
  readonly run: number;
  readonly name: string;
}

/** Throws Fault `corrupted` when neither meta page is whole. */
export function openBolt(source: ByteSource): BoltFile {
  const meta = newestMeta(source);
  if (meta === undefined) throw damaged(source, 'it has no whole meta page of bbolt');
  const { pageBytes } = meta;
  const allPages = Math.floor(source.size / pageBytes);
  const load = (id: bigint): Page => {
    if (id < 2n || id >= meta.pages) throw damaged(source, `page ${id} is none of its pages`);
    if (id >= allPages) throw damaged(source, `it breaks off before page ${id}`);
    const start = Number(id) * pageBytes;
    const first = source.read(start, pageBytes);
    const run = first.length < pageBytes ? 0 : first.readUInt32LE(12) + 1;
    if (run === 0 || Number(id) + run > allPages) throw damaged(source, `it breaks off in page ${id}`);
    if (first.readBigUInt64LE(0) !== id) throw damaged(source, `page ${id} calls itself ${first.readBigUInt64LE(0)}`);
    if (run * pageBytes > Math.max(longestRun, pageBytes)) throw damaged(source, `page ${id} is longer than any page of etcd`);
    const bytes = run === 1 ? first : source.read(start, run * pageBytes);
    if (bytes.length < run * pageBytes) throw damaged(source, `it breaks off in page ${id}`);
    return pageOf(source, bytes, run, `page ${id}`);
  };
  const tree: Tree = { source, load, allPages };
  return {
    pageBytes,
    transaction: meta.transaction,
    bucket(name) {
      const wanted = Buffer.from(name);
      for (const { key, value, isBucket } of walk(tree, load(meta.root), 'ascending')) {
        if (isBucket && key.equals(wanted)) return bucketOf(tree, value, name);
      }
      return undefined;
    },
  };
}

interface Tree {
  readonly source: ByteSource;
  readonly load: (id: bigint) => Page;
  readonly allPages: number;
}

function bucketOf(tree: Tree, value: Buffer, name: string): BoltBucket {
  if (value.length < bucketHeaderBytes) throw damaged(tree.source, `its bucket ${name} has no root`);
  const root = value.readBigUInt64LE(0);
  const top = (): Page => {
    if (root !== 0n) return tree.load(root);
    // A small bucket lies inside its parent's page.
    const page = pageOf(tree.source, value.subarray(bucketHeaderBytes), 1, `the page inside the bucket ${name}`);
    if (!page.isLeaf) throw damaged(tree.source, `the page inside the bucket ${name} is no leaf`);
    return page;
  };
  return {
    *pairs(order) {
      for (const { key, value: inside, isBucket } of walk(tree, top(), order)) if (!isBucket) yield { key, value: inside };
    },
  };
}

interface Element extends BoltPair {
  readonly isBucket: boolean;
}

/**
 * No page is visited twice in a tree, so no walk takes more pages than the file has, whatever its pages say. Keys only grow, or
 * only shrink: a page out of its place is seen.
 */
function* walk({ source, load, allPages }: Tree, root: Page, order: 'ascending' | 'descending'): Generator<Element, void, undefined> {
  const sign = order === 'ascending' ? 1 : -1;
  const path: { readonly page: Page; taken: number }[] = [{ page: root, taken: 0 }];
  let visited = root.run;
  let last: Buffer | undefined;
  for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
    const { page } = at;
    if (at.taken === page.count) {
      path.pop();
      continue;
    }
    const index = order === 'ascending' ? at.taken : page.count - 1 - at.taken;
    at.taken += 1;
    if (page.isLeaf) {
      const element = leafElement(source, page, index);
      if (last !== undefined && Buffer.compare(element.key, last) * sign <= 0)
        throw damaged(source, `the keys of ${page.name} are out of order`);
      last = element.key;
      yield element;
    } else {
      const child = load(page.bytes.readBigUInt64LE(pageHeaderBytes + index * elementBytes + 8));
      visited += child.run;
      if (visited > allPages || path.length >= deepestTree) throw damaged(source, 'its pages lead around in circles');
      path.push({ page: child, taken: 0 });
    }
  }
}

function leafElement(source: ByteSource, { bytes, name }: Page, index: number): Element {
  const at = pageHeaderBytes + index * elementBytes;
  const start = at + bytes.readUInt32LE(at + 4);
  const middle = start + bytes.readUInt32LE(at + 8);
  const end = middle + bytes.readUInt32LE(at + 12);
  if (end > bytes.length) throw damaged(source, `an entry of ${name} is longer than the page`);
  return {
    isBucket: (bytes.readUInt32LE(at) & bucketElement) !== 0,
    key: bytes.subarray(start, middle),
    value: bytes.subarray(middle, end),
  };
}

/** Checks that all elements together fit: entries that overlap could make a small file take for ever. */
function pageOf(source: ByteSource, bytes: Buffer, run: number, name: string): Page {
  if (bytes.length < pageHeaderBytes) throw damaged(source, `${name} has no header`);
  const flags = bytes.readUInt16LE(8);
  const count = bytes.readUInt16LE(10);
  if (flags !== branchFlag && flags !== leafFlag) throw damaged(source, `${name} is neither branch nor leaf`);
  let taken = pageHeaderBytes + count * elementBytes;
  if (taken > bytes.length) throw damaged(source, `${name} has more entries than room`);
  const isLeaf = flags === leafFlag;
  if (isLeaf) {
    for (let at = pageHeaderBytes; at < pageHeaderBytes + count * elementBytes; at += elementBytes)
      taken += bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12);
    if (taken > bytes.length) throw damaged(source, `the entries of ${name} overlap`);
  }
  return { bytes, isLeaf, count, run, name };
}

/** Of the two meta pages, the whole one with the higher transaction: bbolt writes them in turns, so that one is always whole. */
function newestMeta(source: ByteSource): Meta | undefined {
  const first = metaAt(source, 0);
  if (first !== undefined) {
    const second = metaAt(source, first.pageBytes);
    return second !== undefined && second.transaction > first.transaction ? second : first;
  }
  // The size of a page stands in the page that is broken: bbolt tries them all as well.
  for (let size = smallestPage; size <= largestPage; size *= 2) {
    const second = metaAt(source, size);
    if (second?.pageBytes === size) return second;
  }
  return undefined;
}

function metaAt(source: ByteSource, position: number): Meta | undefined {
  const page = source.read(position, pageHeaderBytes + metaBytes);
  if (page.length < pageHeaderBytes + metaBytes || (page.readUInt16LE(8) & metaFlag) === 0) return undefined;
  const meta = page.subarray(pageHeaderBytes);
  if (meta.readUInt32LE(0) !== magic || meta.readUInt32LE(4) !== version) return undefined;
  if (meta.readBigUInt64LE(56) !== fnv64a(meta.subarray(0, 56))) return undefined;
  const pageBytes = meta.readUInt32LE(8);
  if (pageBytes < smallestPage || pageBytes > largestPage || (pageBytes & (pageBytes - 1)) !== 0) return undefined;
  return { pageBytes, root: meta.readBigUInt64LE(16), pages: meta.readBigUInt64LE(40), transaction: meta.readBigUInt64LE(48) };
}

/** FNV-1a with 64 bits (draft-eastlake-fnv): against accidents, not against people. */
export function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

function damaged({ what }: ByteSource, why: string): Fault {
  return new Fault('corrupted', `${what} is damaged: ${why}; use another copy, or take a new snapshot`);
}
