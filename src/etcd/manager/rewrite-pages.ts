// Lists objects as their metadata alone, page by page: what a Secret holds stays in the API server.

import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Answer, Call } from '../../kube/exchange.ts';
import { statusOf } from '../../kube/kube-fault.ts';
import { kindName, type Resource } from '../../kube/object.ts';
import { collectionPath } from '../../kube/resource-path.ts';

/** Which object of which name, and the state that it was seen in. */
export interface SeenObject {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
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

interface RawPage {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items?: readonly { readonly metadata?: Partial<SeenObject> }[] | null;
}

/**
 * undefined when the server does not serve the resource (any more). An expired token is followed to a newer state where the server offers
 * that: what was made or changed behind that place meanwhile was sealed by a server that writes with the new key. Throws KubeFault.
 */
export async function metadataPage(resource: Resource, next: string | undefined, options: PageOptions): Promise<MetadataPage | undefined> {
  const first = await ask(resource, next, options);
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

interface Asked {
  readonly call: Call;
  readonly answer: Answer;
  readonly client: KubeClient;
}

async function ask(resource: Resource, next: string | undefined, options: PageOptions): Promise<Asked> {
  const { clients, limit, timeout, signal } = options;
  const call: Call = {
    method: 'GET',
    path: collectionPath(resource),
    query: { limit, continue: next },
    headers: { Accept: listOfMetadata },
    verb: 'list',
    what: kindName(resource),
    repeatable: true,
  };
  const patience = options.patience / clients.length;
  for (const [index, client] of clients.entries()) {
    try {
      return { call, client, answer: await client.exchange.read(call, { timeout, patience, signal }) };
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
