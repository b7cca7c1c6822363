// An HTTPS server that answers as a test says, call by call: for failures that no real API server shows when asked.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { localhostCertificate, localhostKey } from './localhost.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Reply =
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Text, or what becomes JSON. */
      readonly body?: unknown;
    }
  /** Ends the connection: at once, or after a part of the body was sent. */
  | { readonly cut: true; readonly after?: string }
  /** Never answers. */
  | { readonly hang: true }
  | { readonly stream: (response: ServerResponse) => void };

export interface ScriptedApi {
  readonly url: string;
  readonly port: number;
  /** What it was asked, oldest first. */
  readonly seen: readonly Seen[];
  /** Given out one by one; then `otherwise` counts. */
  next(...replies: readonly Reply[]): void;
  otherwise(reply: (request: Seen) => Reply): void;
  /** Answers the upgrade of a connection. */
  readonly server: ReturnType<typeof createTlsServer>;
  /** Number of connections since the start. */
  connections(): number;
  stop(): Promise<void>;
}

export interface ScriptedOptions {
  /** 0 by default. */
  readonly port?: number;
  readonly plain?: boolean;
}

export async function startScriptedApi({ port = 0, plain = false }: ScriptedOptions = {}): Promise<ScriptedApi> {
  const seen: Seen[] = [];
  const replies: Reply[] = [];
  let connections = 0;
  let fallback = (_request: Seen): Reply => ({ status: 404, body: '404 page not found' });
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'https://localhost');
    const { method = '', headers } = request;
    const asked = { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks).toString() };
    seen.push(asked);
    answer(replies.shift() ?? fallback(asked), response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    // A client that goes away in the middle is part of many tests.
    handle(request, response).catch(() => response.destroy());
  };
  const server = plain ? createServer(listener) : createTlsServer({ cert: localhostCertificate, key: localhostKey }, listener);
  server.on(plain ? 'connection' : 'secureConnection', () => connections++);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `${plain ? 'http' : 'https'}://127.0.0.1:${bound}`,
    port: bound,
    seen,
    server: server as ScriptedApi['server'],
    next: (...more) => replies.push(...more),
    otherwise: (reply) => {
      fallback = reply;
    },
    connections: () => connections,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(reply: Reply, response: ServerResponse): void {
  if ('hang' in reply) return;
  if ('stream' in reply) {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    // The client is to see the header before the first event.
    response.flushHeaders();
    reply.stream(response);
    return;
  }
  if ('cut' in reply) {
    if (reply.after === undefined) response.destroy();
    else response.write(reply.after, () => response.destroy());
    return;
  }
  const { status = 200, headers = {}, body = {} } = reply;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': typeof body === 'string' ? 'text/plain' : 'application/json', ...headers });
  response.end(text);
}

/** A Status as the API server writes it. */
export function statusReply(code: number, reason: string, message: string, details?: object): Reply {
  return {
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, ...(details === undefined ? {} : { details }) },
  };
}
