// A call until it is answered: waits where the server says so, tries again where nothing can have happened, gives up in time.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../base/fault.ts';
import { wipe } from '../crypto/wipe.ts';
import type { Connection } from './connection.ts';
import { type Asked, KubeFault, statusOf } from './kube-fault.ts';
import { secretsIn } from './redaction.ts';
import { type Query, withQuery } from './resource-path.ts';
import { type Loss, lossOf, type Opened, type Transport } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the call with all its tries; 60,000 by default. */
  readonly timeout?: number | undefined;
  /** Milliseconds for which a server that cannot be reached is tried again; 10,000 by default. */
  readonly patience?: number | undefined;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** As `Asked`. */
  readonly verb: string;
  readonly what: string;
  /** Doing it twice is the same as doing it once. */
  readonly repeatable: boolean;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface RawAnswer {
  readonly status: number;
  /** Of its content, with parameters; empty where the server did not say. */
  readonly type: string;
  readonly bytes: Buffer;
}

export interface Exchange {
  readonly connection: Connection;
  /** The first answer that is not to be tried again, whatever its status. Its body is under the signal alone. */
  open(call: Call, options: CallOptions): Promise<Opened>;
  /** As `open`, with the whole body. */
  read(call: Call, options: CallOptions): Promise<Answer>;
  /** As `read`, for what is no text; there is no copy of the bytes but this one. Throws Fault `too-large` after `most` bytes. */
  readBytes(call: Call, options: CallOptions, most?: number): Promise<RawAnswer>;
  /** As `read`. Throws KubeFault for a status of 400 and more. */
  answer(call: Call, options: CallOptions): Promise<Answer>;
  /** What the server's refusal is to the caller. */
  refusal(call: Call, answer: Answer): KubeFault;
  close(): void;
}

export interface Pace {
  /** Milliseconds before the second try; doubled each time. */
  readonly first: number;
  readonly longest: number;
}

const usualPace: Pace = { first: 100, longest: 5_000 };
const usualTimeout = 60_000;
const usualPatience = 10_000;
/** As client-go: a server that asks to wait ten times over is not going to answer. */
const mostWaits = 10;
/** Seconds. */
const longestWait = 30;
/** A JavaScript string ends at 512 MiB. */
const largestAnswer = 400 * 1024 * 1024;

