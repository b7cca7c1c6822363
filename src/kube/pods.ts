// Into a running pod: its logs, commands in its containers, connections to its ports.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { Fault } from '../base/fault.ts';
import { unlessAborted } from './connection.ts';
import type { Exchange } from './exchange.ts';
import { pods } from './kinds.ts';
import type { Status } from './kube-fault.ts';
import { podSockets } from './library.ts';
import { type Ref, refText } from './object.ts';
import { objectPath } from './resource-path.ts';

export interface LogOptions {
  /** May be left out where the pod has just one. */
  readonly container?: string | undefined;
  /** Goes on until the container ends or the signal comes. */
  readonly follow?: boolean | undefined;
  /** Of the container that ran before this one. */
  readonly previous?: boolean | undefined;
  readonly tailLines?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  readonly timestamps?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExecOptions {
  readonly container?: string | undefined;
  readonly command: readonly [string, ...string[]];
  /** Sent to its standard input. */
  readonly input?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExecResult {
  /** Exit code. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface Forward {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

export interface Pods {
  /** As it comes, whole lines or not. Throws KubeFault. */
  logs(pod: Ref, options?: LogOptions): AsyncGenerator<Buffer, void, undefined>;
  /** Resolves when the command has ended, whatever its exit code. Throws Fault `unavailable` when it could not be started or was lost. */
  exec(pod: Ref, options: ExecOptions): Promise<ExecResult>;
  /** Listens on a free port of this machine until it is closed or the signal comes. */
  forward(pod: Ref, port: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<Forward>;
}

/** 16 MiB each: more is no answer of a command but a copy of data. */
const largestOutput = 16 * 1024 * 1024;

export function createPods(exchange: Exchange): Pods {
  return {
    logs: (pod, options = {}) => logsOf(exchange, pod, options),
    exec: (pod, options) => execIn(exchange, pod, options),
    forward: (pod, port, options = {}) => forwardTo(exchange, pod, port, options.signal),
  };
}

async function* logsOf(exchange: Exchange, pod: Ref, options: LogOptions): AsyncGenerator<Buffer, void, undefined> {
  const { container, follow, previous, tailLines, sinceSeconds, timestamps, signal } = options;
  const call = {
    method: 'GET',
    path: objectPath(pods, pod, 'log'),
    query: { container, follow, previous, tailLines, sinceSeconds, timestamps },
    // The kubelet's answer is text, and asking for JSON alone is refused.
    headers: { Accept: '*/*' },
    verb: 'get',
    what: `pods/log ${refText(pod)}`,
    repeatable: true,
  };
  const opened = await exchange.open(call, { signal });
  if (opened.status >= 400) {
    const chunks: Buffer[] = [];
    for await (const chunk of opened.body) chunks.push(chunk);
    throw exchange.refusal(call, { status: opened.status, text: Buffer.concat(chunks).toString() });
  }
  try {
    yield* opened.body;
  } catch (thrown) {
    if (signal?.aborted !== true)
      throw new Fault('unavailable', `the log of pod ${refText(pod)} was cut off; read it again`, { cause: thrown });
  }
}

interface Collected {
  readonly stream: Writable;
  bytes(): Buffer;
  full(): boolean;
}

function collector(): Collected {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size <= largestOutput) chunks.push(chunk);
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(chunks), full: () => size > largestOutput };
}

async function execIn({ connection }: Exchange, pod: Ref, { container, command, input, signal }: ExecOptions): Promise<ExecResult> {
  const what = `exec in pod ${refText(pod)}`;
  const starting = signal === undefined ? AbortSignal.timeout(60_000) : AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
  const { exec } = await podSockets(connection, await connection.credentials(starting));
  const stdout = collector();
  const stderr = collector();
  const ended = Promise.withResolvers<Status>();
  const stdin = input === undefined ? null : Readable.from([Buffer.from(input)], { objectMode: false });
  const place = [podNamespace(pod), encodeURIComponent(pod.name), container ?? ''] as const;
  const done = ended.resolve as (status: object) => void;
  const begun = exec.exec(...place, [...command], stdout.stream, stderr.stream, stdin, false, done);
  const socket = await unlessAborted(begun, starting).catch((thrown: unknown) => {
    // Should it still open, nobody would end it.
    begun.then((late) => late.close()).catch(() => undefined);
    throw signal?.aborted === true ? stopped(what) : socketFault(what, thrown);
  });
  const lost = () =>
    ended.reject(
      signal?.aborted === true ? stopped(what) : new Fault('unavailable', `${what}: the connection was ended before the command`),
    );
  socket.addEventListener('close', lost);
  signal?.addEventListener('abort', lost, { once: true });
  try {
    const status = await ended.promise;
    if (stdout.full() || stderr.full()) throw new Fault('too-large', `${what}: the command printed more than 16 MiB`);
    return { code: exitCodeOf(status, what), stdout: stdout.bytes(), stderr: stderr.bytes() };
  } finally {
    signal?.removeEventListener('abort', lost);
    socket.close();
  }
}

function stopped(what: string): Fault {
  return new Fault('unavailable', `${what}: stopped before the command had ended`, { fields: { stopped: true } });
}

/** The exit code stands among the causes of a Status, as text. */
function exitCodeOf({ reason, message, details, ...rest }: Status & { readonly status?: string }, what: string): number {
  if (rest.status === 'Success') return 0;
  const code = details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  if (reason !== 'NonZeroExitCode' || code === undefined)
    throw new Fault('unavailable', `${what}: ${message ?? 'it could not be started'}`);
  return Number(code);
}

async function forwardTo(exchange: Exchange, pod: Ref, port: number, signal: AbortSignal | undefined): Promise<Forward> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    carry(exchange, pod, port, socket).catch((thrown: unknown) => {
      socket.destroy(thrown as Error);
    });
  });
  const local = await listening(server);
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', stop);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const stop = () => void close();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) await close();
  return { port: local, close };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** One connection of this machine is one socket to the pod. */
async function carry({ connection }: Exchange, pod: Ref, port: number, local: Socket): Promise<void> {
  // Who connected may be gone before the pod is reached; without a listener that would end the process.
  local.on('error', () => local.destroy());
  const { portForward } = await podSockets(connection, await connection.credentials(AbortSignal.timeout(60_000)));
  const refused = new PassThrough();
  refused.on('data', () => local.destroy());
  const remote = await portForward.portForward(podNamespace(pod), encodeURIComponent(pod.name), [port], local, refused, local);
  if (typeof remote === 'function') throw new Fault('internal', 'the port-forward has no socket');
  remote.addEventListener('close', () => local.end());
  local.on('close', () => remote.close());
}

function podNamespace({ namespace, name }: Ref): string {
  if (namespace === undefined) throw new Fault('usage', `name the namespace of pod ${JSON.stringify(name)}`);
  return encodeURIComponent(namespace);
}

/** The socket's own error says no more than the status. */
function socketFault(what: string, thrown: unknown): Fault {
  const { message = '' } = (thrown ?? {}) as { readonly message?: string };
  const status = /response: (\d{3})/.exec(message)?.[1];
  if (status === '401' || status === '403') return new Fault('permission-denied', `${what}: a Role must allow create on pods/exec`);
  if (status === '404') return new Fault('not-found', `${what}: the pod or its container is not there`);
  return new Fault(
    'unavailable',
    `${what}: it could not be started${status === undefined ? '' : ` (HTTP ${status})`}; is the container running?`,
  );
}
