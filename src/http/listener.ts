// Listens for HTTP and HTTPS: limits, the verb LIST, and an orderly end that answers what is under way.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { refusedVerb, sentVerb } from './list-verb.ts';
import { captureReading, isRenamed, listenersOf } from './renamed-connection.ts';
import { clientCertificateOptions, contextOptions, type TlsOptions } from './tls.ts';
import { clearSocket, openSocketTo, type UnixSocket } from './unix-socket.ts';

export interface ListenerLimits {
  /** Until the header of a request is there, ms. */
  readonly headersTimeout: number;
  /** Until a whole request is there, ms. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** From a request's head to the end of its answer, ms; 0 is without limit. */
  readonly writeTimeout: number;
  readonly maxHeaderBytes: number;
}

export const defaultLimits: ListenerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 90_000,
  keepAliveTimeout: 300_000,
  writeTimeout: 0,
  maxHeaderBytes: 64 * 1024,
};

export interface ListenerOptions {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  readonly tls?: TlsOptions;
  readonly limits?: ListenerLimits;
  readonly log: Log;
}

export interface Listener {
  /** Port 0 takes a free one. Throws Fault `usage` in one sentence when the address cannot be had. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** A socket in the file system. Throws Fault `usage` as `listen` does. */
  listenUnix(socket: UnixSocket): Promise<void>;
  /** Certificates and authorities for connections to come; open ones go on. Throws Fault `usage` and keeps the old ones. */
  renew(tls: TlsOptions): void;
  /** Takes no more requests, answers those under way, and after `grace` ms ends what is left. */
  drain(grace: number): Promise<void>;
}

export function createListener({ handle, tls, limits = defaultLimits, log }: ListenerOptions): Listener {
  const open = new Set<Duplex>();
  const sockets = new Set<Duplex>();
  const before = new WeakMap<Duplex, ReturnType<typeof listenersOf>>();
  let draining = false;
  const options = {
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    maxHeaderSize: limits.maxHeaderBytes,
    connectionsCheckingInterval: Math.min(5_000, limits.headersTimeout),
    noDelay: true,
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (draining) response.setHeader('connection', 'close');
    if (limits.writeTimeout > 0) limitWriting(response, limits.writeTimeout);
    if (sentVerb(request.method) !== undefined && !isRenamed(request.socket)) refuseRequest(response);
    else handle(request, response);
  };
  const server = createServerFor(tls, options, answer);
  const ready = tls === undefined ? 'connection' : 'secureConnection';
  // Both before the server's own listeners, the later one first. What shakes hands for TLS is a socket, and no connection yet.
  server.prependListener(ready, (connection: Duplex) => {
    follow(open, connection);
    before.set(connection, listenersOf(connection));
  });
  server.prependListener('connection', (socket: Duplex) => follow(sockets, socket));
  const captured = new WeakSet<Duplex>();
  const takeOver = (connection: Duplex, list: Buffer): void => {
    captured.add(connection);
    open.delete(connection);
    const capture = captureReading(connection as Socket, list, before.get(connection) ?? new Map());
    whenAnswered(connection, () => server.emit(ready, capture.release()));
  };
  server.on('clientError', (error: ClientError, connection: Duplex) => {
    // The parser that was left behind may still time out, and one that failed fails at every packet.
    if (captured.has(connection) || connection.writableEnded) return;
    const list =
      error.code === 'HPE_INVALID_METHOD' && !isRenamed(connection) ? refusedVerb(error.rawPacket, error.bytesParsed ?? 0) : undefined;
    if (list === undefined) refuse(error, connection);
    else takeOver(connection, list);
  });
  server.on('tlsClientError', (error) => log.debug('a TLS handshake failed', { error }));

  const bind = (at: ListenOptions, name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => reject(cannotListen(name, error));
      server.once('error', fail);
      server.listen(at, () => {
        server.off('error', fail);
        server.on('error', (error) => log.error('the listener failed', { error }));
        resolve();
      });
    });

  return {
    async listen(host, port) {
      await bind({ host, port }, host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
      const address = server.address() as AddressInfo;
      return { host: address.address, port: address.port };
    },
    async listenUnix(socket) {
      await clearSocket(socket);
      await bind({ path: socket.path }, socket.path);
      openSocketTo(socket);
    },
    renew(renewed) {
      if (tls !== undefined) (server as TlsServer).setSecureContext(contextOptions(renewed));
    },
    async drain(grace) {
      draining = true;
      // Called by close. Node's own would cut off answers that are handed over but not sent yet.
      server.closeIdleConnections = () => {
        for (const connection of open) endWhenAnswered(connection);
      };
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, grace);
      await closed;
      clearTimeout(late);
    },
  };
}

