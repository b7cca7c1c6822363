// One HTTP request to an API server, and its answer as it arrives; connections are kept, and made anew when certificates change.

import type { Agent, ClientRequest, request as httpRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Fault } from '../base/fault.ts';
import { version } from '../base/version.ts';
import type { Connection, Credentials, TlsMaterial } from './connection.ts';

export interface Outgoing {
  readonly method: string;
  /** With its parameters. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

export interface Opened {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end, or left by leaving the loop. */
  readonly body: AsyncIterable<Buffer>;
  /** The whole body instead, in pieces that nobody else holds. Throws Fault `too-large` after `most` bytes, and what `lossOf` reads. */
  pieces(most?: number): Promise<Buffer[]>;
  /** Ends the connection without reading on. */
  drop(): void;
}

/** What is known of a request that came to nothing. */
export interface Loss {
  /** `refused` never arrived, `lost` may have been carried out, `final` will fail again. */
  readonly fate: 'refused' | 'lost' | 'final';
  readonly words: string;
}

export interface Transport {
  /** Throws what `lossOf` reads, the signal's reason, or the Fault of the credentials. */
  open(outgoing: Outgoing, signal: AbortSignal): Promise<Opened>;
  /** Ends idle connections. */
  close(): void;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Node's name for the sockets that nobody uses just now. */
interface KeptSockets {
  keepAlive?: boolean;
}

export function createTransport(connection: Connection, proxies: Environment): Transport {
  const url = new URL(connection.server);
  const proxyEnv = proxyFor(connection, url, proxies);
  let current: { readonly tls: TlsMaterial; readonly agent: Agent } | undefined;
  let request: typeof httpRequest | undefined;
  const agentFor = async (tls: TlsMaterial): Promise<Agent> => {
    const agent = await makeAgent(connection, tls, proxyEnv);
    if (current !== undefined) retire(current.agent);
    current = { tls, agent };
    return agent;
  };
  return {
    async open(outgoing, signal) {
      const credentials = await connection.credentials(signal);
      const { tls } = credentials;
      const agent = current !== undefined && isSame(current.tls, tls) ? current.agent : await agentFor(tls);
      request ??= (url.protocol === 'https:' ? await import('node:https') : await import('node:http')).request;
      const send = request;
      signal.throwIfAborted();
      const target = `${connection.server}${outgoing.path}`;
      return opened(
        (done) => send(target, { method: outgoing.method, headers: headersOf(outgoing, credentials), agent, signal }, done),
        outgoing,
      );
    },
    close() {
      current?.agent.destroy();
      current = undefined;
    },
  };
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    one.authorities === other.authorities &&
    one.certificate === other.certificate &&
    one.key === other.key &&
    one.serverName === other.serverName &&
    one.verify === other.verify
  );
}

/** What is under way with the old certificate, a watch for one, goes on; nothing new is sent over it. */
function retire(agent: Agent): void {
  (agent as KeptSockets).keepAlive = false;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

async function makeAgent({ server, agent }: Connection, tls: TlsMaterial, proxyEnv: object): Promise<Agent> {
  if (agent !== undefined) return agent(tls);
  // Dead ways (a firewall that forgot the connection) are noticed by the system, which asks after 15 s of silence. Idle connections
  // are ended before the server (90 s) or a balancer (60 s) does it, just when the next write is on its way.
  // As many are kept as a rewrite has calls under way: each new one costs the server a signature.
  const settings = { keepAlive: true, keepAliveMsecs: 15_000, timeout: 55_000, maxFreeSockets: 64, ...proxyEnv };
  if (server.startsWith('http:')) return new (await import('node:http')).Agent(settings);
  const { Agent: TlsAgent } = await import('node:https');
  return new TlsAgent({
    ...settings,
    rejectUnauthorized: tls.verify,
    ...(tls.authorities === undefined ? {} : { ca: tls.authorities }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  });
}

/** Loopback addresses are never asked through a proxy of the environment. */
function proxyFor({ proxyUrl }: Connection, { hostname }: URL, proxies: Environment): object {
  if (proxyUrl !== undefined) return { proxyEnv: { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl } };
  return hostname === 'localhost' || hostname.startsWith('127.') || hostname === '[::1]' ? {} : { proxyEnv: proxies };
}

function headersOf({ headers, body }: Outgoing, credentials: Credentials): OutgoingHttpHeaders {
  const shown: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(credentials.headers)) shown[name] = typeof value === 'string' ? value : [...value];
  return {
    Accept: 'application/json',
    'User-Agent': `casemate/${version}`,
    ...headers,
    ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }),
    ...shown,
  };
}

type Start = (done: (response: IncomingMessage) => void) => ClientRequest;

function opened(start: Start, { body }: Outgoing): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const request = start((response) =>
      resolve({
        status: response.statusCode as number,
        headers: response.headers,
        body: response as AsyncIterable<Buffer>,
        pieces: (most) => piecesOf(response, most),
        drop: () => response.destroy(),
      }),
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** By events: an iterator costs as much as the rest of a small answer. */
function piecesOf(response: IncomingMessage, most = Number.POSITIVE_INFINITY): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    response.on('data', (piece: Buffer) => {
      size += piece.length;
      pieces.push(piece);
      if (size > most)
        response.destroy(new Fault('too-large', 'the API server answers more than can be read at once; ask for smaller pages'));
    });
    response.on('end', () => resolve(pieces));
    response.on('error', reject);
  });
}

interface NetworkError extends Error {
  readonly code?: string;
  readonly errors?: readonly NetworkError[];
}

const loss = (fate: Loss['fate'], words: string): Loss => ({ fate, words });
const unknownAuthority = loss('final', 'its certificate is signed by an authority that is not trusted here');

/** By Node's code. */
const losses: ReadonlyMap<string, Loss> = new Map([
  ['ECONNREFUSED', loss('refused', 'connection refused')],
  ['EHOSTUNREACH', loss('refused', 'no route to host')],
  ['ENETUNREACH', loss('refused', 'the network is unreachable')],
  ['EAI_AGAIN', loss('refused', 'its name could not be looked up just now')],
  ['ENOTFOUND', loss('final', 'its name is not known')],
  ['ECONNRESET', loss('lost', 'the connection was ended')],
  ['EPIPE', loss('lost', 'the connection was ended')],
  ['ETIMEDOUT', loss('lost', 'it did not answer')],
  ['ERR_STREAM_PREMATURE_CLOSE', loss('lost', 'the connection was ended')],
  ['CERT_HAS_EXPIRED', loss('final', 'its certificate has expired')],
  ['CERT_NOT_YET_VALID', loss('final', 'its certificate is not valid yet')],
  ['ERR_TLS_CERT_ALTNAME_INVALID', loss('final', 'its certificate is for another host')],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownAuthority],
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownAuthority],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', unknownAuthority],
]);

/** Undefined for what is no failure of the network. */
export function lossOf(thrown: unknown): Loss | undefined {
  if (thrown instanceof Fault || !(thrown instanceof Error)) return undefined;
  const error: NetworkError = thrown instanceof AggregateError ? (thrown.errors[0] as NetworkError) : thrown;
  if (error.code === undefined) return undefined;
  const known = losses.get(error.code);
  if (known !== undefined) return known;
  // OpenSSL's refusals say why in capital letters, and nothing of keys.
  if (/^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO)/.test(error.code)) return loss('final', `TLS failed (${error.code})`);
  return loss('final', error.code);
}
