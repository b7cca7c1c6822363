// Watches objects for as long as somebody reads: lists, follows the changes, and lists again when the server has forgotten.

import { setTimeout as pause } from 'node:timers/promises';
import { asFault, Fault } from '../base/fault.ts';
import { eventsIn, type WatchEvent } from './event-lines.ts';
import { askedBy, type Call, type Exchange, type Pace, pauseBefore } from './exchange.ts';
import { type Change, createKnownObjects, type KnownObjects } from './known-objects.ts';
import { isExpired, KubeFault, type Status } from './kube-fault.ts';
import { type Kind, type KubeObject, kindName, type Metadata } from './object.ts';
import { listOf, pagesOf, type Selection } from './pages.ts';
import { collectionPath } from './resource-path.ts';
import { lossOf } from './transport.ts';

export interface WatchOptions {
  /** Ends the loop, quietly. */
  readonly signal?: AbortSignal | undefined;
  /** Told of everything that is being tried again, for the log. */
  readonly onTrouble?: ((trouble: Fault) => void) | undefined;
  /** Milliseconds of silence after which a connection counts as dead; 90,000 by default: the server speaks up every minute. */
  readonly quiet?: number | undefined;
  /** Objects of a page of the lists. */
  readonly limit?: number | undefined;
  readonly pace?: Pace | undefined;
}

const usualQuiet = 90_000;
const usualPace: Pace = { first: 200, longest: 30_000 };
/** Seconds after which a watch is ended by the server, so that load finds its way to other servers; half is left to chance. */
const longestWatch = 480;

interface Following<T extends KubeObject> {
  readonly exchange: Exchange;
  readonly kind: Kind<T>;
  readonly selection: Selection;
  readonly options: WatchOptions;
  readonly known: KnownObjects<T>;
  /** The state that all changes up to have been told of; undefined where listing must tell. */
  at: string | undefined;
  /** Whether the connection told anything. */
  heard: boolean;
}

/**
 * First all that is there, then `synced`, then each change. Lost connections, restarts and forgotten states are made good.
 * Throws KubeFault or Fault only before `synced`, for what will not get better: no permission, no such kind, a wrong selector.
 */
export async function* watchOf<T extends KubeObject>(
  exchange: Exchange,
  kind: Kind<T>,
  selection: Selection,
  options: WatchOptions = {},
): AsyncGenerator<Change<T>, void, undefined> {
  const following: Following<T> = { exchange, kind, selection, options, known: createKnownObjects(), at: undefined, heard: false };
  const stopped = () => options.signal?.aborted === true;
  let synced = false;
  for (let failures = 0; !stopped(); ) {
    following.heard = false;
    try {
      if (following.at !== undefined && (await isSetBack(following, following.at))) following.at = undefined;
      if (following.at === undefined) {
        const listed = await listOf(exchange, kind, selection, { signal: options.signal, limit: options.limit });
        yield* following.known.all(listed.items);
        following.at = listed.resourceVersion;
        if (!synced) yield { type: 'synced' };
        synced = true;
      }
      yield* follow(following);
    } catch (thrown) {
      if (stopped()) return;
      const trouble = troubleOf(thrown, following);
      if (!synced && isHopeless(trouble)) throw trouble;
      if (isExpired(thrown)) following.at = undefined;
      options.onTrouble?.(trouble);
    }
    failures = following.heard ? 0 : failures + 1;
    await rest(failures, options);
  }
}

/** The changes of one connection. Moves `at` only when the change has been told. */
async function* follow<T extends KubeObject>(following: Following<T>): AsyncGenerator<Change<T>, void, undefined> {
  const { exchange, options } = following;
  const call = watchCall(following);
  // Who watches tries again for ever by himself.
  const opened = await exchange.open(call, { signal: options.signal, timeout: 30_000, patience: 0 });
  if (opened.status >= 400) throw exchange.refusal(call, { status: opened.status, text: await shortText(opened.body) });
  for await (const event of eventsIn(opened, options.quiet ?? usualQuiet)) {
    following.heard = true;
    const object = event.object as T;
    if (event.type === 'ERROR') throw errorIn(event, call, exchange);
    const version = versionOf(event, call);
    if (wentBack(following.at, version)) {
      following.at = undefined;
      return;
    }
    if (event.type !== 'BOOKMARK') yield* event.type === 'DELETED' ? following.known.gone(object) : following.known.seen(object);
    following.at = version;
  }
}

