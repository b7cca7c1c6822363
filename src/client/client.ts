// Speaks to a Casemate, Vault or OpenBao server as Go's API client does: verbs, headers, one redirect, retries, the 404 that is an answer.

import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../base/fault.ts';
import { parseAddress, type Query, urlOf } from './address.ts';
import { ResponseFault } from './response-fault.ts';
import { isObject, parseAnswer, parseSecret, type Secret, saysSomething } from './secret.ts';
import { type Answer, type ClientTls, createTransport, type Outgoing, type Transport } from './transport.ts';

export interface ClientOptions {
  /** `https://host:port`, with a path in front of `/v1` if need be, or `unix:///path`. */
  readonly address: string;
  readonly token?: string | undefined;
  readonly namespace?: string | undefined;
  readonly tls?: ClientTls | undefined;
  /** Sent as X-Vault-Wrap-TTL with every request: seconds or a duration. */
  readonly wrapTtl?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds for one call with all its tries; 60,000 by default. */
  readonly timeout?: number | undefined;
  /** Further tries after 412, 429, 5xx but 501, and failures of the network; 2 by default. */
  readonly retries?: number | undefined;
  /** Whether one redirect is followed; it is by default. */
  readonly redirects?: boolean | undefined;
  readonly proxies?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called before each request is sent; what it throws is thrown to the caller, and nothing is sent. */
  readonly before?: ((outgoing: Outgoing) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestParts {
  /** Sent as JSON; a Uint8Array is sent as it is. */
  readonly body?: unknown;
  readonly query?: Query | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface Reply {
  readonly status: number;
  /** The JSON that was answered; undefined for an empty body. */
  readonly body: unknown;
}

/** Paths are those of the API without `/v1/`. All calls throw ResponseFault for a refusal and Fault `unavailable` or `timeout` otherwise. */
export interface Client {
  readonly address: string;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  request(method: string, path: string, body?: unknown, query?: Query): Promise<Reply>;
  /** The bytes of an answer that need not be JSON. */
  raw(method: string, path: string, parts?: RequestParts): Promise<Answer>;
  /** Undefined where nothing is. */
  read(path: string, query?: Query): Promise<Secret | undefined>;
  list(path: string, query?: Query): Promise<Secret | undefined>;
  /** PUT. Undefined when the server had nothing to say. */
  write(path: string, body?: unknown): Promise<Secret | undefined>;
  /** As a JSON merge patch. */
  patch(path: string, body: unknown): Promise<Secret | undefined>;
  delete(path: string, query?: Query): Promise<Secret | undefined>;
  /** With the token itself when it is the client's own or the client has none; undefined for a wrapped answer without a body. */
  unwrap(wrapping: string | undefined): Promise<Secret | undefined>;
  /** The same connections with other options. Address and TLS stay. */
  with(changes: Omit<Partial<ClientOptions>, 'address' | 'tls' | 'proxies'>): Client;
  /** Ends idle connections. */
  close(): void;
}

/** Throws Fault `usage` for an address that is none. */
export function createClient(options: ClientOptions): Client {
  const { socket } = parseAddress(options.address);
  return clientOver(createTransport({ tls: options.tls ?? {}, socket, proxies: options.proxies ?? {} }), options);
}

/** What the server made of one request, after redirect and retries. */
interface Exchanged extends Answer {
  readonly method: string;
  readonly url: string;
}

function clientOver(transport: Transport, options: ClientOptions): Client {
  const address = parseAddress(options.address);
  const raw = (method: string, path: string, parts: RequestParts = {}): Promise<Exchanged> =>
    exchange(transport, options, {
      method,
      url: urlOf(address, path, parts.query),
      headers: headersFor(options, method, path, parts),
      body: bodyOf(parts.body),
    });
  const accepted = async (method: string, path: string, parts: RequestParts): Promise<Exchanged> => {
    const answer = await raw(method, path, parts);
    if (isRefused(answer, path)) throw refusalOf(answer);
    return answer;
  };
  const secretOf = async (method: string, path: string, parts: RequestParts): Promise<Secret | undefined> => {
    const answer = await raw(method, path, parts);
    if (isRefused(answer, path)) throw refusalOf(answer);
    return parseSecret(answer.body.toString());
  };
  const found = (work: Promise<Secret | undefined>): Promise<Secret | undefined> =>
    work.catch((thrown: unknown) => {
      if (thrown instanceof ResponseFault && thrown.status === 404) return thrown.secret;
      throw thrown;
    });
  return {
    address: options.address,
    token: options.token,
    namespace: options.namespace,
    request: async (method, path, body, query) => {
      const answer = await accepted(method, path, { body, query });
      return { status: answer.status, body: answer.body.length === 0 ? undefined : parseAnswer(answer.body.toString()) };
    },
    raw: (method, path, parts = {}) => accepted(method, path, parts),
    read: (path, query) => found(secretOf('GET', path, { query })),
    list: (path, query = {}) => found(secretOf('GET', path, { query: { ...query, list: 'true' } })),
    write: (path, body) => secretOf('PUT', path, { body }),
    patch: (path, body) => secretOf('PATCH', path, { body, headers: { 'Content-Type': 'application/merge-patch+json' } }),
    delete: (path, query) => secretOf('DELETE', path, { query }),
    unwrap: async (wrapping) => {
      const mine = options.token === undefined || options.token === '' ? wrapping : options.token;
      if (mine !== options.token) return clientOver(transport, { ...options, token: mine }).unwrap(wrapping);
      const body = wrapping === undefined || wrapping === mine ? undefined : { token: wrapping };
      // What was wrapped may itself be a 404 that says something.
      return secretOf('PUT', 'sys/wrapping/unwrap', { body }).catch((thrown: unknown) => {
        if (thrown instanceof ResponseFault && thrown.secret !== undefined) return thrown.secret;
        throw thrown;
      });
    },
    with: (changes) => clientOver(transport, { ...options, ...changes }),
    close: () => transport.close(),
  };
}

function headersFor(options: ClientOptions, method: string, path: string, parts: RequestParts): Record<string, string> {
  // Answers of this path exist only wrapped, so that a client without a TTL still gets one.
  const wraps = options.wrapTtl ?? (path === 'sys/wrapping/wrap' && (method === 'PUT' || method === 'POST') ? '5m' : undefined);
  return {
    ...options.headers,
    ...parts.headers,
    'X-Vault-Request': 'true',
    ...(options.token === undefined || options.token === '' ? {} : { 'X-Vault-Token': options.token }),
    ...(options.namespace === undefined || options.namespace === '' ? {} : { 'X-Vault-Namespace': options.namespace }),
    ...(wraps === undefined ? {} : { 'X-Vault-Wrap-TTL': wraps }),
  };
}

function bodyOf(body: unknown): string | Uint8Array | undefined {
  return body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body);
}

async function exchange(transport: Transport, options: ClientOptions, outgoing: Outgoing): Promise<Exchanged> {
  const deadline = AbortSignal.timeout(options.timeout ?? 60_000);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  for (let tries = options.retries ?? 2; ; tries--) {
    try {
      const answer = await followed(transport, options, outgoing, signal);
      if (tries <= 0 || !worthAnotherTry(answer.status)) return answer;
      await pause(answer.headers['retry-after'], signal);
    } catch (thrown) {
      if (tries <= 0 || signal.aborted || !(thrown instanceof Fault) || thrown.fields?.['again'] !== true) throw thrown;
      await pause(undefined, signal);
    }
  }
}

function worthAnotherTry(status: number): boolean {
  return status === 412 || status === 429 || (status >= 500 && status !== 501);
}

/** Between 0.25 and 0.5 s, so that clients that were refused together do not come back together; up to 5 s if the server says so. */
async function pause(retryAfter: string | undefined, signal: AbortSignal): Promise<void> {
  const asked = Number(retryAfter);
  const milliseconds = asked > 0 ? Math.min(asked, 5) * 1000 : 250 + Math.random() * 250;
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (thrown) {
    throw new Fault('timeout', 'interrupted while waiting to try again', { cause: thrown });
  }
}

async function followed(transport: Transport, options: ClientOptions, outgoing: Outgoing, signal: AbortSignal): Promise<Exchanged> {
  const { method, url } = outgoing;
  options.before?.(outgoing);
  const first = await transport.send(outgoing, signal);
  const to = first.headers.location;
  if (options.redirects === false || ![301, 302, 307].includes(first.status) || to === undefined) return { ...first, method, url };
  const target = new URL(to, url);
  if (url.startsWith('https:') && target.protocol !== 'https:')
    throw new Fault('unavailable', `redirect of ${url} would cause protocol downgrade`);
  return { ...(await transport.send({ ...outgoing, url: target.href }, signal)), method, url: target.href };
}

/** 429 of sys/health tells of a standby. */
function isRefused({ status }: Answer, path: string): boolean {
  return (status < 200 || status >= 400) && !(status === 429 && path === 'sys/health');
}

function refusalOf(answer: Exchanged): ResponseFault {
  const { method, url, status } = answer;
  const said = answer.body.toString();
  const errors = errorsIn(said);
  const secret = status === 404 && errors !== undefined ? parseSecret(said) : undefined;
  const namespace = answer.headers['x-vault-namespace'];
  return new ResponseFault({
    method,
    url,
    status,
    errors: errors ?? [said.trimEnd()],
    raw: errors === undefined,
    namespace: typeof namespace === 'string' ? namespace : undefined,
    secret: saysSomething(secret) ? secret : undefined,
  });
}

/** Undefined for a body that is no JSON. */
function errorsIn(text: string): readonly string[] | undefined {
  try {
    const body = parseAnswer(text);
    if (!isObject(body)) return undefined;
    return Array.isArray(body['errors']) ? body['errors'].map(String) : [];
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}
