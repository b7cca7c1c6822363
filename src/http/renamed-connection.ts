// A connection in which LIST is renamed: a stream over the socket that the HTTP server takes for a socket.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createRenamer } from './list-verb.ts';

const renamed = new WeakSet<Duplex>();

/** True when each spare verb that comes out of the connection went in as LIST. */
export function isRenamed(connection: Duplex): boolean {
  return renamed.has(connection);
}

type Listeners = ReadonlyMap<string, ReadonlySet<unknown>>;

const events = ['data', 'end', 'close', 'error', 'drain', 'timeout', 'pause', 'resume'] as const;

/** Whoever listens to the socket before the HTTP server does. */
export function listenersOf(socket: Duplex): Listeners {
  return new Map(events.map((event) => [event, new Set<unknown>(socket.rawListeners(event))]));
}

export interface Capture {
  /** Takes what the HTTP server has on the socket away from it, and gives a connection that begins with the captured bytes. */
  release(): Duplex;
}

/**
 * Stops the HTTP server from reading: what comes is kept, beginning with `pending`. Answers that are under way are
 * still written; `release` once they are.
 */
export function captureReading(socket: Socket, pending: Buffer, before: Listeners): Capture {
  const kept: Buffer[] = [pending];
  const keep = (packet: Buffer): void => {
    kept.push(packet);
    socket.pause();
  };
  removeAdded(socket, before, ['data', 'end']);
  // A listener of data makes the server's parser let go of the socket's handle.
  socket.on('data', keep);
  socket.pause();
  return {
    release() {
      socket.off('data', keep);
      // The server's own listener frees the parser, which would otherwise time out and end the connection.
      for (const listener of added(socket, before, 'close')) listener.call(socket, false);
      removeAdded(socket, before, events);
      socket.setTimeout(0);
      return renamedConnection(socket, Buffer.concat(kept));
    },
  };
}

type Listener = (this: Duplex, ...given: unknown[]) => void;

function added(socket: Duplex, before: Listeners, event: string): Listener[] {
  return (socket.rawListeners(event) as Listener[]).filter((listener) => before.get(event)?.has(listener) !== true);
}

function removeAdded(socket: Duplex, before: Listeners, from: readonly string[]): void {
  for (const event of from) for (const listener of added(socket, before, event)) socket.off(event, listener);
}

function renamedConnection(socket: Socket, pending: Buffer): Duplex {
  const rename = createRenamer();
  const connection = new Duplex({
    allowHalfOpen: false,
    read() {
      socket.resume();
    },
    write(chunk: Buffer, encoding, done) {
      socket.write(chunk, encoding, done);
    },
    final(done) {
      socket.end(() => done());
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  renamed.add(connection);
  const take = (packet: Buffer): void => {
    const bytes = rename(packet);
    if (bytes.length > 0 && !connection.push(bytes)) socket.pause();
  };
  socket.on('data', take);
  socket.on('end', () => connection.push(null));
  socket.on('error', () => connection.destroy());
  socket.on('close', () => connection.destroy());
  behaveAsSocket(connection, socket);
  take(pending);
  if (socket.readableEnded) connection.push(null);
  else socket.resume();
  return connection;
}

/** What Node's server asks of a socket beyond a stream. */
function behaveAsSocket(connection: Duplex, socket: Socket): void {
  for (const name of ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'encrypted', 'authorized'] as const)
    Object.defineProperty(connection, name, { get: () => (socket as unknown as Record<string, unknown>)[name] });
  const same = () => connection;
  Object.assign(connection, {
    setNoDelay: same,
    setKeepAlive: same,
    ref: same,
    unref: same,
    destroySoon: () => connection.end(() => connection.destroy()),
    setTimeout: (milliseconds: number, listener?: () => void) => {
      socket.setTimeout(milliseconds);
      if (listener !== undefined) connection.once('timeout', listener);
      return connection;
    },
  });
  socket.on('timeout', () => connection.emit('timeout'));
}
