// One HTTP request and its whole answer over node:http or node:https; failures of the network in Go's words.

import { Agent, type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { Fault } from '../base/fault.ts';

export interface ClientTls {
  /** PEM of the authorities to trust; without it those of Node and of the system. */
  readonly authorities?: readonly string[];
  /** PEM, with `key`. */
  readonly certificate?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** False trusts anybody. */
  readonly verify?: boolean;
}

export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TransportOptions {
  readonly tls: ClientTls;
  readonly socket?: string | undefined;
  /** As in the environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. Loopback addresses are never asked through a proxy. */
  readonly proxies: Readonly<Record<string, string | undefined>>;
}

export interface Transport {
  /** Throws Fault `unavailable`, or `timeout` when the signal's reason is a TimeoutError; `fields.again` tells whether trying again can help. */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<Answer>;
  /** Ends idle connections. */
  close(): void;
}

export function createTransport({ tls, socket, proxies }: TransportOptions): Transport {
  const agents = new Map<string, Agent>();
  const agentFor = async (url: URL): Promise<Agent> => {
    const proxyEnv = isLoopback(url.hostname) ? {} : { proxyEnv: proxies };
    const kind = `${url.protocol}${isLoopback(url.hostname)}`;
    const known = agents.get(kind);
    if (known !== undefined) return known;
    const agent = url.protocol === 'https:' ? await tlsAgent(tls, proxyEnv) : new Agent({ keepAlive: true, ...proxyEnv });
    agents.set(kind, agent);
    return agent;
  };
  const once = async (outgoing: Outgoing, signal: AbortSignal): Promise<Answer> => {
    const url = new URL(outgoing.url);
    const agent = await agentFor(url);
    const start = url.protocol === 'https:' ? (await import('node:https')).request : httpRequest;
    const options: RequestOptions = {
      method: outgoing.method,
      headers: { ...outgoing.headers, ...(outgoing.body === undefined ? {} : { 'content-length': Buffer.byteLength(outgoing.body) }) },
      agent,
      signal,
      ...(socket === undefined ? {} : { socketPath: socket }),
    };
    return exchange((done) => start(url, options, done), outgoing.body);
  };
  return {
    async send(outgoing, signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(outgoing, signal);
        } catch (thrown) {
          // The server ended a connection that was kept open just as it was taken up again: nothing was answered.
          if (!wasIdle(thrown) || attempt >= mostAttempts) throw failureOf(outgoing, thrown, signal);
        }
      }
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

type Start = (done: (response: import('node:http').IncomingMessage) => void) => ClientRequest;

function exchange(start: Start, body: string | Uint8Array | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answered = false;
    const request = start((response) => {
      answered = true;
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode as number, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(request.reusedSocket && !answered && error.code === 'ECONNRESET' ? new Error(idle, { cause: error }) : error),
    );
    request.end(body);
  });
}

/** A server that was restarted has ended all connections that were kept. */
const mostAttempts = 8;
const idle = 'the kept connection was ended';
const wasIdle = (thrown: unknown) => thrown instanceof Error && thrown.message === idle;

async function tlsAgent(tls: ClientTls, proxyEnv: object): Promise<Agent> {
  const [https, { getCACertificates }] = await Promise.all([import('node:https'), import('node:tls')]);
  const verify = tls.verify !== false;
  return new https.Agent({
    keepAlive: true,
    rejectUnauthorized: verify,
    ...(verify ? { ca: [...(tls.authorities ?? trustedHere(getCACertificates))] } : {}),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...proxyEnv,
  });
}

/** The system's, as Go's programs do, and those of NODE_EXTRA_CA_CERTS; Node's own where the system has none. */
function trustedHere(certificates: (kind: 'system' | 'extra' | 'default') => readonly string[]): readonly string[] {
  const system = certificates('system');
  return system.length === 0 ? certificates('default') : [...system, ...certificates('extra')];
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.startsWith('127.') || hostname === '[::1]';
}

interface NetworkError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly errors?: readonly NetworkError[];
}

function failureOf({ method, url }: Outgoing, thrown: unknown, signal: AbortSignal): Fault {
  const timedOut = signal.aborted && signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  const error = (thrown instanceof AggregateError ? thrown.errors[0] : thrown) as NetworkError;
  const { words, again } = timedOut ? row('context deadline exceeded') : signal.aborted ? row('interrupted') : wordsOf(error, new URL(url));
  const said = `${method.slice(0, 1)}${method.slice(1).toLowerCase()} "${url}": ${words}`;
  return new Fault(timedOut ? 'timeout' : 'unavailable', said, { cause: thrown, fields: { again } });
}

interface Words {
  readonly words: string;
  readonly again: boolean;
}

const row = (words: string, again = false): Words => ({ words, again });

interface Place {
  /** `dial tcp 127.0.0.1:8200`. */
  readonly dial: string;
  readonly hostname: string;
  readonly path: string;
}

const untrusted = 'tls: failed to verify certificate: x509:';
const unknownAuthority = () => row(`${untrusted} certificate signed by unknown authority`);
const outOfTime = () => row(`${untrusted} certificate has expired or is not yet valid`);
const plainAnswer = () => row('http: server gave HTTP response to HTTPS client');

/** By Node's code: the words of Go's net, tls and x509, which users of the command search the web for. */
const sayings: ReadonlyMap<string, (place: Place) => Words> = new Map<string, (place: Place) => Words>([
  ['ECONNREFUSED', ({ dial }) => row(`${dial}: connect: connection refused`, true)],
  ['EHOSTUNREACH', ({ dial }) => row(`${dial}: connect: no route to host`, true)],
  ['ENETUNREACH', ({ dial }) => row(`${dial}: connect: network is unreachable`, true)],
  ['ETIMEDOUT', ({ dial }) => row(`${dial}: i/o timeout`, true)],
  ['ENOENT', ({ path }) => row(`dial unix ${path}: connect: no such file or directory`)],
  ['ENOTFOUND', ({ hostname }) => row(`dial tcp: lookup ${hostname}: no such host`)],
  ['EAI_AGAIN', ({ hostname }) => row(`dial tcp: lookup ${hostname}: server misbehaving`, true)],
  ['ERR_SSL_WRONG_VERSION_NUMBER', plainAnswer],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', plainAnswer],
  ['EPROTO', plainAnswer],
  ['HPE_INVALID_CONSTANT', () => row('malformed HTTP response: does this server speak HTTPS?')],
  ['CERT_HAS_EXPIRED', outOfTime],
  ['CERT_NOT_YET_VALID', outOfTime],
  ['ERR_TLS_CERT_ALTNAME_INVALID', ({ hostname }) => row(`${untrusted} certificate is not valid for ${hostname}`)],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownAuthority],
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownAuthority],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', unknownAuthority],
]);

function wordsOf(error: NetworkError, url: URL): Words {
  if (error.code === 'ECONNRESET') return row(error.message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer', true);
  const where = error.port === undefined ? url.host : `${error.address}:${error.port}`;
  const saying = sayings.get(error.code ?? '');
  return saying?.({ dial: `dial tcp ${where}`, hostname: url.hostname, path: error.address ?? '' }) ?? row(error.message);
}
