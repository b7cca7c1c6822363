// Reads all objects of some resources in etcd at one revision and counts how they are sealed: the last word on what lies there.

import { Fault } from '../../base/fault.ts';
import { type Count, type Counting, type CountOptions, createCount } from './count.ts';
import type { EtcdClient } from './etcd-client.ts';
import { isRevisionGone } from './member.ts';
import { type ObjectKey, objectBelow, prefixesOf, slashed, storedResource } from './resource-keys.ts';
import type { EtcdEntry, RangePage } from './wire/messages.ts';

export interface ScanOptions extends Omit<CountOptions, 'entryOf'> {
  /** `secrets`, `widgets.example.com`; without wildcards. `everything` counts whatever is an object below the root. */
  readonly resources: readonly string[] | 'everything';
  /** kube-apiserver's `--etcd-prefix`; `/registry` by default. */
  readonly root?: string | undefined;
  /** Which object a key is, where the usual rules do not hold; undefined is not counted. */
  readonly entryOf?: CountOptions['entryOf'];
  /** Bytes of a page that are aimed at; 4 MiB by default. */
  readonly pageBytes?: number | undefined;
  /** How often the scan starts anew because etcd has compacted what it reads; 5 by default. */
  readonly mostRestarts?: number | undefined;
}

export interface ScanProgress {
  /** Since the last start. */
  readonly objects: number;
  /** How often it has started anew. */
  readonly restarts: number;
}

export interface ScanControl {
  readonly signal: AbortSignal;
  /** After each page, and at each new start. */
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

export interface Scan extends Count {
  /** Of etcd; everything was read as it was then. */
  readonly revision: bigint;
  /** How often it started anew, since etcd compacted in the middle. */
  readonly restarts: number;
  /** What was looked for, as its objects are counted, in the order in which it was asked for. */
  readonly resources: readonly string[] | 'everything';
}

const usualRoot = '/registry';
const usualPageBytes = 4 * 1_024 * 1_024;
const usualRestarts = 5;

/** Throws what the client does, and Fault `conflict` when etcd compacts faster than it can be read. Memory does not grow with the objects. */
export async function scanResources(client: EtcdClient, options: ScanOptions, { signal, onProgress }: ScanControl): Promise<Scan> {
  const { mostRestarts = usualRestarts } = options;
  for (let restarts = 0; ; restarts++) {
    let objects = 0;
    try {
      return await scanOnce(client, options, restarts, signal, (added) => {
        objects += added;
        onProgress?.({ objects, restarts });
      });
    } catch (thrown) {
      if (!isRevisionGone(thrown)) throw thrown;
      if (restarts >= mostRestarts)
        throw new Fault('conflict', `etcd compacted its history ${restarts + 1} times while it was read: read it when it has less to do`, {
          cause: thrown,
        });
      onProgress?.({ objects: 0, restarts: restarts + 1 });
    }
  }
}

async function scanOnce(
  client: EtcdClient,
  options: ScanOptions,
  restarts: number,
  signal: AbortSignal,
  onObjects: (added: number) => void,
): Promise<Scan> {
  const { root = usualRoot, pageBytes = usualPageBytes } = options;
  const count = createCount({ ...options, root });
  const places = placesOf(options, root, count);
  const { revision } = await client.range(
    { from: keyOf(slashed(root)), to: endOf(keyOf(slashed(root))), limit: 1, keysOnly: true },
    signal,
  );
  for (const { prefix, add } of places)
    for await (const entries of pagesBelow(client, { prefix, revision, pageBytes }, signal)) {
      for (const entry of entries) add(entry);
      onObjects(entries.length);
    }
  const { resources } = options;
  return { ...count.result(), revision, restarts, resources: resources === 'everything' ? resources : storedOnce(resources) };
}

interface Place {
  readonly prefix: Buffer;
  add(entry: EtcdEntry): void;
}

function placesOf({ resources, entryOf }: ScanOptions, root: string, count: Counting): readonly Place[] {
  if (resources === 'everything') return [{ prefix: keyOf(slashed(root)), add: ({ key, value }) => count.add(key, value) }];
  return storedOnce(resources).flatMap((resource) =>
    prefixesOf(resource, root).map((text) => {
      const prefix = keyOf(text);
      const objectOf = (key: Buffer): ObjectKey | undefined =>
        entryOf === undefined ? objectBelow(resource, key.toString('utf8', prefix.length)) : entryOf(key.toString());
      return {
        prefix,
        add({ key, value }: EtcdEntry) {
          const object = objectOf(key);
          if (object !== undefined) count.addObject(object, value);
        },
      };
    }),
  );
}

/** `events` and `events.events.k8s.io` lie in one place and must not be counted twice. */
function storedOnce(resources: readonly string[]): readonly string[] {
  return [...new Set(resources.map(storedResource))];
}

interface Below {
  readonly prefix: Buffer;
  readonly revision: bigint;
  readonly pageBytes: number;
}

const firstLimit = 128;
const mostLimit = 10_000;

/** The next page is on its way while the last one is looked at, so that two of them are in memory at most. */
async function* pagesBelow(client: EtcdClient, below: Below, signal: AbortSignal): AsyncGenerator<readonly EtcdEntry[], void, undefined> {
  const { prefix, revision, pageBytes } = below;
  const to = endOf(prefix);
  let limit = firstLimit;
  const pageFrom = async (from: Buffer): Promise<RangePage> => {
    for (;;)
      try {
        return await client.range({ from, to, limit, revision }, signal);
      } catch (thrown) {
        if (!(thrown instanceof Fault) || thrown.code !== 'too-large' || limit === 1) throw thrown;
        limit = Math.max(1, Math.floor(limit / 8));
      }
  };
  let coming: Promise<RangePage> | undefined = pageFrom(prefix);
  while (coming !== undefined) {
    const { entries, more }: RangePage = await coming;
    const last = entries.at(-1);
    limit = nextLimit(limit, entries, pageBytes);
    coming = more && last !== undefined ? pageFrom(after(last.key)) : undefined;
    // If the reader gives up, nobody waits for it any more.
    coming?.catch(() => {});
    yield entries;
  }
}

/** As many as fill a page if they are as big as the last ones; growing in steps, since the next ones may be bigger. */
function nextLimit(limit: number, entries: readonly EtcdEntry[], pageBytes: number): number {
  if (entries.length === 0) return limit;
  const bytes = entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const fitting = Math.floor((pageBytes * entries.length) / Math.max(bytes, 1));
  return Math.max(1, Math.min(fitting, limit * 4, mostLimit));
}

function keyOf(text: string): Buffer {
  return Buffer.from(text);
}

/** The first key behind all that begin with `prefix`: its last byte raised. Prefixes end with `/` or a letter, never with 255. */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) as number) + 1;
  return end;
}

function after(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)]);
}
