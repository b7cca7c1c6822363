// Lists objects page by page: one state of the cluster over all pages, or a plain word that there is none.

import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';
import type { Call, CallOptions, Exchange } from './exchange.ts';
import { isExpired, type KubeFault } from './kube-fault.ts';
import { apiVersionOf, type Kind, type KubeObject, kindName, type Resource } from './object.ts';
import { collectionPath } from './resource-path.ts';

export interface Selection {
  /** All namespaces by default. */
  readonly namespace?: string | undefined;
  /** `app=db,tier!=cache`. */
  readonly labels?: string | undefined;
  /** `metadata.name=db`, `spec.nodeName=a`; the server knows few fields of each kind. */
  readonly fields?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** Objects of a page; 250 by default, since a Secret may have 1 MiB. `timeout` is each page's. */
  readonly limit?: number | undefined;
  /**
   * `0` takes what the server's cache holds, which may be old and, under encryption at rest, may lack what it could not read.
   * Without it the answer is as new as the call.
   */
  readonly resourceVersion?: string | undefined;
  /**
   * What to do when the server forgets the state between two pages (etcd's compaction, after 5 to 10 minutes).
   * `refuse` throws KubeFault `Expired`; `go-on` takes the rest from a newer state, where what changed meanwhile may be missing or old.
   */
  readonly expired?: 'refuse' | 'go-on' | undefined;
}

export interface Page<T extends KubeObject> {
  readonly items: readonly T[];
  /** The state that the items are of, and where a watch may begin. */
  readonly resourceVersion: string;
  /** How many objects are left; undefined where the server does not count them. */
  readonly remaining: number | undefined;
  /** False from the page on that is of a newer state than those before it. */
  readonly consistent: boolean;
}

export interface Listed<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

interface RawList {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items?: readonly KubeObject[] | null;
}

/** One page after the other, each asked for when the one before it is done with. Throws KubeFault. */
export async function* pagesOf<T extends KubeObject>(
  exchange: Exchange,
  kind: Kind<T>,
  selection: Selection,
  options: ListOptions = {},
): AsyncGenerator<Page<T>, void, undefined> {
  let next: string | undefined;
  let consistent = true;
  do {
    const call = listCall(kind, selection, options, next);
    let list: RawList;
    try {
      list = listIn(await exchange.answer(call, options), call);
    } catch (thrown) {
      const further = next === undefined || options.expired !== 'go-on' ? undefined : continuation(thrown);
      if (further === undefined) throw thrown;
      consistent = false;
      list = listIn(await exchange.answer(listCall(kind, selection, options, further), options), call);
    }
    next = list.metadata?.continue === '' ? undefined : list.metadata?.continue;
    yield {
      items: itemsOf(list, kind),
      resourceVersion: list.metadata?.resourceVersion ?? '',
      remaining: list.metadata?.remainingItemCount,
      consistent,
    };
  } while (next !== undefined);
}

/** As often as a list may expire before it is asked for in one piece (client-go's pager does it at once). */
const restarts = 2;

/** All objects of one state: begins again when it expires, and asks for all at once in the end. Throws KubeFault. */
export async function listOf<T extends KubeObject>(
  exchange: Exchange,
  kind: Kind<T>,
  selection: Selection,
  options: Omit<ListOptions, 'expired'> = {},
): Promise<Listed<T>> {
  for (let attempt = 0; ; attempt++) {
    const items: T[] = [];
    let resourceVersion = '';
    try {
      const whole = attempt > restarts ? { ...options, limit: 0 } : options;
      for await (const page of pagesOf(exchange, kind, selection, whole)) {
        for (const item of page.items) items.push(item);
        resourceVersion = page.resourceVersion;
      }
      return { items, resourceVersion };
    } catch (thrown) {
      if (!isExpired(thrown) || attempt > restarts) throw thrown;
    }
  }
}

function listCall(kind: Resource, selection: Selection, options: ListOptions, next: string | undefined): Call {
  const { namespace, labels, fields } = selection;
  return {
    method: 'GET',
    path: collectionPath(kind, namespace),
    query: {
      labelSelector: labels,
      fieldSelector: fields,
      limit: options.limit === 0 ? undefined : (options.limit ?? 250),
      continue: next,
      // A token for further pages carries the state already.
      resourceVersion: next === undefined ? options.resourceVersion : undefined,
    },
    verb: 'list',
    what: namespace === undefined ? kindName(kind) : `${kindName(kind)} in ${namespace}`,
    repeatable: true,
  };
}

function listIn({ text }: { readonly text: string }, { what }: Call): RawList {
  const list = parseJson(text, wideLimits);
  if (typeof list !== 'object' || list === null) throw new Fault('corrupted', `list ${what}: the API server's answer is no list`);
  return list;
}

/** An API server's answers are long, but not deep. */
export const wideLimits = { depth: 1000, members: Number.POSITIVE_INFINITY };

function continuation(thrown: unknown): string | undefined {
  return isExpired(thrown) ? (thrown as KubeFault).continueAt : undefined;
}

/** Objects in a list do not say what they are, and could not be written back like that. */
function itemsOf<T extends KubeObject>(list: RawList, kind: Kind<T>): readonly T[] {
  const own = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  return (list.items ?? []).map((item) => ({ ...own, ...item }) as unknown as T);
}