function follow(set: Set<Duplex>, connection: Duplex): void {
  set.add(connection);
  connection.once('close', () => set.delete(connection));
}

type ClientError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer; readonly bytesParsed?: number };

function createServerFor(
  tls: TlsOptions | undefined,
  options: ServerOptions,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (tls === undefined) return createServer(options, answer);
  const secure = { ...contextOptions(tls), ...clientCertificateOptions(tls), handshakeTimeout: options.headersTimeout };
  return createTlsServer({ ...options, ...secure }, answer);
}

/** Whoever does not read the answer does not hold it in memory for ever. */
function limitWriting(response: ServerResponse, timeout: number): void {
  const late = setTimeout(() => response.socket?.destroy(), timeout);
  response.once('close', () => clearTimeout(late));
}

/** The answer that is being written, or waits for its handler; those to pipelined requests follow it. */
function underWay(connection: Duplex): ServerResponse | undefined {
  return (connection as Duplex & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** Calls back when the requests that came in whole are answered, at once where there are none. */
function whenAnswered(connection: Duplex, then: () => void): void {
  const answer = underWay(connection);
  if (answer?.req.complete === true) answer.once('close', () => connection.destroyed || whenAnswered(connection, then));
  else then();
}

/** A client that keeps its connection is told, if it is not too late, that this was the last answer on it. */
function endWhenAnswered(connection: Duplex): void {
  const answer = underWay(connection);
  if (answer === undefined) {
    // One that is refused right now has its own end before it.
    if (!connection.writableEnded) connection.destroy();
    return;
  }
  if (!answer.headersSent) answer.setHeader('connection', 'close');
  answer.once('close', () => (underWay(connection) === undefined ? endSoon(connection) : endWhenAnswered(connection)));
}

/** Time for a client to read its answer before the connection is torn down, ms: what it still sends would be answered with a reset. */
const linger = 500;

function endSoon(connection: Duplex, last?: string): void {
  if (connection.writableEnded) return;
  connection.end(last);
  const gone = setTimeout(() => connection.destroy(), linger);
  connection.once('close', () => clearTimeout(gone));
}

const refusals: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', '413 Payload Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
  ['HPE_INVALID_METHOD', '405 Method Not Allowed'],
]);
const refusalBody = '{"errors":[]}\n';

/** Answers are in the order of their requests: a refusal waits for those before it. */
function refuse(error: ClientError, connection: Duplex): void {
  const code = error.code ?? '';
  const status = refusals.get(code) ?? (code.startsWith('HPE_') ? '400 Bad Request' : undefined);
  if (status === undefined || !connection.writable) {
    connection.destroy();
    return;
  }
  whenAnswered(connection, () => {
    // In the middle of an answer there is no place for another one.
    if (underWay(connection)?.headersSent === true) connection.destroy();
    else
      endSoon(
        connection,
        `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: ${refusalBody.length}\r\nconnection: close\r\n\r\n${refusalBody}`,
      );
  });
}

function refuseRequest(response: ServerResponse): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': refusalBody.length };
  response.writeHead(405, { ...headers, connection: 'close' }).end(refusalBody);
}

function cannotListen(address: string, error: NodeJS.ErrnoException): Fault {
  if (error.code === 'EADDRINUSE')
    return new Fault('usage', `${address} is in use by another process; end it or choose another address`, { cause: error });
  if (error.code === 'EACCES')
    return new Fault(
      'usage',
      `this user may not listen on ${address}; choose ${address.startsWith('/') ? 'another path' : 'a port above 1023'}`,
      { cause: error },
    );
  return new Fault('usage', `cannot listen on ${address} (${error.code ?? 'unknown reason'})`, { cause: error });
}
