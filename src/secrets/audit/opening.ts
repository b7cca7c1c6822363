// From a device's record to its sink: a file, a stream socket, datagrams or POST requests.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { openMessageSink } from './message-sink.ts';
import { datagramMessenger, httpMessenger, parallelPosts } from './messengers.ts';
import { type Reveal, readHttpOptions, readSocketOptions, type SocketOptions } from './network-options.ts';
import { type DeviceOptions, readFileOptions } from './options.ts';
import { resting } from './rest.ts';
import { openSink, type Sink } from './sink.ts';
import { socketTarget } from './socket-target.ts';
import { openTarget, type Target, type TargetOptions } from './target.ts';

export const deviceTypes = ['file', 'socket', 'http'] as const;
export type DeviceType = (typeof deviceTypes)[number];

export interface OpeningParts {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds that a file may take for a line. */
  readonly deadline: number;
  readonly reveal: Reveal;
  /** Opens files; for tests. */
  readonly openTarget?: ((options: TargetOptions) => Promise<Target>) | undefined;
}

export interface Openable {
  readonly type: DeviceType;
  readonly options: DeviceOptions;
  readonly declared?: true;
}

/** Throws Fault `invalid-request` for options that cannot be read, and for a file that cannot be opened. What is beyond a network is reached later. */
export async function openSinkOf({ type, options, declared }: Openable, parts: OpeningParts): Promise<Sink> {
  const { clock, deadline, reveal, openTarget: open = openTarget } = parts;
  switch (type) {
    case 'file': {
      const file = { ...readFileOptions(options), followLinks: declared === true };
      return openSink({ deadline, open: () => open(file) });
    }
    case 'socket':
      return resting(await socketSink(readSocketOptions(options)), clock);
    case 'http': {
      const http = readHttpOptions(options, reveal);
      const many = http.batch ? 1 : parallelPosts;
      return resting(
        openMessageSink({ open: () => httpMessenger(http), deadline: http.deadline, parallel: many, batch: http.batch }),
        clock,
      );
    }
  }
}

async function socketSink(options: SocketOptions): Promise<Sink> {
  const { network, deadline } = options;
  if (network === 'udp') return openMessageSink({ open: () => datagramMessenger(options), deadline, parallel: 64, batch: false });
  return openSink({ deadline, open: async () => socketTarget(options) });
}

/** Throws Fault `invalid-request` for a type that there is not. */
export function deviceType(type: string): DeviceType {
  const known = deviceTypes.find((one) => one === type);
  if (known === undefined)
    throw new Fault('invalid-request', `unknown backend type: ${JSON.stringify(type)}; there are ${deviceTypes.join(', ')}`);
  return known;
}
