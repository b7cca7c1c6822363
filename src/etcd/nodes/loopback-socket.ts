// A TCP connection that is either open or a Fault: what `connect` of a node gives when this machine's own sockets do the work.

import type { Socket } from 'node:net';
import { Fault } from '../../base/fault.ts';
import { stopped } from './node-fault.ts';

export interface Destination {
  /** From where, for messages. */
  readonly way: string;
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

const patience = 30_000;

/** Resolves when it is connected. The signal is for connecting alone: what is connected afterwards is the caller's to end. */
export function socketOpened<S extends Socket>(socket: S, { way, host, port, signal }: Destination): Promise<S> {
  const what = `connecting to ${host}:${port}`;
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const stop = () => socket.destroy(stopped(way, what, limit));
  limit.addEventListener('abort', stop, { once: true });
  const settle = () => {
    limit.removeEventListener('abort', stop);
    socket.off('connect', connected);
    socket.off('error', failed);
  };
  const connected = () => {
    settle();
    resolve(socket);
  };
  const failed = (thrown: Error) => {
    settle();
    reject(thrown instanceof Fault ? thrown : unreachable(way, host, port, thrown));
  };
  socket.on('connect', connected);
  socket.on('error', failed);
  if (limit.aborted) stop();
  return promise;
}

export function unreachable(way: string, host: string, port: number, cause: unknown): Fault {
  return new Fault('unavailable', `${way}: nothing answers at ${host}:${port}; is what should listen there running?`, { cause });
}
