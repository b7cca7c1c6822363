// gRPC over one HTTP/2 connection, as the client of etcd needs it: one request, messages until the status; over any connection.

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { Fault } from '../../base/fault.ts';

export interface GrpcConnection {
  isOpen(): boolean;
  /**
   * Messages of the answer. Throws what the network says, the signal's reason, Fault `too-large` for a message above `mostMessage`,
   * Fault `timeout` when nothing comes for `quiet` milliseconds while it is waited for, and what `refusal` makes of another status than OK.
   */
  call(path: string, request: Buffer, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined>;
  close(): void;
}

export interface GrpcOptions {
  /** For messages: `https://10.0.0.11:2379`. */
  readonly url: string;
  /** Bytes of a message of an answer; its memory is asked for piece by piece. */
  readonly mostMessage: number;
  readonly quiet: number;
  /** gRPC's status code (grpc/doc/statuscodes.md) and the server's words. */
  readonly refusal: (status: number, words: string) => Fault;
}

/** Pages come in one go even from far away, and those of several calls do not wait for one another. */
const streamWindow = 4 * 1_024 * 1_024;
const connectionWindow = 4 * streamWindow;

/** Takes over the connection, also when it rejects. */
export async function speakGrpc(socket: Duplex, options: GrpcOptions, signal: AbortSignal): Promise<GrpcConnection> {
  const { url } = options;
  if (socket.destroyed) throw socket.errored ?? new Error('the connection was closed');
  const settings = { initialWindowSize: streamWindow, enablePush: false };
  const session = connect(url, { createConnection: () => socket, settings });
  let failure: unknown;
  session.on('error', (error) => {
    failure ??= error;
  });
  const lost = (): unknown => failure ?? socket.errored;
  try {
    await greeted(session, lost, signal);
  } catch (thrown) {
    session.destroy();
    socket.destroy();
    throw thrown;
  }
  session.setLocalWindowSize(connectionWindow);
  // Whoever waits for an answer keeps the process alive; an idle connection does not.
  session.unref();
  return {
    isOpen: () => !session.closed && !session.destroyed,
    call: (path, request, callSignal) => messagesOf(session, { path, request, signal: callSignal, lost }, options),
    close: () => session.destroy(),
  };
}

/** A server that does not want our certificate says so now and not in the middle of a call: TLS 1.3 lets the client believe it was accepted. */
function greeted(session: ClientHttp2Session, lost: () => unknown, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    session.once('remoteSettings', () => resolve());
    session.once('close', () => {
      signal.removeEventListener('abort', abort);
      reject((lost() ?? new Error('the connection was closed')) as Error);
    });
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}

interface Asked {
  readonly path: string;
  readonly request: Buffer;
  readonly signal: AbortSignal;
  /** Why the connection ended, if it did. */
  lost(): unknown;
}

async function* messagesOf(session: ClientHttp2Session, asked: Asked, options: GrpcOptions): AsyncGenerator<Buffer, void, undefined> {
  const { signal, request } = asked;
  signal.throwIfAborted();
  const stream = session.request({
    ':method': 'POST',
    ':path': asked.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'casemate',
  });
  const abort = (): void => void stream.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort);
  const status = statusOf(stream);
  try {
    stream.end(framed(request));
    for await (const message of messagesIn(stream, options)) yield message;
    const { code, words } = await status;
    if (code !== 0) throw options.refusal(code, words);
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown instanceof Fault ? thrown : (asked.lost() ?? thrown);
  } finally {
    signal.removeEventListener('abort', abort);
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  }
}

/** gRPC's length-prefixed message: not compressed, length, bytes (grpc/doc/PROTOCOL-HTTP2.md). */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

interface Status {
  readonly code: number;
  readonly words: string;
}

/** Never rejects, since nobody may be waiting for it: a stream that ends without a status has status UNAVAILABLE. */
function statusOf(stream: ClientHttp2Stream): Promise<Status> {
  return new Promise((resolve) => {
    const read = (headers: IncomingHttpHeaders): void => {
      const code = headers['grpc-status'];
      if (code !== undefined) resolve({ code: Number(code), words: unescaped(String(headers['grpc-message'] ?? '')) });
    };
    stream.once('response', (headers) => {
      read(headers);
      const { ':status': http } = headers;
      if (http !== 200) resolve({ code: unavailable, words: `it answered as a web server does, with ${http}` });
    });
    stream.once('trailers', read);
    stream.once('close', () => resolve({ code: unavailable, words: 'the answer broke off' }));
    stream.on('error', () => {});
  });
}

const unavailable = 14;

/** Percent-encoded UTF-8; shown as it came when it is neither. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function* messagesIn(stream: ClientHttp2Stream, { mostMessage, quiet, url }: GrpcOptions): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  /** Of the message that is coming, with its head; undefined before the head is whole. */
  let wanted: number | undefined;
  for await (const chunk of chunksOf(stream, quiet, url)) {
    parts.push(chunk);
    size += chunk.length;
    while (size >= (wanted ?? 5)) {
      // One copy for each message: before it is whole its parts only wait.
      const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      if (wanted === undefined) {
        wanted = lengthIn(bytes, url) + 5;
        if (wanted > mostMessage)
          throw new Fault(
            'too-large',
            `etcd at ${url} answered with ${wanted} bytes at once, ${mostMessage} are taken: ask for less at a time`,
          );
        parts = [bytes];
        continue;
      }
      yield bytes.subarray(5, wanted);
      parts = [bytes.subarray(wanted)];
      size -= wanted;
      wanted = undefined;
    }
  }
  if (size > 0) throw new Fault('unavailable', `the answer of etcd at ${url} broke off in the middle of a message`);
}

function lengthIn(head: Buffer, url: string): number {
  if (head[0] !== 0) throw new Fault('corrupted', `etcd at ${url} answered in a compressed form that was not asked for`);
  return head.readUInt32BE(1);
}

/** The time counts only while something is waited for: whoever reads slowly is not the server's fault. */
async function* chunksOf(stream: ClientHttp2Stream, quiet: number, url: string): AsyncGenerator<Buffer, void, undefined> {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  for (;;) {
    const late = setTimeout(() => stream.destroy(new Fault('timeout', `etcd at ${url} said nothing for ${quiet / 1_000} s`)), quiet);
    try {
      const { value, done } = await iterator.next();
      if (done === true) return;
      yield value as Buffer;
    } finally {
      clearTimeout(late);
    }
  }
}
