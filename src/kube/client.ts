// The Kubernetes client that all of Casemate uses: objects of any kind, watches, server-side apply, discovery and raw reads.

import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';
import type { Connection } from './connection.ts';
import { createDiscovery, type Discovery } from './discovery.ts';
import { type Answer, type Call, type CallOptions, createExchange, type Exchange, type Pace } from './exchange.ts';
import type { Change } from './known-objects.ts';
import { isUnknownKind, statusOf } from './kube-fault.ts';
import { type AnyObject, apiVersionOf, type Kind, type KubeObject, kindName, type Ref, type Resource, refText } from './object.ts';
import { type Listed, type ListOptions, listOf, type Page, pagesOf, type Selection, wideLimits } from './pages.ts';
import { collectionPath, objectPath, placeOf, type Query } from './resource-path.ts';
import { createTransport } from './transport.ts';
import { type WatchOptions, watchOf } from './watch.ts';

export interface ObjectOptions extends CallOptions {
  /** `status`, `scale`, `token`. */
  readonly subresource?: string | undefined;
}

export interface WriteOptions extends ObjectOptions {
  /** The server answers as if it had written, and writes nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface ApplyOptions extends WriteOptions {
  /** Takes fields over that another manager owns. */
  readonly force?: boolean | undefined;
}

/** `json` takes a list of operations (RFC 6902), the others a part of the object; `strategic` knows built-in kinds only. */
export type PatchType = 'merge' | 'strategic' | 'json';

export interface RemoveOptions extends CallOptions {
  /** What happens to what the object owns; `background` by default. */
  readonly dependents?: 'background' | 'foreground' | 'orphan' | undefined;
  /** Only the very object that was looked at: another one of its name stays, with Fault `conflict`. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

/** Absence is undefined. Calls throw KubeFault for a refusal, Fault `unavailable` or `timeout` when there is no answer. */
export interface KubeClient {
  readonly connection: Connection;
  readonly discovery: Discovery;
  /** For `createPods`, which is apart since it brings a library with it. */
  readonly exchange: Exchange;
  /** Throws Fault `unsupported-path` when the server does not serve the kind at all. */
  get<T extends KubeObject>(kind: Kind<T>, ref: Ref, options?: ObjectOptions): Promise<T | undefined>;
  /** All at once, of one state; for what may be large take `pages`. */
  list<T extends KubeObject>(kind: Kind<T>, selection?: Selection, options?: Omit<ListOptions, 'expired'>): Promise<Listed<T>>;
  pages<T extends KubeObject>(kind: Kind<T>, selection?: Selection, options?: ListOptions): AsyncGenerator<Page<T>, void, undefined>;
  /** What is there, `synced`, and each change from then on, until the signal comes or the loop is left. */
  watch<T extends KubeObject>(kind: Kind<T>, selection?: Selection, options?: WatchOptions): AsyncGenerator<Change<T>, void, undefined>;
  /** Throws KubeFault `AlreadyExists`. */
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: Omit<WriteOptions, 'subresource'>): Promise<T>;
  /** What an object makes: `token` of a service account (TokenRequest), `eviction` of a pod. */
  createAt<R extends KubeObject>(parent: Resource, ref: Ref, subresource: string, body: object, options?: CallOptions): Promise<R>;
  /** Its `resourceVersion` must be the newest, or be left out to overwrite what is there. Throws KubeFault `Conflict`. */
  replace<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Server-side apply as this client's field manager: what it applied before and leaves out now goes. Throws KubeFault `Conflict`. */
  apply<T extends KubeObject>(kind: Kind<T>, object: T, options?: ApplyOptions): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, ref: Ref, type: PatchType, change: unknown, options?: WriteOptions): Promise<T>;
  /** False when it was not there. What has finalizers goes later. */
  remove(kind: Resource, ref: Ref, options?: RemoveOptions): Promise<boolean>;
  /** A path such as `/readyz?verbose` or `/metrics`, with whatever status it is answered. */
  raw(path: string, options?: CallOptions): Promise<Answer>;
  /** Ends idle connections. */
  close(): void;
}

export interface ClientOptions {
  readonly connection: Connection;
  /** Under which name the server keeps what this client owns: `casemate-sync`. */
  readonly fieldManager: string;
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  readonly proxies?: Readonly<Record<string, string | undefined>> | undefined;
  readonly pace?: Pace | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const patchTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};
const propagation = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;