export interface ExchangeOptions {
  readonly connection: Connection;
  readonly transport: Transport;
  readonly pace?: Pace | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Half of the pause is left to chance, so that a hundred pods do not come back at once. */
export function pauseBefore(attempt: number, { first, longest }: Pace): number {
  const whole = Math.min(longest, first * 2 ** Math.min(attempt, 20));
  return whole / 2 + (Math.random() * whole) / 2;
}

export function createExchange({ connection, transport, pace = usualPace, now }: ExchangeOptions): Exchange {
  const send = (call: Call, signal: AbortSignal) =>
    transport.open(
      {
        method: call.method,
        path: withQuery(call.path, call.query),
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        headers: { ...(call.body === undefined ? {} : { 'Content-Type': call.contentType ?? 'application/json' }), ...call.headers },
      },
      signal,
    );
  const persist = async (call: Call, signal: AbortSignal, patience: number): Promise<Opened> => {
    const started = now();
    let renewed = false;
    for (let attempt = 0, waits = 0; ; ) {
      const tried = await send(call, signal).catch((thrown: unknown) => caught(thrown, signal));
      if ('fate' in tried) {
        if (!worthAnotherTry(tried, call) || now() - started >= patience) throw unreachable(connection, call, tried);
        await pause(pauseBefore(attempt++, pace), undefined, { signal });
        continue;
      }
      if (tried.status === 401 && !renewed) {
        renewed = true;
        connection.renew();
        tried.drop();
        continue;
      }
      const seconds = secondsToWait(tried);
      if (seconds === undefined || ++waits > mostWaits) return tried;
      // What a server that wants to be left alone has said is all there is to tell when the time runs out.
      const said = { status: tried.status, text: joined(await tried.pieces(largestAnswer)).toString() };
      await pause(Math.max(Math.min(seconds, longestWait) * 1000, pauseBefore(waits, pace)), undefined, { signal }).catch(
        (thrown: unknown) => {
          throw isTimeout(signal) ? refusal(call, said) : thrown;
        },
      );
    }
  };
  const refusal = (call: Call, { status, text }: Answer): KubeFault => new KubeFault(statusOf(text), status, askedBy(call, connection));
  const within = async <T>(call: Call, options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const timeout = AbortSignal.timeout(options.timeout ?? usualTimeout);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    try {
      return await work(signal);
    } catch (thrown) {
      throw faultOf(thrown, signal, connection, call);
    }
  };
  const whole = (call: Call, options: CallOptions, most: number) =>
    within(call, options, async (signal) => {
      for (let attempt = 0; ; attempt++) {
        const opened = await persist(call, signal, options.patience ?? usualPatience);
        try {
          return { opened, pieces: await opened.pieces(most) };
        } catch (thrown) {
          const loss = caught(thrown, signal);
          if (!call.repeatable || attempt >= 2) throw unreachable(connection, call, loss);
        }
      }
    });
  const read = async (call: Call, options: CallOptions): Promise<Answer> => {
    const { opened, pieces } = await whole(call, options, largestAnswer);
    return { status: opened.status, text: joined(pieces).toString() };
  };
  return {
    connection,
    refusal,
    read,
    async readBytes(call, options, most = largestAnswer) {
      const { opened, pieces } = await whole(call, options, most);
      const bytes = joined(pieces);
      if (pieces.length > 1) wipe(...pieces);
      return { status: opened.status, type: opened.headers['content-type'] ?? '', bytes };
    },
    // Only the time until the answer begins is bounded: its body may be a stream without an end.
    async open(call, options) {
      const stop = new AbortController();
      const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
      const timer = setTimeout(() => stop.abort(new DOMException('', 'TimeoutError')), options.timeout ?? usualTimeout);
      try {
        return await persist(call, signal, options.patience ?? usualPatience);
      } catch (thrown) {
        throw faultOf(thrown, signal, connection, call);
      } finally {
        clearTimeout(timer);
      }
    },
    async answer(call, options) {
      const answer = await read(call, options);
      if (answer.status >= 400) throw refusal(call, answer);
      return answer;
    },
    close: transport.close,
  };
}

/** A loss to be weighed; anything else is thrown on. */
function caught(thrown: unknown, signal: AbortSignal): Loss {
  const loss = signal.aborted ? undefined : lossOf(thrown);
  if (loss === undefined) throw thrown;
  return loss;
}

function worthAnotherTry({ fate }: Loss, { repeatable }: Call): boolean {
  return fate === 'refused' || (fate === 'lost' && repeatable);
}

/** Undefined where waiting is not what the server asks for. */
function secondsToWait({ status, headers }: Opened): number | undefined {
  const asked = headers['retry-after'];
  if (status !== 429 && (status < 500 || asked === undefined)) return undefined;
  const seconds = Number(asked ?? 1);
  return Number.isFinite(seconds) ? seconds : 1;
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

export function askedBy({ verb, what, body }: Call, { origin }: Connection): Asked {
  return { verb, what, origin, secrets: secretsIn(body) };
}

const isTimeout = ({ aborted, reason }: AbortSignal): boolean => aborted && reason instanceof Error && reason.name === 'TimeoutError';

function faultOf(thrown: unknown, signal: AbortSignal, { server }: Connection, { verb, what }: Call): unknown {
  if (thrown instanceof Fault || !signal.aborted) return thrown;
  if (isTimeout(signal)) return new Fault('timeout', `${verb} ${what}: ${server} did not answer in time; try again, or give it more time`);
  return new Fault('unavailable', `${verb} ${what}: stopped before ${server} answered`, { fields: { stopped: true } });
}

function unreachable({ server, origin }: Connection, { verb, what, repeatable }: Call, { fate, words }: Loss): Fault {
  const unsure = fate === 'lost' && !repeatable ? '; whether it was done is not known: read the object before trying again' : '';
  const next = fate === 'refused' ? '; is the API server running?' : unsure;
  return new Fault('unavailable', `${verb} ${what}: cannot reach ${server} (${origin}): ${words}${next}`, { fields: { fate } });
}
