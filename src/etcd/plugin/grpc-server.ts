// The gRPC server of one provider on its socket: listens, listens again when the socket was taken away, and drains.

import { createServer, type Server as SocketServer } from 'node:net';
import { promisify } from 'node:util';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { mostMessage } from './limits.ts';
import type { GrpcService } from './services.ts';
import type { OwnedSocket } from './socket.ts';

export interface GrpcServer {
  /** Listens anew if the socket is gone from its path or another is in its place; connections stay. Rejects with Fault `usage`. */
  look(): Promise<void>;
  /** Takes no more calls, answers those under way, and ends what is left after `grace` ms. */
  drain(grace: number): Promise<void>;
}

const options = {
  'grpc.max_receive_message_length': mostMessage,
  'grpc.max_send_message_length': mostMessage,
  // Of one connection, and more than the calls that may be under way: Status must pass when a key hangs.
  'grpc.max_concurrent_streams': 1_024,
  // Statistics that nobody can ask for here.
  'grpc.enable_channelz': 0,
} as const;

const mostConnections = 64;

/** Rejects with Fault `usage` when it cannot listen. */
export async function serveSocket(socket: OwnedSocket, services: readonly GrpcService[], log: Log): Promise<GrpcServer> {
  // It would write to stderr in a form of its own.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(options);
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  // Listening is ours and not the library's, so that a lost socket costs no connection.
  const listen = async (): Promise<SocketServer> => {
    const listener = createServer((connection) => {
      connection.on('error', (error) => log.debug('a connection failed', { error }));
      injector.injectConnection(connection);
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
  let listener = await listen();
  let looking = false;
  let draining = false;
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
      const late = setTimeout(() => server.forceShutdown(), grace);
      // What it may complain of is that it has been ended by force.
      await promisify(server.tryShutdown.bind(server))().catch(() => undefined);
      clearTimeout(late);
      socket.release();
    },
  };
}
