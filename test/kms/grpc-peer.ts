// A peer of the gRPC server that speaks HTTP/2 itself, and so can say what no gRPC library says; and a server with methods of a test.

import { rmSync } from 'node:fs';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders, type SessionOptions } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { jsonLog } from '../../src/base/log.ts';
import type { UnaryCall, UnaryMethod } from '../../src/etcd/plugin/grpc/call.ts';
import { frame, frameBytes } from '../../src/etcd/plugin/grpc/frame.ts';
import { type GrpcServer, serveSocket } from '../../src/etcd/plugin/grpc-server.ts';
import { ownSocket } from '../../src/etcd/plugin/socket.ts';
import { deskFolder } from './plugin-desk.ts';

export interface GrpcDesk {
  readonly socket: string;
  readonly server: GrpcServer;
  /** Calls of `/test/Hang` so far, which are not answered but by the test. */
  readonly hanging: UnaryCall[];
  /** How many of those were given up. */
  givenUp(): number;
  log(): string;
  end(): Promise<void>;
}

/** `/test/Echo` answers what it gets. */
export async function openGrpc(longestCall = 10_000, more: Readonly<Record<string, UnaryMethod>> = {}): Promise<GrpcDesk> {
  const folder = deskFolder();
  const path = join(folder, 'run', 'grpc.sock');
  const lines: string[] = [];
  const log = jsonLog({ level: 'trace', write: (line) => lines.push(line), now: () => 0 });
  const hanging: UnaryCall[] = [];
  let givenUp = 0;
  const methods = new Map<string, UnaryMethod>([
    ['/test/Echo', (call) => call.answer(framed(call.request))],
    [
      '/test/Hang',
      (call) => {
        hanging.push(call);
        call.givenUp = () => {
          givenUp += 1;
        };
      },
    ],
    ...Object.entries(more),
  ]);
  const server = await serveSocket(await ownSocket(path, log), { methods, log, longestCall });
  return {
    ...{ socket: path, server, hanging, givenUp: () => givenUp, log: () => lines.join('') },
    async end() {
      await server.drain(0);
      rmSync(folder, { recursive: true });
    },
  };
}

export function framed(message: Uint8Array): Buffer {
  return frame(Buffer.concat([Buffer.alloc(frameBytes), message]));
}

export interface Answered {
  readonly http: number;
  /** Of gRPC; undefined when the stream ended without one. */
  readonly status: string | undefined;
  readonly words: string;
  /** Headers, trailers, or both where one frame is both. */
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly bytes: Buffer;
  /** The code of RST_STREAM; 0 for none. */
  readonly reset: number;
}

export interface GrpcPeer {
  readonly session: ClientHttp2Session;
  /** A call whose side is not ended. */
  open(path: string, headers?: Readonly<Record<string, string>>): ClientHttp2Stream;
  /** One call with these bytes, ended. */
  call(path: string, bytes: Buffer, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  close(): void;
}

export function grpcPeer(socket: string, options: SessionOptions = {}): GrpcPeer {
  const session = connect('http://localhost', { ...options, createConnection: () => connectSocket(socket) });
  session.on('error', () => {});
  const open: GrpcPeer['open'] = (path, headers = {}) => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    stream.on('error', () => {});
    return stream;
  };
  return {
    session,
    open,
    call(path, bytes, headers) {
      const stream = open(path, headers);
      stream.end(bytes);
      return endOf(stream);
    },
    close: () => session.destroy(),
  };
}

/** What the server makes of a call. Resolves when the stream is closed. */
export function endOf(stream: ClientHttp2Stream): Promise<Answered> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  const parts: Buffer[] = [];
  stream.on('response', (given) => {
    headers = given;
  });
  stream.on('trailers', (given) => {
    trailers = given;
  });
  stream.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve) =>
    stream.once('close', () => {
      const ending = trailers ?? headers;
      resolve({
        ...{ headers, trailers, bytes: Buffer.concat(parts), reset: stream.rstCode ?? 0, http: Number(headers[':status']) },
        status: ending['grpc-status'] as string | undefined,
        words: decodeURIComponent(String(ending['grpc-message'] ?? '')),
      });
    }),
  );
}
