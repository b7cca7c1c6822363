// One connection of a gRPC client: HTTP/2 within limits, its calls handed on, and an end that cuts none of them off.

import { constants, performServerHandshake, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { type CallParts, takeCall } from './call.ts';

export interface GrpcConnection {
  /** Takes no more calls, and closes when those under way have ended. */
  drain(): void;
  destroy(): void;
  readonly closed: Promise<void>;
}

export interface ConnectionParts extends CallParts {
  /** Milliseconds for the first words of HTTP/2. */
  readonly handshakeWithin: number;
  /** Told why a connection failed; the peer is told what HTTP/2 has for it. */
  readonly failed: (error: Error) => void;
}

/** Of one connection, and more than the calls that may be under way: Status must pass when a key hangs. */
const mostStreams = 1_024;
/** Bytes that a peer may send before it is told that they were read. */
const streamWindow = 256 * 1_024;
const connectionWindow = 1_024 * 1_024;
/** Bytes of all headers of a call; a path, a deadline and what tracing adds take some hundred. */
const mostHeaders = 16 * 1_024;
const options = {
  settings: { maxConcurrentStreams: mostStreams, initialWindowSize: streamWindow, maxHeaderListSize: mostHeaders },
  paddingStrategy: constants.PADDING_STRATEGY_NONE,
  maxHeaderListPairs: 64,
  // MB, of what HTTP/2 itself remembers of a connection.
  maxSessionMemory: 10,
};

/** Takes the socket over. */
export function serveConnection(socket: Socket, parts: ConnectionParts): GrpcConnection {
  const session: ServerHttp2Session = performServerHandshake(socket, options);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(() => session.destroy(new Error('the peer does not speak HTTP/2')), parts.handshakeWithin);
  session.once('remoteSettings', () => clearTimeout(late));
  session.on('error', parts.failed);
  session.on('close', () => {
    clearTimeout(late);
    resolve();
  });
  session.on('stream', (stream, headers) => takeCall(stream, headers, parts));
  session.setLocalWindowSize(connectionWindow);
  return {
    closed,
    destroy: () => session.destroy(),
    // What the peer has sent before it hears of this it knows to be unheard, and may send to another (RFC 9113, 6.8).
    drain: () => session.close(),
  };
}
