// A listener whose handler tells what it saw of each request, and answers when it is told to.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Log, silentLog } from '../../src/base/log.ts';
import { createListener, defaultLimits, type Listener, type ListenerLimits } from '../../src/http/listener.ts';
import type { TlsOptions } from '../../src/http/tls.ts';
import { localhostCertificate, localhostKey } from './localhost.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly remote: string | undefined;
}

export interface EchoServer {
  readonly listener: Listener;
  readonly port: number;
  /** Requests in the order in which they came in. */
  readonly seen: readonly Seen[];
  /** Handlers whose connection was lost before they had answered. */
  readonly lost: () => number;
  /** Answers the requests that wait: those whose path begins with /wait. */
  release(): void;
}

export interface EchoOptions {
  readonly tls?: boolean | Partial<TlsOptions>;
  readonly limits?: Partial<ListenerLimits>;
  readonly log?: Log;
}

export async function startEcho({ tls = false, limits = {}, log = silentLog }: EchoOptions = {}): Promise<EchoServer> {
  const seen: Seen[] = [];
  const waiting: (() => void)[] = [];
  let lost = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    response.once('close', () => {
      if (!response.writableFinished) lost += 1;
    });
    echo(request, response).catch(() => response.destroy());
  };
  const echo = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? '';
    const facts = { method: request.method ?? '', url, remote: request.socket.remoteAddress };
    const body = await text(request);
    seen.push({ ...facts, body });
    if (url.startsWith('/wait')) await new Promise<void>((resolve) => waiting.push(resolve));
    const answer = url.startsWith('/large') ? 'x'.repeat(4_000_000) : JSON.stringify({ ...facts, body });
    response.setHeader('content-length', Buffer.byteLength(answer)).end(answer);
  };
  const settings = tls === false ? {} : { tls: { certificate: localhostCertificate, key: localhostKey, ...(tls === true ? {} : tls) } };
  const listener = createListener({ handle, log, limits: { ...defaultLimits, ...limits }, ...settings });
  const { port } = await listener.listen('127.0.0.1', 0);
  return {
    listener,
    port,
    seen,
    lost: () => lost,
    release: () => {
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}