export function createKubeClient({ connection, fieldManager, proxies = {}, pace, now }: ClientOptions): KubeClient {
  const exchange = createExchange({ connection, transport: createTransport(connection, proxies), pace, now });
  const send = async <T>(call: Call, options: CallOptions): Promise<T> => objectIn(await exchange.answer(call, options), call) as T;
  const written = ({ dryRun }: WriteOptions, more: Query = {}): Query => ({
    fieldManager,
    dryRun: dryRun === true ? 'All' : undefined,
    ...more,
  });
  return {
    connection,
    exchange,
    discovery: createDiscovery(exchange),
    get: (kind, ref, options = {}) => getFrom(exchange, kind, ref, options),
    list: (kind, selection = {}, options) => listOf(exchange, kind, selection, options),
    pages: (kind, selection = {}, options) => pagesOf(exchange, kind, selection, options),
    watch: (kind, selection = {}, options) => watchOf(exchange, kind, selection, options),
    create: (kind, object, options = {}) => {
      const { namespace, name, generateName } = object.metadata;
      const path = collectionPath(kind, placeOf(kind, namespace, name ?? generateName ?? ''));
      const call = { method: 'POST', path, query: written(options), body: typed(kind, object), repeatable: false };
      return send({ ...call, verb: 'create', what: whatOf(kind, { namespace, name: name ?? `${generateName}…` }) }, options);
    },
    createAt: (parent, ref, subresource, body, options = {}) => {
      const call = { method: 'POST', path: objectPath(parent, ref, subresource), body, repeatable: false };
      return send({ ...call, verb: 'create', what: whatOf(parent, ref, subresource) }, options);
    },
    replace: (kind, object, options = {}) => {
      const { path, what } = addressed(kind, object, options);
      const call = { method: 'PUT', path, query: written(options), body: typed(kind, object), repeatable: false };
      return send({ ...call, verb: 'update', what }, options);
    },
    apply: (kind, object, options = {}) => {
      const { path, what } = addressed(kind, object, options);
      const body = typed(kind, object);
      const call = { method: 'PATCH', path, query: written(options, { force: options.force }), body, repeatable: true };
      // JSON is YAML.
      return send({ ...call, contentType: 'application/apply-patch+yaml', verb: 'apply', what }, options);
    },
    patch: (kind, ref, type, change, options = {}) => {
      const path = objectPath(kind, ref, options.subresource);
      const call = { method: 'PATCH', path, query: written(options), body: change, repeatable: type === 'merge' };
      return send({ ...call, contentType: patchTypes[type], verb: 'patch', what: whatOf(kind, ref, options.subresource) }, options);
    },
    remove: (kind, ref, options = {}) => removeFrom(exchange, kind, ref, options),
    raw: (path, options = {}) => {
      if (!path.startsWith('/')) throw new Fault('usage', `${JSON.stringify(path)} is no path of the API server`);
      return exchange.read({ method: 'GET', path, headers: { Accept: '*/*' }, verb: 'get', what: path, repeatable: true }, options);
    },
    close: exchange.close,
  };
}

async function getFrom<T extends KubeObject>(exchange: Exchange, kind: Kind<T>, ref: Ref, options: ObjectOptions): Promise<T | undefined> {
  const what = whatOf(kind, ref, options.subresource);
  const call: Call = { method: 'GET', path: objectPath(kind, ref, options.subresource), verb: 'get', what, repeatable: true };
  const answer = await exchange.read(call, options);
  if (answer.status === 404 && !isUnknownKind(statusOf(answer.text))) return undefined;
  if (answer.status >= 400) throw exchange.refusal(call, answer);
  return objectIn(answer, call) as KubeObject as T;
}

async function removeFrom(exchange: Exchange, kind: Resource, ref: Ref, options: RemoveOptions): Promise<boolean> {
  const { dependents = 'background', uid, resourceVersion, gracePeriodSeconds } = options;
  const call: Call = {
    method: 'DELETE',
    path: objectPath(kind, ref),
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation[dependents],
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }),
    },
    verb: 'delete',
    what: whatOf(kind, ref),
    repeatable: true,
  };
  const answer = await exchange.read(call, options);
  if (answer.status === 404 && !isUnknownKind(statusOf(answer.text))) return false;
  if (answer.status >= 400) throw exchange.refusal(call, answer);
  return true;
}

function whatOf(kind: Resource, ref: Partial<Ref>, subresource?: string): string {
  return `${kindName(kind)}${subresource === undefined ? '' : `/${subresource}`} ${refText(ref)}`;
}

function addressed(kind: Resource, { metadata }: KubeObject, { subresource }: ObjectOptions) {
  const { name, namespace } = metadata;
  if (name === undefined) throw new Fault('usage', `an object of ${kindName(kind)} has no name`);
  return { path: objectPath(kind, { name, namespace }, subresource), what: whatOf(kind, { name, namespace }, subresource) };
}

/** The server wants to be told what the path says already. */
function typed(kind: Resource, object: KubeObject): KubeObject {
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
}

function objectIn({ text }: Answer, { verb, what }: Call): AnyObject {
  const object = parseJson(text, wideLimits);
  if (typeof object !== 'object' || object === null || Array.isArray(object))
    throw new Fault('corrupted', `${verb} ${what}: the API server's answer is no object`);
  return object as AnyObject;
}
