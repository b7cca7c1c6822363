// Has an API server store one object anew, unchanged: what changes nothing is written all the same when the key is an old one.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { wipe } from '../../crypto/wipe.ts';
import { pauseBefore } from '../../kube/exchange.ts';
import { type Status, statusOf } from '../../kube/kube-fault.ts';
import { kindName, type Resource, refText } from '../../kube/object.ts';
import { objectPath } from '../../kube/resource-path.ts';
import type { LaneAnswer, LaneLoss, Lanes } from './rewrite-lanes.ts';
import type { SeenObject } from './rewrite-pages.ts';
import { bodyOf, protobufType, versionInProtobuf } from './rewrite-protobuf.ts';
import type { RewriteOutcome } from './rewrite-report.ts';

/** What all objects of a rewrite share. */
export interface Rewriting {
  readonly lanes: Lanes;
  /** Milliseconds without a single object carried out after which the servers count as not there. */
  readonly patience: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly health: Health;
}

export interface Health {
  /** When an object was last carried out. */
  lastGood: number;
  /** Objects in a row that the server failed on. */
  failedInARow: number;
}

export type Rewritten = Exclude<RewriteOutcome, 'refused'> | { readonly refused: string };

const asMetadata = ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const metadataAlone = `application/json${asMetadata}`;
/** Nothing that is sent could be unknown, and the strict decoding that warns of it costs the server as much as the patch. */
const parameters = '?fieldManager=casemate-etcd&fieldValidation=Ignore';
/** Of an object on which the server fails (a webhook that is down, a value that it cannot store) before it counts as refused. */
const tries = 4;
/** So many objects in a row are no matter of the objects. */
const mostFailedInARow = 20;
const backoff = { first: 100, longest: 2_000 };
const longestReason = 300;

/**
 * Rejects with a Fault when the run has to stop: the server is away, fails on everything, or does not take the credentials. What is sent
 * names uid and resourceVersion, so that it can neither bring back what was deleted nor meet another object of that name.
 */
export async function rewriteObject(resource: Resource, object: SeenObject, rewriting: Rewriting): Promise<Rewritten> {
  const { signal, health } = rewriting;
  const path = objectPath(resource, object);
  const { resourceVersion } = object;
  const what = `${kindName(resource)} ${refText(object)}`;
  let unauthorized = 0;
  for (let failed = 0; ; ) {
    const answer = await sent(resource, object, path, rewriting);
    if ('lost' in answer) {
      endurance(rewriting, what, `${answer.client.connection.server}: ${answer.lost}`);
      continue;
    }
    const { status } = answer;
    if (status < 300) {
      health.lastGood = rewriting.now();
      health.failedInARow = 0;
      return versionIn(answer, what) === resourceVersion ? 'current' : 'rewritten';
    }
    if (status === 404) return 'gone';
    if (status === 401 && unauthorized++ === 0) continue;
    if (status === 401) throw refusalOf(answer, object, path, what);
    if (status === 429 || status === 503) {
      endurance(rewriting, what, `${answer.client.connection.server} answers ${status}`);
      // A server that names no time gets one: otherwise it would be asked in a circle.
      if (answer.headers['retry-after'] === undefined) await pause(pauseBefore(0, backoff), undefined, { signal });
      continue;
    }
    if (status === 409) {
      const meanwhile = await afterConflict(path, object, rewriting);
      if (meanwhile !== undefined) return meanwhile;
    } else if (status < 500) return { refused: reasonOf(statusIn(answer), status) };
    if (++failed < tries) {
      await pause(pauseBefore(failed, backoff), undefined, { signal });
      continue;
    }
    if (status >= 500 && ++health.failedInARow >= mostFailedInARow) throw refusalOf(answer, object, path, what);
    return { refused: reasonOf(statusIn(answer), status) };
  }
}

