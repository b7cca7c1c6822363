// A key service on a loopback port as a test wants it: with a clock of its own, answers to give before it does its work, and a plug to pull.

import { createHmac, createSecretKey } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type KeyStore, keyStore } from './key-store.ts';

/** A request as it came, byte for byte. */
export interface Received {
  readonly method: string;
  /** Path and query, escaped as they were sent. */
  readonly target: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Account {
  readonly secretKey: string;
  /** Lent keys: the token that must come with them. */
  readonly token?: string;
  /** Lent keys whose time is up. */
  expired?: boolean;
  /** May not use the keys. */
  barred?: boolean;
}

export interface CloudServer {
  readonly address: string;
  readonly keys: KeyStore;
  /** By access key. */
  readonly accounts: Map<string, Account>;
  readonly received: Received[];
  /** Milliseconds that the service's clock is ahead of this machine's. */
  ahead: number;
  /** Given to the next requests in the place of the service's own, one each. */
  readonly replies: (Reply | 'silence')[];
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** The way of one vendor. */
export interface Vendor {
  readonly versionName?: (count: number) => string;
  reply(received: Received, server: CloudServer): Reply;
}

export async function startCloudServer(vendor: Vendor): Promise<CloudServer> {
  let http = serve();
  const port = await listening(http, 0);
  const state: CloudServer = {
    address: `http://127.0.0.1:${port}`,
    keys: keyStore(vendor.versionName),
    accounts: new Map([['AK', { secretKey: 'secret key of the test' }]]),
    received: [],
    ahead: 0,
    replies: [],
    async cut() {
      await ended(http);
    },
    async mend() {
      http = serve();
      await listening(http, port);
    },
    async close() {
      await ended(http);
    },
  };
  function serve(): Server {
    return createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
      const received: Received = {
        method: request.method as string,
        target: request.url as string,
        headers: headersOf(request),
        body: Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)),
      };
      state.received.push(received);
      const reply = state.replies.shift() ?? vendor.reply(received, state);
      if (reply === 'silence') return;
      response.writeHead(reply.status, { date: new Date(Date.now() + state.ahead).toUTCString(), ...reply.headers });
      response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
    });
  }
  return state;
}

function headersOf({ rawHeaders }: IncomingMessage): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < rawHeaders.length; at += 2) found.set((rawHeaders[at] as string).toLowerCase(), rawHeaders[at + 1] as string);
  return found;
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function ended(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** HMAC-SHA256, for the services' own checks of signatures. */
export function keyed(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', createSecretKey(Buffer.from(key)))
    .update(text)
    .digest();
}
