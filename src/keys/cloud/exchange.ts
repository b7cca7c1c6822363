// Calls of a cloud's key service: signed anew each time, tried again where that helps, and refused in sentences.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { type Answer, createTransport, type Transport } from '../../client/transport.ts';
import { type Environment, readSecret, type SecretSource } from '../secret-source.ts';
import type { AccessKeys, SignedHeaders, UnsignedRequest } from '../signing/request.ts';
import { type Named, type Refusal, refusalFault } from './refusal.ts';

export interface AccessKeySources {
  readonly accessKey: SecretSource;
  readonly secretKey: SecretSource;
  readonly sessionToken?: SecretSource | undefined;
}

export interface ExchangeOptions {
  readonly sources: AccessKeySources;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly sign: (request: UnsignedRequest, keys: AccessKeys, now: number) => SignedHeaders;
  /** `undefined` where the service did as asked. */
  readonly judge: (answer: Answer, json: unknown) => Refusal | undefined;
}

export interface Exchange {
  /**
   * The answer's JSON. Throws the faults of `refusalFault`, `unavailable` or `timeout` for a service that cannot be reached, and
   * `usage` for credentials that are not where the configuration says.
   */
  ask(request: UnsignedRequest, named: Named, signal: AbortSignal): Promise<unknown>;
  close(): void;
}

/** kube-apiserver waits three seconds: a second attempt must have its chance. */
const attemptTimeout = 2_000;
const attempts = 4;
/** Milliseconds before the second attempt; twice as many before each that follows. */
const firstPause = 100;
/** A service that wants to be left alone for longer is told of at once. */
const longestPause = 10_000;
/** Beyond this the clocks are why a signature is refused: the services allow 5 to 15 minutes. */
const skew = 4 * 60_000;

export function createExchange(options: ExchangeOptions): Exchange {
  const transport = createTransport({ tls: {}, proxies: options.environment });
  return {
    ask: (request, named, signal) => askWith(options, transport, { request, named, signal }),
    close: () => transport.close(),
  };
}

interface Asked {
  readonly request: UnsignedRequest;
  readonly named: Named;
  readonly signal: AbortSignal;
}

async function askWith(options: ExchangeOptions, transport: Transport, asked: Asked): Promise<unknown> {
  let read = keysOf(options);
  let renewed = false;
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(options, transport, asked, read);
    if (outcome.kind === 'done') return outcome.json;
    if (outcome.kind === 'credentials' && !renewed) {
      // They may have been replaced since they were read, or one of their files before the other.
      const now = keysOf(options);
      renewed = true;
      if (now.accessKey !== read.accessKey || now.secretKey !== read.secretKey || now.sessionToken !== read.sessionToken) {
        read = now;
        continue;
      }
    }
    if (outcome.kind !== 'later' || attempt >= attempts) throw outcome.fault;
    await pause(options.random, attempt, outcome, asked.signal);
  }
}

type Outcome =
  | { readonly kind: 'done'; readonly json: unknown }
  | { readonly kind: 'later'; readonly fault: Fault; readonly after: number }
  | { readonly kind: 'credentials' | 'final'; readonly fault: Fault };

async function attemptOnce(options: ExchangeOptions, transport: Transport, asked: Asked, keys: AccessKeys): Promise<Outcome> {
  const { request, named, signal } = asked;
  const { body, method, url } = request;
  const now = options.clock.now();
  const headers = options.sign(request, keys, now);
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(attemptTimeout)]);
  let answer: Answer;
  try {
    answer = await transport.send({ method, url: url.href, headers, ...(body === '' ? {} : { body }) }, bounded);
  } catch (thrown) {
    return unreached(thrown, named, signal);
  }
  const json = jsonOf(answer.body);
  const refusal = options.judge(answer, json);
  if (refusal === undefined) return { kind: 'done', json };
  const judged = withSkew(refusal, answer, options.clock.now());
  const fault = refusalFault(judged, named);
  if (judged.kind === 'throttled' || judged.kind === 'failing') return { kind: 'later', fault, after: judged.after ?? 0 };
  return { kind: judged.kind === 'credentials' || judged.kind === 'denied' ? 'credentials' : 'final', fault };
}

/** The transport's own words quote the URL, where a plaintext may stand. */
function unreached(thrown: unknown, { service }: Named, signal: AbortSignal): Outcome {
  if (!(thrown instanceof Fault)) throw thrown;
  const words = thrown.message.slice(thrown.message.indexOf('": ') + 3);
  const fault = new Fault(thrown.code, `${service} cannot be reached: ${words}`, { cause: thrown.cause, fields: { service } });
  const passing = thrown.code === 'timeout' || thrown.fields?.['again'] === true || wasReset(thrown.cause);
  return passing && !signal.aborted ? { kind: 'later', fault, after: 0 } : { kind: 'final', fault };
}

/** Several connections that were kept may all have been ended meanwhile. */
function wasReset(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return (thrown as NodeJS.ErrnoException).code === 'ECONNRESET' || wasReset(thrown.cause);
}

/** Gateways word a bad time in many ways, but all tell theirs. */
function withSkew(refusal: Refusal, { headers }: Answer, now: number): Refusal {
  if (refusal.kind !== 'credentials' && refusal.kind !== 'skewed') return refusal;
  const theirs = Date.parse(headers.date ?? '');
  if (Number.isNaN(theirs)) return refusal;
  const ahead = now - theirs;
  if (Math.abs(ahead) > skew) return { ...refusal, kind: 'skewed', ahead };
  return refusal;
}

async function pause(random: RandomBytes, attempt: number, { after, fault }: { after: number; fault: Fault }, signal: AbortSignal) {
  if (after > longestPause) throw fault;
  const backoff = firstPause * 2 ** (attempt - 1);
  const spread = (random(1)[0] as number) / 255;
  try {
    await sleep(Math.max(after, backoff * (0.5 + spread / 2)), undefined, { signal });
  } catch (thrown) {
    // What kept the service from answering says more than that time is up.
    if (signal.aborted) throw fault;
    throw thrown;
  }
}

function keysOf({ sources, environment }: ExchangeOptions): AccessKeys {
  const { accessKey, secretKey, sessionToken } = sources;
  return {
    accessKey: readSecret(accessKey, environment, 'the access key'),
    secretKey: readSecret(secretKey, environment, 'the secret key'),
    ...(sessionToken === undefined ? {} : { sessionToken: readSecret(sessionToken, environment, 'the session token') }),
  };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // A gateway's page of HTML: the status says enough.
    return undefined;
  }
}

/** Milliseconds of a `Retry-After` header, in seconds or as a date. */
export function retryAfter({ headers }: Answer, now: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