/** A patch of nothing, or the object itself, which costs the server less: it has nothing to encode, patch and decode again. */
async function sent(
  resource: Resource,
  { uid, resourceVersion, stored }: SeenObject,
  path: string,
  { lanes }: Rewriting,
): Promise<LaneAnswer | LaneLoss> {
  if (stored === undefined)
    return lanes.send(() => ({
      method: 'PATCH',
      path: path + parameters,
      headers: { Accept: metadataAlone, 'Content-Type': 'application/merge-patch+json' },
      body: JSON.stringify({ metadata: { uid, resourceVersion } }),
    }));
  let body: Uint8Array = Buffer.alloc(0);
  const answer = await lanes.send(() => {
    body = bodyOf(resource, stored);
    return {
      method: 'PUT',
      path: path + parameters,
      headers: { Accept: `${protobufType}${asMetadata}`, 'Content-Type': protobufType },
      body,
    };
  });
  // What was lost may still be on its way, and zeros in place of a value would be a value.
  if (!('lost' in answer)) wipe(body);
  return answer;
}

/** Whether the object is another one by now. undefined: it is the same, and the conflict was about something else. */
async function afterConflict(path: string, { uid, resourceVersion }: SeenObject, { lanes }: Rewriting): Promise<Rewritten | undefined> {
  const answer = await lanes.send(() => ({ method: 'GET', path, headers: { Accept: metadataAlone } }));
  if ('lost' in answer || answer.status >= 400) return 'status' in answer && answer.status === 404 ? 'gone' : undefined;
  const now = metadataIn(answer);
  return now?.uid === uid && now.resourceVersion === resourceVersion ? undefined : 'changed';
}

/** Throws Fault `unavailable` when nothing was carried out for too long. */
function endurance({ health, patience, now }: Rewriting, what: string, words: string): void {
  if (now() - health.lastGood < patience) return;
  throw new Fault(
    'unavailable',
    `rewrite ${what}: ${words}; nothing was carried out for ${Math.round(patience / 1_000)} s: go on when the API server is well`,
  );
}

function refusalOf({ status, bytes, client }: LaneAnswer, { stored }: SeenObject, path: string, what: string): Fault {
  const done = stored === undefined ? { method: 'PATCH', verb: 'patch' } : { method: 'PUT', verb: 'update' };
  return client.exchange.refusal({ ...done, path, what, repeatable: true }, { status, text: bytes.toString() });
}

/** Refusals are JSON whatever was asked for: with `as=` no other form of a Status is acceptable (ErrorNegotiated of kube-apiserver). */
function statusIn({ bytes }: LaneAnswer): Status {
  return statusOf(bytes.toString());
}

function versionIn(answer: LaneAnswer, what: string): string {
  const isProtobuf = answer.headers['content-type']?.startsWith(protobufType) === true;
  const version = isProtobuf ? versionInProtobuf(answer.bytes) : metadataIn(answer)?.resourceVersion;
  if (version === undefined) throw new Fault('corrupted', `rewrite ${what}: the API server's answer has no resourceVersion`);
  return version;
}

function metadataIn({ bytes }: LaneAnswer): Partial<SeenObject> | undefined {
  try {
    return (JSON.parse(bytes.toString()) as { readonly metadata?: Partial<SeenObject> } | null)?.metadata;
  } catch {
    return undefined;
  }
}

/** Which field is wrong and how, but not its value, which a schema's message would show; the words of webhooks are theirs. */
export function reasonOf({ message = '', reason = '', details }: Status, http: number): string {
  const causes = details?.causes ?? [];
  if (http === 422 && causes.length > 0)
    return cut(`${reason}: ${causes.map((cause) => `${cause.field ?? ''} (${cause.reason ?? 'invalid'})`).join(', ')}`);
  return cut(message === '' ? `HTTP ${http}${reason === '' ? '' : ` (${reason})`}` : message);
}

function cut(text: string): string {
  return text.length <= longestReason ? text : `${text.slice(0, longestReason)}…`;
}