function watchCall<T extends KubeObject>({ kind, selection, at }: Following<T>): Call {
  const { namespace, labels, fields } = selection;
  return {
    method: 'GET',
    path: collectionPath(kind, namespace),
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: at,
      timeoutSeconds: Math.round(longestWatch / 2 + (Math.random() * longestWatch) / 2),
      labelSelector: labels,
      fieldSelector: fields,
    },
    verb: 'watch',
    what: namespace === undefined ? kindName(kind) : `${kindName(kind)} in ${namespace}`,
    repeatable: true,
  };
}

function errorIn({ object }: WatchEvent, call: Call, { connection }: Exchange): KubeFault {
  const status = (typeof object === 'object' && object !== null ? object : {}) as Status;
  return new KubeFault(status, status.code ?? 500, askedBy(call, connection));
}

function versionOf({ type, object }: WatchEvent, { what }: Call): string {
  const version = (object as { readonly metadata?: Metadata } | null | undefined)?.metadata?.resourceVersion;
  if (version === undefined) throw new Fault('corrupted', `watch ${what}: an event ${JSON.stringify(type.slice(0, 20))} has no object`);
  return version;
}

/**
 * An etcd that was restored from a snapshot counts from an older state on: what was told since then is no longer true. A server asked
 * to watch from a state that is yet to come says nothing until it does, so that a look at the newest one has to tell. Once the
 * restored etcd has written more than was lost, the numbers show nothing any more.
 */
async function isSetBack<T extends KubeObject>({ exchange, kind, selection, options }: Following<T>, at: string): Promise<boolean> {
  // Labels would be looked for in all objects; a name may be all that may be listed.
  const { namespace, fields } = selection;
  const named = fields?.includes('metadata.name=') === true ? { namespace, fields } : { namespace };
  try {
    const { value } = await pagesOf(exchange, kind, named, { limit: 1, patience: 0, signal: options.signal }).next();
    return wentBack(at, value?.resourceVersion ?? at);
  } catch (thrown) {
    if (thrown instanceof KubeFault && thrown.status === 403) return false;
    throw thrown;
  }
}

function wentBack(at: string | undefined, version: string): boolean {
  return at !== undefined && /^\d+$/.test(at) && /^\d+$/.test(version) && BigInt(version) < BigInt(at);
}

async function shortText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > 65_536) break;
  }
  return Buffer.concat(chunks).toString();
}

function troubleOf<T extends KubeObject>(thrown: unknown, { exchange, kind }: Following<T>): Fault {
  const loss = lossOf(thrown);
  if (loss === undefined) return asFault(thrown);
  return new Fault('unavailable', `watch ${kindName(kind)}: lost ${exchange.connection.server}: ${loss.words}`, { cause: thrown });
}

function isHopeless(trouble: Fault): boolean {
  if (trouble instanceof KubeFault)
    return trouble.status >= 400 && trouble.status < 500 && trouble.status !== 429 && trouble.status !== 410;
  return trouble.code !== 'timeout' && (trouble.code !== 'unavailable' || trouble.fields?.['fate'] === 'final');
}

/** A connection that told something is taken up again at once. */
async function rest(failures: number, { pace = usualPace, signal }: WatchOptions): Promise<void> {
  if (failures === 0) return;
  await pause(pauseBefore(failures - 1, pace), undefined, signal === undefined ? {} : { signal }).catch(() => {
    // Stopped: the loop looks at the signal.
  });
}
