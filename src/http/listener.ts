// Listens for HTTP and HTTPS: limits, the verb LIST, and an orderly end that answers what is under way.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { refusedList, spareVerb } from './list-verb.ts';
import { captureReading, isRenamed, listenersOf } from './renamed-connection.ts';

export interface TlsOptions {
  /** PEM. */
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
  /** PEM of the authorities that client certificates must come from; without it none is asked for. */
  readonly clientAuthorities?: string | Buffer;
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

export interface ListenerLimits {
  /** Until the header of a request is there, ms. */
  readonly headersTimeout: number;
  /** Until a whole request is there, ms. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxHeaderBytes: number;
}

export const defaultLimits: ListenerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 90_000,
  keepAliveTimeout: 300_000,
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
    if (request.method === spareVerb && !isRenamed(request.socket)) refuseRequest(response);
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
      error.code === 'HPE_INVALID_METHOD' && !isRenamed(connection) ? refusedList(error.rawPacket, error.bytesParsed ?? 0) : undefined;
    if (list === undefined) refuse(error, connection);
    else takeOver(connection, list);
  });
  server.on('tlsClientError', (error) => log.debug('a TLS handshake failed', { error }));

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const fail = (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error));
        server.once('error', fail);
        server.listen(port, host, () => {
          server.off('error', fail);
          server.on('error', (error) => log.error('the listener failed', { error }));
          const address = server.address() as AddressInfo;
          resolve({ host: address.address, port: address.port });
        });
      }),
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
  try {
    return createTlsServer({ ...options, ...tlsSettings(tls), handshakeTimeout: options.headersTimeout }, answer);
  } catch (thrown) {
    throw new Fault('usage', 'the TLS certificate, key and authorities do not fit together, or are not PEM', { cause: thrown });
  }
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

function tlsSettings(tls: TlsOptions): Record<string, unknown> {
  return {
    cert: tls.certificate,
    key: tls.key,
    minVersion: tls.minVersion ?? 'TLSv1.2',
    maxVersion: tls.maxVersion ?? 'TLSv1.3',
    ...(tls.clientAuthorities === undefined ? {} : { ca: tls.clientAuthorities, requestCert: true, rejectUnauthorized: true }),
  };
}

function cannotListen(host: string, port: number, error: NodeJS.ErrnoException): Fault {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  if (error.code === 'EADDRINUSE')
    return new Fault('usage', `${address} is in use by another process; end it or choose another address`, { cause: error });
  if (error.code === 'EACCES')
    return new Fault('usage', `this user may not listen on ${address}; choose a port above 1023`, { cause: error });
  return new Fault('usage', `cannot listen on ${address} (${error.code ?? 'unknown reason'})`, { cause: error });
}
