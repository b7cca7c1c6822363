// The load: a number of connections, each asking again as soon as it was answered, measured for a while or until all requests were sent.

import { performance } from 'node:perf_hooks';
import { Fault } from '../src/base/fault.ts';
import { type Connection, openConnection, type Place } from './connection.ts';
import { createLatencies } from './latencies.ts';
import { createPolling } from './polling.ts';

export interface Load {
  readonly place: Place;
  readonly connections: number;
  /** Whole HTTP requests, sent in this order and again from the start; each connection begins at another one. */
  readonly requests: readonly string[];
  /** The one status that is right; any other ends the run. */
  readonly status: number;
  readonly pace: Pace;
  /** Sent after each answer with the token that it names between the two; both answers count as one. */
  readonly follows?: readonly [string, string] | undefined;
}

export type Pace =
  /** Seconds; the answers of the warm-up are not counted. */
  | { readonly kind: 'timed'; readonly warmUp: number; readonly seconds: number }
  /** Each request once, and all of them within so many seconds. */
  | { readonly kind: 'once'; readonly within: number };

export interface Measured {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Share of one core that the load generator itself took: near 1 it is the load generator that was measured. */
  readonly busy: number;
}

/** Rejects with Fault `unavailable`, in a sentence, when a connection fails, a status is wrong, or nothing is answered. */
export function runLoad(load: Load, signal: AbortSignal): Promise<Measured> {
  const { pace } = load;
  const connections: Connection[] = [];
  const timers: NodeJS.Timeout[] = [];
  const count = pace.kind === 'once' ? Math.min(load.connections, load.requests.length) : load.connections;
  let stop = (): void => {};
  const run = new Promise<Measured>((resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    const meter = createMeter();
    const fail = (sentence: string) => reject(new Fault('unavailable', sentence));
    const finish = () => {
      const measured = meter.read();
      if (measured.requests === 0) fail(`${load.place.host}:${load.place.port} answered nothing in ${meter.seconds().toFixed(1)} s`);
      else resolve(measured);
    };
    const requests = load.requests.map((text) => Buffer.from(text));
    const source = pace.kind === 'once' ? eachOnce(requests, finish) : roundAndRound(requests, count);
    for (let lane = 0; lane < count; lane++) connections.push(openLane(load, source(lane), meter, fail));
    if (pace.kind === 'once') {
      meter.start();
      timers.push(setTimeout(() => fail(`${requests.length} requests were not answered within ${pace.within} s`), pace.within * 1_000));
    } else {
      const begin = () => {
        meter.start();
        timers.push(setTimeout(finish, pace.seconds * 1_000));
      };
      timers.push(setTimeout(begin, pace.warmUp * 1_000));
    }
  });
  return run.finally(() => {
    signal.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
    for (const connection of connections) connection.end();
  });
}

/** What a connection sends next; undefined when it has nothing left to do. Asked only once the request before was answered. */
type Requests = () => Buffer | undefined;

function roundAndRound(requests: readonly Buffer[], lanes: number): (lane: number) => Requests {
  return (lane) => {
    let next = Math.floor((lane * requests.length) / lanes);
    return () => {
      const request = requests[next];
      next = next + 1 === requests.length ? 0 : next + 1;
      return request;
    };
  };
}

function eachOnce(requests: readonly Buffer[], done: () => void): (lane: number) => Requests {
  let next = 0;
  let open = 0;
  return () => {
    open += 1;
    return () => {
      const request = requests[next++];
      if (request === undefined && --open === 0) done();
      return request;
    };
  };
}

function openLane(load: Load, next: Requests, meter: Meter, fail: (sentence: string) => void): Connection {
  let sentAt = 0;
  let following = false;
  const send = () => {
    const request = next();
    if (request === undefined) return;
    sentAt = performance.now();
    connection.send(request);
  };
  const connection = openConnection(load.place, {
    connected: send,
    answered(status, body) {
      if (status !== load.status) return fail(wrongStatus(load, status, body));
      if (load.follows !== undefined && !following) {
        following = true;
        return connection.send(Buffer.from(load.follows.join(tokenIn(body))));
      }
      following = false;
      meter.count(sentAt);
      send();
    },
    failed: fail,
  });
  return connection;
}

const beforeToken = '"token":"';

/** The first that the answer names; the load is too busy to parse it as a whole. */
function tokenIn(body: Buffer): string {
  const at = body.indexOf(beforeToken) + beforeToken.length;
  return body.toString('latin1', at, body.indexOf('"', at));
}

const shownOfBody = 300;

function wrongStatus({ place, status: wanted, requests }: Load, status: number, body: Buffer): string {
  const [method, path] = (requests[0] ?? '').split(' ', 2);
  const text = body.toString('utf8', 0, shownOfBody).trim();
  return `${place.host}:${place.port} answered ${status} where ${wanted} was expected, to a request such as ${method} ${path}: ${text}`;
}

interface Meter {
  start(): void;
  /** An answer to what was sent then. */
  count(sentAt: number): void;
  read(): Measured;
  /** Since the start. */
  seconds(): number;
}

function createMeter(): Meter {
  const latencies = createLatencies();
  let startedAt: number | undefined;
  const polling = createPolling();
  let usageBefore = process.cpuUsage();
  let fruitlessBefore = 0;
  const seconds = () => (startedAt === undefined ? 0 : (performance.now() - startedAt) / 1_000);
  return {
    start() {
      startedAt = performance.now();
      usageBefore = process.cpuUsage();
      fruitlessBefore = polling.fruitless();
    },
    count(sentAt) {
      const now = performance.now();
      polling.answered(now);
      if (startedAt !== undefined) latencies.add(now - sentAt);
    },
    read() {
      const elapsed = seconds();
      const { user, system } = process.cpuUsage(usageBefore);
      return {
        requests: latencies.count,
        perSecond: elapsed === 0 ? 0 : latencies.count / elapsed,
        p50: latencies.quantile(0.5),
        p99: latencies.quantile(0.99),
        busy: elapsed === 0 ? 0 : ((user + system) / 1e3 - (polling.fruitless() - fruitlessBefore)) / 1e3 / elapsed,
      };
    },
    seconds,
  };
}
