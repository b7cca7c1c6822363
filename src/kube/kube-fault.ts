// What an API server refused: its Status as a Fault, with what to do next, and nothing of what was sent in secret.

import { Fault, type FaultCode } from '../base/fault.ts';
import { withoutSecrets } from './redaction.ts';

/** Of a Status: what is wrong with one field, or who else owns it. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** As the API writes it (meta/v1 Status). */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly StatusCause[];
  };
  /** Of an expired list: goes on where the old token stood, at a newer state. */
  readonly metadata?: { readonly continue?: string };
}

/** What was asked for, as far as a message may tell. */
export interface Asked {
  /** `list`, `apply`: the verb that a Role would grant. */
  readonly verb: string;
  /** `secrets team-a/db`, or the path of a raw read. */
  readonly what: string;
  /** As `Connection.origin`. */
  readonly origin: string;
  /** Texts that must not be seen in what is answered. */
  readonly secrets?: readonly string[];
}

/** `reason` is the Status's own: `Conflict`, `AlreadyExists`, `Expired`, `Forbidden`, `Invalid` and so on; empty where there was none. */
export class KubeFault extends Fault {
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  /** Seconds, where the server said when to come again. */
  readonly retryAfter: number | undefined;
  /** Where an expired list may go on, at a newer state. */
  readonly continueAt: string | undefined;

  constructor(status: Status, http: number, asked: Asked) {
    super(codeOf(status, http), messageOf(status, http, asked), { framed: false });
    this.name = 'KubeFault';
    this.status = http;
    this.reason = status.reason ?? '';
    this.causes = withoutSecrets(status.details?.causes ?? [], asked.secrets ?? []);
    this.retryAfter = status.details?.retryAfterSeconds;
    this.continueAt = status.metadata?.continue;
  }
}

const codes: ReadonlyMap<number, FaultCode> = new Map([
  [400, 'invalid-request'],
  [401, 'permission-denied'],
  [403, 'permission-denied'],
  [404, 'not-found'],
  [405, 'unsupported-operation'],
  [406, 'unsupported-media-type'],
  [409, 'conflict'],
  [410, 'conflict'],
  [413, 'too-large'],
  [415, 'unsupported-media-type'],
  [422, 'invalid-request'],
  [429, 'rate-limited'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'timeout'],
]);

function codeOf(status: Status, http: number): FaultCode {
  if (http === 404 && isUnknownKind(status)) return 'unsupported-path';
  return codes.get(http) ?? (http >= 500 ? 'internal' : 'invalid-request');
}

/** A server that knows the kind says which object is missing; one that does not has nothing to name. */
export function isUnknownKind({ details }: Status): boolean {
  return details?.name === undefined;
}

function messageOf(status: Status, http: number, asked: Asked): string {
  if (http === 404 && isUnknownKind(status))
    return `${asked.verb} ${asked.what}: this API server does not serve it; is a custom resource definition missing?`;
  const said = status.message === undefined || status.message === '' ? `HTTP ${http}` : status.message;
  const reason = status.reason === undefined || status.reason === '' ? '' : ` (${status.reason})`;
  const next = nextStep(status, http, asked);
  const sentence = `${asked.verb} ${asked.what}: ${withoutSecrets(said, asked.secrets ?? [])}${reason}`;
  return next === undefined ? sentence : `${sentence}: ${next}`;
}

function nextStep(status: Status, http: number, { verb, what, origin }: Asked): string | undefined {
  switch (http) {
    case 401:
      return `the API server does not accept the credentials of ${origin}; log in again or renew them`;
    case 403:
      // An admission webhook refuses with this number too, and says itself why.
      return status.message?.includes('admission webhook') === true
        ? undefined
        : `${origin} needs a Role or ClusterRole that allows ${verb === 'apply' ? 'patch' : verb} on ${what}`;
    case 409:
      return conflictStep(status, verb);
    case 410:
      return 'the server has forgotten that state; start again';
    case 413:
      return 'the object is larger than the API server takes';
    case 429:
      return 'the API server is busy; try again later';
    case 503:
      return 'the API server is not ready; try again later';
    default:
      return undefined;
  }
}

function conflictStep({ reason }: Status, verb: string): string {
  if (reason === 'AlreadyExists') return 'read it and change it instead';
  return verb === 'apply'
    ? 'another manager owns these fields; leave them out, or force it to take them over'
    : 'it was changed meanwhile; read it and try again';
}

/** The Status of an answer; of one that is none only the number is told, since it may come from a stranger in between. */
export function statusOf(body: string): Status {
  try {
    const status = JSON.parse(body) as unknown;
    if (typeof status === 'object' && status !== null && (status as { kind?: unknown }).kind === 'Status') return status as Status;
  } catch {
    return { message: 'the answer is none of the Kubernetes API' };
  }
  return { message: 'the answer is none of the Kubernetes API' };
}

/** Somebody else changed the object, or owns the field. */
export const isConflict = (thrown: unknown): thrown is KubeFault =>
  thrown instanceof KubeFault && thrown.status === 409 && thrown.reason === 'Conflict';

export const alreadyExists = (thrown: unknown): thrown is KubeFault => thrown instanceof KubeFault && thrown.reason === 'AlreadyExists';

/** The state that was asked for is no longer, or not yet, to be had: only listing again helps. */
export const isExpired = (thrown: unknown): thrown is KubeFault =>
  thrown instanceof KubeFault && (thrown.status === 410 || thrown.causes.some(({ reason }) => reason === 'ResourceVersionTooLarge'));
