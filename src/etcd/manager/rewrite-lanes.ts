// Sends calls to one or several API servers, each at its own pace, and tells every answer as it is: who waits and tries again is the caller.

import { setMaxListeners } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import { createTransport, type Environment, lossOf, type Opened, type Outgoing, type Transport } from '../../kube/transport.ts';
import { createPace, type Pace, type PaceLimits } from './pace.ts';

export interface LaneAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** Of the server that gave it. */
  readonly client: KubeClient;
}

/** Why there is no answer. */
export interface LaneLoss {
  readonly lost: string;
  readonly client: KubeClient;
}

/** What the servers' flow control has done to the calls. */
export interface Throttling {
  /** Answers that said: too many, come again. */
  readonly answers: number;
  /** UID of the priority level that said so last (API Priority and Fairness); undefined where another part of the server did. */
  readonly priorityLevel: string | undefined;
}

export interface Lanes {
  /**
   * Waits for a place at the server with the most room, and sends what is made only then: bodies may be large. Throws Fault `unavailable` or `permission-denied` where no try can
   * help, and the signal's reason.
   */
  send(outgoing: () => Outgoing): Promise<LaneAnswer | LaneLoss>;
  /** Calls that may be under way at all servers together. */
  limit(): number;
  throttling(): Throttling;
  close(): void;
}

export interface LanesOptions {
  readonly clients: readonly [KubeClient, ...KubeClient[]];
  readonly limits: PaceLimits;
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  readonly proxies: Environment;
  /** Milliseconds for one call. */
  readonly timeout: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Lane {
  readonly client: KubeClient;
  readonly transport: Transport;
  readonly pace: Pace;
  /** Kept from call to call: a signal of its own for each would cost as much as the call. */
  readonly places: Place[];
}

interface Place {
  readonly abort: AbortController;
}

/** The signal ends all calls under way. */
export function openLanes({ clients, limits, proxies, timeout, now }: LanesOptions, signal: AbortSignal): Lanes {
  const lanes: readonly Lane[] = clients.map((client) => ({
    client,
    transport: createTransport(client.connection, proxies),
    pace: createPace(limits, now),
    places: [],
  }));
  const waiting: ((lane: Lane) => void)[] = [];
  const busyPlaces = new Set<Place>();
  let throttled = 0;
  let priorityLevel: string | undefined;
  let alarm: NodeJS.Timeout | undefined;
  /** The lane with the most room, or in how many milliseconds there may be one. */
  const roomiest = (): Lane | number | undefined => {
    let found: Lane | undefined;
    let soonest: number | undefined;
    for (const lane of lanes) {
      const wait = lane.pace.wait();
      if (wait === undefined) continue;
      if (wait > 0) soonest = Math.min(soonest ?? wait, wait);
      else if (found === undefined || roomOf(lane) > roomOf(found)) found = lane;
    }
    return found ?? soonest;
  };
  const handOut = () => {
    while (waiting.length > 0) {
      const lane = roomiest();
      if (typeof lane === 'object') {
        lane.pace.begun();
        waiting.shift()?.(lane);
        continue;
      }
      if (lane !== undefined && alarm === undefined)
        alarm = setTimeout(() => {
          alarm = undefined;
          handOut();
        }, lane);
      return;
    }
  };
  const stop = () => {
    clearTimeout(alarm);
    for (const { abort } of busyPlaces) abort.abort(signal.reason);
    for (const resolve of waiting.splice(0)) resolve(lanes[0] as Lane);
  };
  signal.addEventListener('abort', stop, { once: true });
  const place = (): Promise<Lane> => {
    const room = waiting.length === 0 ? roomiest() : undefined;
    if (typeof room === 'object') {
      room.pace.begun();
      return Promise.resolve(room);
    }
    return new Promise((resolve) => {
      waiting.push(resolve);
      handOut();
    });
  };
  const over = (lane: Lane, used: Place, verdict: Parameters<Pace['ended']>[0], begun: number, pause = 0) => {
    busyPlaces.delete(used);
    if (!used.abort.signal.aborted) lane.places.push(used);
    lane.pace.ended(verdict, now() - begun, pause);
    handOut();
  };
  const exchange = async (lane: Lane, outgoing: Outgoing): Promise<LaneAnswer | LaneLoss> => {
    const used = lane.places.pop() ?? newPlace();
    busyPlaces.add(used);
    const begun = now();
    const late = setTimeout(() => used.abort.abort(new DOMException('', 'TimeoutError')), timeout);
    try {
      const opened = await lane.transport.open(outgoing, used.abort.signal);
      const pieces = await opened.pieces();
      const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
      const pause = pauseOf(opened);
      if (opened.status === 429) {
        throttled++;
        const level = opened.headers['x-kubernetes-pf-prioritylevel-uid'];
        priorityLevel = typeof level === 'string' && level !== '' ? level : undefined;
      }
      if (opened.status === 401) lane.client.connection.renew();
      over(lane, used, pause === undefined ? 'answered' : 'busy', begun, pause);
      return { status: opened.status, headers: opened.headers, bytes, client: lane.client };
    } catch (thrown) {
      over(lane, used, 'lost', begun);
      signal.throwIfAborted();
      const lost = used.abort.signal.aborted ? `it did not answer within ${timeout / 1_000} s` : wordsOf(thrown, lane);
      return { lost, client: lane.client };
    } finally {
      clearTimeout(late);
    }
  };
  return {
    async send(outgoing) {
      signal.throwIfAborted();
      const lane = await place();
      signal.throwIfAborted();
      return exchange(lane, outgoing());
    },
    limit: () => lanes.reduce((sum, { pace }) => sum + pace.limit(), 0),
    throttling: () => ({ answers: throttled, priorityLevel }),
    close() {
      signal.removeEventListener('abort', stop);
      clearTimeout(alarm);
      for (const { transport } of lanes) transport.close();
    },
  };
}

/** Share of a lane's places that are free: servers with different limits are filled alike. */
function roomOf({ pace }: Lane): number {
  return 1 - pace.underWay() / pace.limit();
}

function newPlace(): Place {
  const abort = new AbortController();
  // Each call listens while it is under way.
  setMaxListeners(0, abort.signal);
  return { abort };
}

/** Milliseconds for which the server wants to be left alone; undefined where it does not say so. */
function pauseOf({ status, headers }: Opened): number | undefined {
  const asked = headers['retry-after'];
  if (status !== 429 && (status < 500 || asked === undefined)) return undefined;
  const seconds = Number(asked ?? 1);
  return 1_000 * (Number.isFinite(seconds) ? Math.min(seconds, longestPause) : 1);
}

/** Seconds. */
const longestPause = 30;

/** Throws on what is no loss, and for what would fail again. */
function wordsOf(thrown: unknown, { client }: Lane): string {
  const loss = lossOf(thrown);
  if (loss === undefined) throw thrown;
  const { server, origin } = client.connection;
  if (loss.fate === 'final') throw new Fault('unavailable', `cannot reach ${server} (${origin}): ${loss.words}`);
  return loss.words;
}
