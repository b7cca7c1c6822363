// The gRPC server of one provider on its socket: listens, listens again when the socket was taken away, and drains.

import { createServer, type Server as SocketServer } from 'node:net';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { UnaryMethod } from './grpc/call.ts';
import { type GrpcConnection, serveConnection } from './grpc/connection.ts';
import { createDeadlines } from './grpc/deadlines.ts';
import { mostMessage } from './limits.ts';
import type { OwnedSocket } from './socket.ts';

export interface GrpcServer {
  /** Listens anew if the socket is gone from its path or another is in its place; connections stay. Rejects with Fault `usage`. */
  look(): Promise<void>;
  /** Takes no more calls, answers those under way, and ends what is left after `grace` ms. */
  drain(grace: number): Promise<void>;
}

export interface GrpcParts {
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly log: Log;
  /** Milliseconds for a call whose caller sets no earlier deadline. */
  readonly longestCall: number;
}

const mostConnections = 64;
/** Milliseconds for the first words of a connection, so that strangers who say nothing do not take them all. */
const handshakeWithin = 5_000;
/** Bytes of requests that are not whole yet, of all connections together. */
const mostUnfinished = 4 * 1_024 * 1_024;

/** Rejects with Fault `usage` when it cannot listen. */
export async function serveSocket(socket: OwnedSocket, { methods, log, longestCall }: GrpcParts): Promise<GrpcServer> {
  const now = (): number => performance.now();
  const connections = new Set<GrpcConnection>();
  const parts = {
    ...{ methods, now, longestCall, mostMessage, handshakeWithin },
    deadlines: createDeadlines(now),
    unfinished: { bytes: 0, most: mostUnfinished },
    failed: (error: Error) => log.debug('a connection failed', { error }),
  };
  const listen = async (): Promise<SocketServer> => {
    const listener = createServer((accepted) => {
      const connection = serveConnection(accepted, parts);
      connections.add(connection);
      void connection.closed.then(() => connections.delete(connection));
      // Accepted before the listener was closed, heard of after it.
      if (draining) connection.drain();
    });
    listener.maxConnections = mostConnections;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', (cause) => reject(new Fault('usage', `nothing can listen at the socket ${socket.path}`, { cause })));
      listener.listen({ path: socket.path }, resolve);
    });
    listener.on('error', (error) => log.error('the socket failed', { error, socket: socket.path }));
    socket.listening();
    return listener;
  };
  let looking = false;
  let draining = false;
  let listener = await listen();
  return {
    async look() {
      if (looking || draining || socket.isThere()) return;
      looking = true;
      try {
        log.error('the socket was taken away from its path; listening anew', { socket: socket.path });
        // Closing removes whatever lies at the path: before the new one is there, and not if it is somebody else's.
        await socket.clear();
        listener.close();
        listener = await listen();
      } finally {
        looking = false;
      }
    },
    async drain(grace) {
      draining = true;
      listener.close();
      for (const connection of connections) connection.drain();
      const late = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, grace);
      await Promise.all([...connections].map(({ closed }) => closed));
      clearTimeout(late);
      socket.release();
    },
  };
}
