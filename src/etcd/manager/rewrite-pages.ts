// Lists the objects of a rewrite page by page: whole, in the bytes that are sent back, or their metadata alone.

import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Answer, Call, CallOptions, RawAnswer } from '../../kube/exchange.ts';
import { statusOf } from '../../kube/kube-fault.ts';
import { kindName, type Resource } from '../../kube/object.ts';
import { collectionPath } from '../../kube/resource-path.ts';
import { pageInProtobuf, protobufType } from './rewrite-protobuf.ts';

/** Which object of which name, and the state that it was seen in. */
export interface SeenObject {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The object as the server encodes it, a view of the page's bytes; undefined where only its metadata was listed. */
  readonly stored?: Buffer | undefined;
}

export interface MetadataPage {
  readonly objects: readonly SeenObject[];
  /** Token of the page after it; undefined for the last one. */
  readonly next: string | undefined;
  /** State of the cluster that it is of. */
  readonly resourceVersion: string;
  /** Objects after this page; undefined where the server does not count them. */
  readonly remaining: number | undefined;
  /** The token had expired and the server told of no place to go on: this is the first page of a new list. */
  readonly restarted: boolean;
  /** What the objects are views of, to be wiped when they are done. */
  readonly bytes?: Buffer | undefined;
}

/** How many objects the next page has: as many as make a page of a size that memory bears, whatever an object holds. */
export interface Sizing {
  objects: number;
}

