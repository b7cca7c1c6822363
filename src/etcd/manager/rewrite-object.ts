// Has an API server store one object anew, unchanged: a patch that changes nothing is written all the same when the key is an old one.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import { pauseBefore } from '../../kube/exchange.ts';
import { type Status, statusOf } from '../../kube/kube-fault.ts';
import { kindName, type Resource, refText } from '../../kube/object.ts';
import { objectPath } from '../../kube/resource-path.ts';
import type { LaneAnswer, Lanes } from './rewrite-lanes.ts';
import type { SeenObject } from './rewrite-pages.ts';
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

const metadataAlone = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
/** Nothing but what the patch names could be unknown, and the strict decoding that warns of it costs the server as much as the patch. */
const parameters = '?fieldManager=casemate-etcd&fieldValidation=Ignore';
/** Of an object on which the server fails (a webhook that is down, a value that it cannot store) before it counts as refused. */
const tries = 4;
/** So many objects in a row are no matter of the objects. */
const mostFailedInARow = 20;
const backoff = { first: 100, longest: 2_000 };
const longestReason = 300;

/**
 * Rejects with a Fault when the run has to stop: the server is away, fails on everything, or does not take the credentials. The patch names
 * uid and resourceVersion, so that it can neither bring back what was deleted nor meet another object of that name.
 */
export async function rewriteObject(resource: Resource, object: SeenObject, rewriting: Rewriting): Promise<Rewritten> {
  const { lanes, signal, health } = rewriting;
  const path = objectPath(resource, object);
  const { uid, resourceVersion } = object;
  const outgoing = {
    method: 'PATCH',
    path: path + parameters,
    headers: { Accept: metadataAlone, 'Content-Type': 'application/merge-patch+json' },
    body: JSON.stringify({ metadata: { uid, resourceVersion } }),
  };
  const what = `${kindName(resource)} ${refText(object)}`;
  let unauthorized = 0;
  for (let failed = 0; ; ) {
    const answer = await lanes.send(outgoing);
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
    if (status === 401) throw refusalOf(answer, path, what);
    if (status === 429 || status === 503) {
      endurance(rewriting, what, `${answer.client.connection.server} answers ${status}`);
      // A server that names no time gets one: otherwise it would be asked in a circle.
      if (answer.headers['retry-after'] === undefined) await pause(pauseBefore(0, backoff), undefined, { signal });
      continue;
    }
    if (status === 409) {
      const meanwhile = await afterConflict(path, object, rewriting);
      if (meanwhile !== undefined) return meanwhile;
    } else if (status < 500) return { refused: reasonOf(statusOf(answer.text), status) };
    if (++failed < tries) {
      await pause(pauseBefore(failed, backoff), undefined, { signal });
      continue;
    }
    if (status >= 500 && ++health.failedInARow >= mostFailedInARow) throw refusalOf(answer, path, what);
    return { refused: reasonOf(statusOf(answer.text), status) };
  }
}

/** Whether the object is another one by now. undefined: it is the same, and the conflict was about something else. */
async function afterConflict(path: string, { uid, resourceVersion }: SeenObject, { lanes }: Rewriting): Promise<Rewritten | undefined> {
  const answer = await lanes.send({ method: 'GET', path, headers: { Accept: metadataAlone } });
  if ('lost' in answer || answer.status >= 400) return 'status' in answer && answer.status === 404 ? 'gone' : undefined;
  const now = metadataIn(answer);
  return now?.uid === uid && now.resourceVersion === resourceVersion ? undefined : 'changed';
}

/** Throws Fault `unavailable` when nothing was carried out for too long. */
function endurance({ health, patience, now }: Rewriting, what: string, words: string): void {
  if (now() - health.lastGood < patience) return;
  throw new Fault(
    'unavailable',
    `patch ${what}: ${words}; nothing was carried out for ${Math.round(patience / 1_000)} s: go on when the API server is well`,
  );
}

function refusalOf({ status, text, client }: LaneAnswer, path: string, what: string): Fault {
  return refusalBy(client, path, what, { status, text });
}

function refusalBy(client: KubeClient, path: string, what: string, answer: { readonly status: number; readonly text: string }): Fault {
  return client.exchange.refusal({ method: 'PATCH', path, verb: 'patch', what, repeatable: true }, answer);
}

function versionIn(answer: LaneAnswer, what: string): string {
  const version = metadataIn(answer)?.resourceVersion;
  if (version === undefined) throw new Fault('corrupted', `patch ${what}: the API server's answer has no resourceVersion`);
  return version;
}

function metadataIn({ text }: LaneAnswer): Partial<SeenObject> | undefined {
  try {
    return (JSON.parse(text) as { readonly metadata?: Partial<SeenObject> } | null)?.metadata;
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
