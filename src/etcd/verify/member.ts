// One member of etcd: a connection that is opened when it is needed and again when it was lost, and what its refusals mean.

import { Fault } from '../../base/fault.ts';
import { type Connect, connectTo, type Endpoint, type EtcdTls, troubleAt } from './endpoint.ts';
import { type GrpcConnection, speakGrpc } from './grpc-connection.ts';

export interface Member {
  readonly url: string;
  /** Throws Fault, or the signal's reason. */
  unary<T>(path: string, request: Buffer, read: (bytes: Buffer) => T, signal: AbortSignal): Promise<T>;
  /** The same, for calls that are answered with many messages. */
  messages(path: string, request: Buffer, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined>;
  close(): void;
}

export interface MemberOptions {
  readonly tls: EtcdTls | undefined;
  readonly connect: Connect;
  /** Milliseconds without a byte after which it counts as lost. */
  readonly quiet: number;
}

/** Of a connection, with TLS and HTTP/2. */
const longestOpening = 5_000;
/** etcd itself takes writes of 1.5 MB unless it is told otherwise; a page of many such is asked for anew with fewer. */
const mostMessage = 64 * 1_024 * 1_024;

export function memberAt(endpoint: Endpoint, { tls, connect, quiet }: MemberOptions): Member {
  const { url } = endpoint;
  let opened: GrpcConnection | undefined;
  let opening: Promise<GrpcConnection> | undefined;
  let closed = false;
  const open = async (): Promise<GrpcConnection> => {
    // Not AbortSignal.timeout: it would still fire when the connection is long in use, and whoever made it may end it then.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), longestOpening);
    try {
      const socket = await connectTo(endpoint, tls, connect, late.signal);
      const refusal = (status: number, words: string) => refusalOf(url, status, words);
      opened = await speakGrpc(socket, { url, mostMessage, quiet, refusal }, late.signal);
      if (closed) opened.close();
      return opened;
    } catch (thrown) {
      if (late.signal.aborted)
        throw new Fault('timeout', `etcd at ${url} did not answer within ${longestOpening / 1_000} s`, { cause: thrown });
      throw troubleAt(endpoint, thrown);
    } finally {
      clearTimeout(timer);
      opening = undefined;
    }
  };
  const connection = async (signal: AbortSignal): Promise<GrpcConnection> => {
    if (closed) throw new Fault('invalid-request', 'this client of etcd is closed');
    if (opened?.isOpen() === true) return opened;
    // Shared by all calls that wait for it, so that the signal of one of them must not end it.
    opening ??= open();
    return unlessAborted(opening, signal);
  };
  const messages = async function* (path: string, request: Buffer, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    const { call } = await connection(signal);
    try {
      yield* call(path, request, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      throw troubleAt(endpoint, thrown);
    }
  };
  return {
    url,
    messages,
    async unary(path, request, read, signal) {
      let answer: Buffer | undefined;
      for await (const bytes of messages(path, request, signal)) answer = bytes;
      if (answer === undefined) throw new Fault('unavailable', `etcd at ${url} answered nothing`);
      return read(answer);
    },
    close() {
      closed = true;
      opened?.close();
    },
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Whether the state that was asked for is no longer kept: reading starts anew at a newer one. */
export function isRevisionGone(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fields?.['revisionGone'] === true;
}

type Refusal = (url: string, said: string) => Fault;

/** By gRPC's status codes (grpc/doc/statuscodes.md), as etcd uses them (etcd-io/etcd, api/v3rpc/rpctypes/error.go). */
const refusals: ReadonlyMap<number, Refusal> = new Map<number, Refusal>([
  [4, (url, said) => new Fault('timeout', `etcd at ${url} took too long${said}`)],
  [7, (url, said) => new Fault('permission-denied', `etcd at ${url} does not let this user read${said}`)],
  [8, (url, said) => new Fault('rate-limited', `etcd at ${url} has too much to do${said}`)],
  [
    11,
    (url, said) =>
      new Fault('not-found', `etcd at ${url} no longer has the state that was asked for${said}: read it again from the start`, {
        fields: { revisionGone: true },
      }),
  ],
  [12, (url, said) => new Fault('unsupported-operation', `the server at ${url} does not know this call: is it etcd 3?${said}`)],
  [15, (url, said) => new Fault('corrupted', `etcd at ${url} says that its data are damaged${said}: restore it from a snapshot`)],
  [16, (url, said) => new Fault('permission-denied', `etcd at ${url} does not accept who asks${said}`)],
]);

function refusalOf(url: string, status: number, words: string): Fault {
  const said = words === '' ? '' : ` (${JSON.stringify(words.slice(0, 200))})`;
  return refusals.get(status)?.(url, said) ?? new Fault('unavailable', `etcd at ${url} did not answer, status ${status}${said}`);
}