export interface PageOptions {
  /** Asked in this order when one cannot be reached. */
  readonly clients: readonly [KubeClient, ...KubeClient[]];
  /** Objects of a page. */
  readonly limit: number;
  /** Milliseconds for which a server that cannot be reached is tried again. */
  readonly patience: number;
  /** Milliseconds for one page. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

const listOfMetadata = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
/** Custom resources have no Protocol Buffers: of them the server takes the second. */
const listOfObjects = `${protobufType}, ${listOfMetadata}`;
/** Bytes. */
const usualPage = 2 * 1024 * 1024;
const largestPage = 16 * 1024 * 1024;
/** Before anything is known of a kind: with Secrets of 1 MiB, more than a page may have, but no harm. */
const firstObjects = 50;

export function firstSizing({ limit }: Pick<PageOptions, 'limit'>): Sizing {
  return { objects: Math.min(limit, firstObjects) };
}

interface RawPage {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items?: readonly { readonly metadata?: Partial<SeenObject> }[] | null;
}

/**
 * undefined when the server does not serve the resource (any more). An expired token is followed to a newer state where the server offers
 * that: what was made or changed behind that place meanwhile was sealed by a server that writes with the new key. Throws KubeFault.
 */
export async function metadataPage(resource: Resource, next: string | undefined, options: PageOptions): Promise<MetadataPage | undefined> {
  return followed(await ask(resource, next, options), resource, next, options);
}

async function followed(
  first: Asked,
  resource: Resource,
  next: string | undefined,
  options: PageOptions,
): Promise<MetadataPage | undefined> {
  if (first.answer.status !== 410 && !(first.answer.status === 400 && next !== undefined)) return pageOf(first, false);
  const further = statusOf(first.answer.text).metadata?.continue;
  const second = await ask(resource, further, options);
  if (second.answer.status !== 410 || further === undefined) return pageOf(second, further === undefined);
  return pageOf(await ask(resource, undefined, options), true);
}

/** How many objects there are; undefined where the server does not count them. */
export async function countOf(resource: Resource, options: PageOptions): Promise<number | undefined> {
  const page = await metadataPage(resource, undefined, { ...options, limit: 1 });
  if (page === undefined) return 0;
  return page.next === undefined ? page.objects.length : page.remaining === undefined ? undefined : page.objects.length + page.remaining;
}

/**
 * As `metadataPage`, with the objects themselves where the server has them in Protocol Buffers. A page that turns out too large is left and
 * asked for again with fewer objects.
 */
export async function objectPage(
  resource: Resource,
  next: string | undefined,
  sizing: Sizing,
  options: PageOptions,
): Promise<MetadataPage | undefined> {
  for (;;) {
    const limit = sizing.objects;
    const listed = await askRaw(resource, next, { ...options, limit }, limit === 1 ? undefined : largestPage);
    if (listed === undefined) {
      sizing.objects = Math.max(1, Math.floor(limit / 4));
      continue;
    }
    const { status, type, bytes } = listed.answer;
    if (!type.startsWith(protobufType)) {
      sizing.objects = options.limit;
      return followed({ ...listed, answer: { status, text: bytes.toString() } }, resource, next, options);
    }
    const page = status < 300 ? pageInProtobuf(bytes, resource) : undefined;
    // A refusal comes in Protocol Buffers too; asked for the other list the server tells it in JSON.
    if (page === undefined) return metadataPage(resource, next, options);
    const each = bytes.length / Math.max(1, page.objects.length);
    sizing.objects = Math.max(1, Math.min(options.limit, limit * 4, Math.floor(usualPage / each)));
    return { ...page, restarted: false };
  }
}

interface Asked {
  readonly call: Call;
  readonly answer: Answer;
  readonly client: KubeClient;
}

async function ask(resource: Resource, next: string | undefined, options: PageOptions): Promise<Asked> {
  const call = listCall(resource, next, options.limit, listOfMetadata);
  return firstOf(options, async (client, given) => ({ call, client, answer: await client.exchange.read(call, given) }));
}

interface AskedRaw extends Pick<Asked, 'call' | 'client'> {
  readonly answer: RawAnswer;
}

/** undefined: it has more than `most` bytes. */
async function askRaw(
  resource: Resource,
  next: string | undefined,
  options: PageOptions,
  most: number | undefined,
): Promise<AskedRaw | undefined> {
  const call = listCall(resource, next, options.limit, listOfObjects);
  return firstOf(options, async (client, given) => {
    try {
      return { call, client, answer: await client.exchange.readBytes(call, given, most) };
    } catch (thrown) {
      if (most !== undefined && thrown instanceof Fault && thrown.code === 'too-large') return undefined;
      throw thrown;
    }
  });
}

function listCall(resource: Resource, next: string | undefined, limit: number, accept: string): Call {
  return {
    method: 'GET',
    path: collectionPath(resource),
    query: { limit, continue: next },
    headers: { Accept: accept },
    verb: 'list',
    what: kindName(resource),
    repeatable: true,
  };
}

/** Of the first server that answers. */
async function firstOf<T>(options: PageOptions, work: (client: KubeClient, given: CallOptions) => Promise<T>): Promise<T> {
  const { clients, timeout, signal } = options;
  const patience = options.patience / clients.length;
  for (const [index, client] of clients.entries()) {
    try {
      return await work(client, { timeout, patience, signal });
    } catch (thrown) {
      const another = thrown instanceof Fault && (thrown.code === 'unavailable' || thrown.code === 'timeout');
      if (signal.aborted || !another || index === clients.length - 1) throw thrown;
    }
  }
  throw new Fault('usage', 'a rewrite needs an API server');
}

function pageOf({ call, answer, client }: Asked, restarted: boolean): MetadataPage | undefined {
  if (answer.status === 404) return undefined;
  if (answer.status >= 400) throw client.exchange.refusal(call, answer);
  const { metadata, items } = pageIn(answer, call);
  return {
    objects: (items ?? []).map((item) => seenIn(item.metadata ?? {}, call)),
    next: metadata?.continue === undefined || metadata.continue === '' ? undefined : metadata.continue,
    resourceVersion: metadata?.resourceVersion ?? '',
    remaining: metadata?.remainingItemCount,
    restarted,
  };
}

/** Nothing of the rest is kept: annotations may hold what kubectl applied, which of a Secret is all of it. */
function seenIn({ name, namespace, uid, resourceVersion }: Partial<SeenObject>, { what }: Call): SeenObject {
  if (name === undefined || uid === undefined || resourceVersion === undefined)
    throw new Fault('corrupted', `list ${what}: the API server listed an object without name, uid or resourceVersion`);
  return { name, namespace, uid, resourceVersion };
}

function pageIn({ text }: Answer, { what }: Call): RawPage {
  try {
    const page = JSON.parse(text) as unknown;
    if (typeof page === 'object' && page !== null) return page;
  } catch {
    // Said below.
  }
  throw new Fault('corrupted', `list ${what}: the API server's answer is no list`);
}
