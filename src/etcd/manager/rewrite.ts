// Rewrites every object of some resources, so that each is sealed with the key that writes now; goes on where a cursor says.

import { Fault } from '../../base/fault.ts';
import { wipe } from '../../crypto/wipe.ts';
import type { KubeClient } from '../../kube/client.ts';
import { kindName, type Resource, refText } from '../../kube/object.ts';
import type { Environment } from '../../kube/transport.ts';
import type { PaceLimits } from './pace.ts';
import { refuseWithoutRights } from './rewrite-access.ts';
import { type Lanes, openLanes, type Throttling } from './rewrite-lanes.ts';
import { type Rewriting, rewriteObject } from './rewrite-object.ts';
import { countOf, firstSizing, type MetadataPage, metadataPage, objectPage, type PageOptions, type SeenObject } from './rewrite-pages.ts';
import {
  createTally,
  mostRefusedNames,
  noCounts,
  objectsIn,
  type RefusedObject,
  type RewriteCounts,
  type RewriteCursor,
  type RewritePlace,
  sumOf,
  type Tally,
} from './rewrite-report.ts';

export interface RewriteOptions {
  /** Each of another API server, all of one cluster; calls are spread over them. */
  readonly clients: readonly [KubeClient, ...KubeClient[]];
  readonly resources: readonly Resource[];
  /** Of an earlier run of the same plan, with the same key: what was done then is not done again. */
  readonly cursor?: RewriteCursor | undefined;
  /** Calls at a time at each API server: 1 to 64 by default, 8 at first. */
  readonly concurrency?: Partial<PaceLimits> | undefined;
  /** Objects of a page: 500 by default. */
  readonly pageSize?: number | undefined;
  /** Milliseconds without a single object carried out after which the run stops: 120,000 by default. */
  readonly patience?: number | undefined;
  /** Milliseconds for one call: 30,000 by default. */
  readonly timeout?: number | undefined;
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  readonly proxies?: Environment | undefined;
  /** Some times a second. */
  readonly onProgress?: ((progress: RewriteProgress) => void) | undefined;
  /** After each page and each resource; awaited before the run goes on for more than a page, so that it can be written down. */
  readonly onCursor?: ((cursor: RewriteCursor) => Promise<void>) | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface RewriteProgress {
  readonly resource: string;
  /** Objects, of all resources, with those of earlier runs. */
  readonly done: number;
  /** As counted at the start; undefined where a server does not count. */
  readonly total: number | undefined;
  /** Calls that may be under way at a time just now. */
  readonly concurrency: number;
  readonly throttled: number;
  readonly refused: number;
}

export interface RewriteReport {
  readonly counts: RewriteCounts;
  readonly resources: readonly { readonly resource: string; readonly counts: RewriteCounts }[];
  /** Some of those refused; `counts.refused` is exact. While it is not 0 the old key must be kept, unless a scan of etcd shows otherwise. */
  readonly refused: readonly RefusedObject[];
  readonly throttling: Throttling;
  /** Sentences about what was left out. */
  readonly notes: readonly string[];
  readonly milliseconds: number;
}

const progressEvery = 100;
/** Of the list of one resource, where the server does not tell how to go on. */
const mostRestarts = 5;
const usualLimits: PaceLimits = { least: 1, most: 64, first: 8 };

/**
 * To be called when every living API server has the new key in front: only then are objects that others write meanwhile sealed with it too,
 * and only then does an unchanged resourceVersion mean that nothing had to be written. Where the client may update, objects pass through
 * this process as bytes that nobody looks into; where it may only patch, their metadata does. Rejects with a Fault when it cannot go on; everything up to the last cursor is done.
 */
export async function rewriteResources(options: RewriteOptions, signal: AbortSignal): Promise<RewriteReport> {
  const { clients, resources, concurrency = {}, proxies = {}, timeout = 30_000, now } = options;
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const lanes = openLanes({ clients, limits: { ...usualLimits, ...concurrency }, proxies, timeout, now }, both);
  try {
    return await run(options, lanes, { signal: both, fail: (thrown) => failed.abort(thrown) });
  } catch (thrown) {
    if (signal.aborted)
      throw new Fault('unavailable', `the rewrite of ${resources.map(kindName).join(', ')} was stopped; it can go on where it was`, {
        cause: thrown,
        fields: { stopped: true },
      });
    // What was ended by the failure of one call tells less than that one.
    throw failed.signal.aborted ? failed.signal.reason : thrown;
  } finally {
    failed.abort(new Fault('unavailable', 'the rewrite has ended'));
    lanes.close();
  }
}

interface Effort {
  readonly signal: AbortSignal;
  /** Ends everything that is under way. */
  fail(thrown: unknown): void;
}

/** What grows while the run goes on. */
interface State {
  done: RewriteCursor['done'];
  refused: readonly RefusedObject[];
  /** Objects of pages that are not closed yet. */
  open: number;
  total: number | undefined;
  readonly notes: string[];
}

async function run(options: RewriteOptions, lanes: Lanes, effort: Effort): Promise<RewriteReport> {
  const { clients, resources, cursor, patience = 120_000, pageSize = 500, now } = options;
  const started = now();
  const { signal } = effort;
  const state: State = { done: cursor?.done ?? [], refused: cursor?.refused ?? [], open: 0, total: undefined, notes: [] };
  const names = new Set(state.done.map(({ resource }) => resource));
  const left = resources.filter((resource) => !names.has(kindName(resource)));
  const pages: PageOptions = { clients, limit: pageSize, patience, timeout: 60_000, signal };
  const rewriting: Rewriting = { lanes, patience, now, signal, health: { lastGood: started, failedInARow: 0 } };
  const updatable = await refuseWithoutRights(clients[0], left, signal);
  state.total = await totalOf(left, state, pages);
  rewriting.health.lastGood = now();
  for (const resource of left) {
    const name = kindName(resource);
    const counts = await rewriteResource(resource, { options, lanes, effort, state, pages, updatable, rewriting });
    state.done = [...state.done, { resource: name, counts }];
    await options.onCursor?.({ version: 1, done: state.done, at: undefined, refused: state.refused });
  }
  return {
    counts: countsOf(state.done),
    resources: state.done,
    refused: state.refused,
    throttling: lanes.throttling(),
    notes: state.notes,
    milliseconds: now() - started,
  };
}

async function totalOf(left: readonly Resource[], { done }: State, pages: PageOptions): Promise<number | undefined> {
  let total: number | undefined = objectsIn(countsOf(done));
  for (const resource of left) {
    const count = await countOf(resource, pages);
    total = total === undefined || count === undefined ? undefined : total + count;
  }
  return total;
}

function countsOf(done: RewriteCursor['done']): RewriteCounts {
  return done.reduce((sum, { counts }) => sumOf(sum, counts), noCounts);
}

interface Part {
  readonly options: RewriteOptions;
  readonly lanes: Lanes;
  readonly effort: Effort;
  readonly state: State;
  readonly pages: PageOptions;
  readonly updatable: ReadonlySet<Resource>;
  readonly rewriting: Rewriting;
}

/** Two pages at a time: the second fills the places that the last calls of the first leave free. */
async function rewriteResource(resource: Resource, part: Part): Promise<RewriteCounts> {
  const { options, effort, state, pages, updatable } = part;
  const name = kindName(resource);
  const earlier = options.cursor?.at;
  let place: RewritePlace =
    earlier?.resource === name ? earlier : { resource: name, next: undefined, since: '', counts: noCounts, last: undefined };
  const progress = progressOf(name, () => place.counts, part);
  const close = async (page: MetadataPage, tally: Tally): Promise<void> => {
    const last = page.objects.at(-1);
    place = {
      ...place,
      next: page.next,
      counts: sumOf(place.counts, tally.counts()),
      last: last === undefined ? place.last : refText(last),
    };
    state.open -= page.objects.length;
    state.refused = [...state.refused, ...tally.refused()].slice(0, mostRefusedNames);
    progress(true);
    if (page.next !== undefined) await options.onCursor?.({ version: 1, done: state.done, at: place, refused: state.refused });
  };
  const sizing = firstSizing(pages);
  const pageAt = (next: string | undefined) =>
    updatable.has(resource) ? objectPage(resource, next, sizing, pages) : metadataPage(resource, next, pages);
  let restarts = 0;
  let before: Promise<void> = Promise.resolve();
  let listing: Promise<MetadataPage | undefined> | undefined = pageAt(place.next);
  while (listing !== undefined) {
    const page: MetadataPage | undefined = await listing;
    if (page === undefined) {
      state.notes.push(`${name} is no longer served by the API server, so there is nothing left to rewrite`);
      break;
    }
    if (page.restarted) {
      await before;
      if (++restarts > mostRestarts)
        throw new Fault('unavailable', `the list of ${name} expires again and again before its pages are rewritten: take smaller pages`);
      // All of it comes again; what was written so far is newer than `since` and costs no call.
      place = { ...place, counts: noCounts };
      state.refused = state.refused.filter((refused) => refused.resource !== name);
    }
    if (place.since === '') place = { ...place, since: page.resourceVersion };
    const tally = createTally();
    const work = rewritePage(resource, page, { tally, since: place.since, progress, part });
    listing = page.next === undefined ? undefined : pageAt(page.next);
    // Whoever waits for them hears of their failures below.
    for (const begun of [listing, work]) begun?.catch(() => undefined);
    const closed = before.then(() => work).then(() => close(page, tally));
    closed.catch(effort.fail);
    await before;
    before = closed;
  }
  await before;
  return place.counts;
}

interface PageWork {
  readonly tally: Tally;
  readonly since: string;
  readonly progress: (certain?: boolean) => void;
  readonly part: Part;
}

async function rewritePage(
  resource: Resource,
  { objects, bytes }: MetadataPage,
  { tally, since, progress, part }: PageWork,
): Promise<void> {
  const { rewriting, effort, state } = part;
  const one = async (object: SeenObject): Promise<void> => {
    const outcome = isNewer(object.resourceVersion, since) ? 'changed' : await rewriteObject(resource, object, rewriting);
    if (typeof outcome === 'string') tally.add(outcome);
    else tally.refuse({ resource: kindName(resource), object: refText(object), reason: outcome.refused });
    state.open++;
    progress();
  };
  try {
    await Promise.all(objects.map(one));
  } catch (thrown) {
    effort.fail(thrown);
    throw thrown;
  } finally {
    // Whatever is under way has a copy, and nothing else begins after a failure.
    if (bytes !== undefined) wipe(bytes);
  }
}

/** Resource versions of one resource are numbers that grow (KEP-5504); what is none counts as not newer. */
export function isNewer(version: string, since: string): boolean {
  if (!/^[1-9]\d*$/.test(version) || !/^[1-9]\d*$/.test(since)) return false;
  return version.length === since.length ? version > since : version.length > since.length;
}

function progressOf(resource: string, counts: () => RewriteCounts, { options, lanes, state }: Part): (certain?: boolean) => void {
  const { onProgress, now } = options;
  if (onProgress === undefined) return () => undefined;
  let last = Number.NEGATIVE_INFINITY;
  return (certain = false) => {
    const time = now();
    if (!certain && time - last < progressEvery) return;
    last = time;
    const sum = sumOf(countsOf(state.done), counts());
    const done = objectsIn(sum) + state.open;
    onProgress({
      ...{ resource, done, refused: sum.refused },
      total: state.total === undefined ? undefined : Math.max(done, state.total),
      concurrency: lanes.limit(),
      throttled: lanes.throttling().answers,
    });
  };
}
