// Listens for HTTP and HTTPS: limits, the verb LIST, and an orderly end that answers what is under way.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { refusedList, renamingConnection } from './list-verb.ts';

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
    handle(request, response);
  };
  const server: Server = tls === undefined ? createServer(options, answer) : createTlsServer({ ...options, ...tlsSettings(tls) }, answer);
  const follow = (connection: Duplex) => {
    open.add(connection);
    connection.once('close', () => open.delete(connection));
  };
  server.on(tls === undefined ? 'connection' : 'secureConnection', follow);
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, connection: Duplex) => {
    const list = error.code === 'HPE_INVALID_METHOD' ? refusedList(error.rawPacket) : undefined;
    if (list === undefined) refuse(error, connection);
    else takeOver(server, connection as Socket, list);
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
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const late = setTimeout(() => {
        server.closeAllConnections();
        for (const connection of open) connection.destroy();
      }, grace);
      await closed;
      clearTimeout(late);
    },
  };
}

/** Hands the connection back to the server, which reads it anew through the renamer. */
function takeOver(server: Server, socket: Socket, pending: Buffer): void {
  socket.removeAllListeners('data');
  socket.removeAllListeners('end');
  socket.removeAllListeners('close');
  socket.removeAllListeners('error');
  socket.removeAllListeners('drain');
  socket.removeAllListeners('timeout');
  server.emit('connection', renamingConnection(socket, pending));
}

function refuse(error: NodeJS.ErrnoException, connection: Duplex): void {
  if (error.code === 'ECONNRESET' || !connection.writable) {
    connection.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : error.code === 'HPE_INVALID_METHOD'
          ? '405 Method Not Allowed'
          : '400 Bad Request';
  const body = '{"errors":[]}\n';
  connection.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
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
  const address = `${host}:${port}`;
  if (error.code === 'EADDRINUSE')
    return new Fault('usage', `${address} is in use by another process; end it or choose another address`, { cause: error });
  if (error.code === 'EACCES')
    return new Fault('usage', `this user may not listen on ${address}; choose a port above 1023`, { cause: error });
  return new Fault('usage', `cannot listen on ${address} (${error.code ?? 'unknown reason'})`, { cause: error });
}
