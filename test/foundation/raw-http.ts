// An HTTP client that sends exactly the bytes it is told to, in the packets it is told to, and shows every answer.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { localhostCertificate } from './localhost.ts';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawClient {
  readonly socket: Socket;
  /** Each piece leaves as a packet of its own. */
  send(...pieces: readonly string[]): Promise<void>;
  /** The next answer; throws when the connection ends before one is there. */
  answer(): Promise<RawAnswer>;
  /** Resolves when the server has closed the connection, to whatever it sent that was no whole answer. */
  closed(): Promise<string>;
  end(): void;
}

export interface RawTarget {
  readonly port: number;
  readonly tls?: boolean | ConnectionOptions;
  readonly allowHalfOpen?: boolean;
}

export async function openRaw({ port, tls = false, allowHalfOpen = false }: RawTarget): Promise<RawClient> {
  const options = { host: '127.0.0.1', port, allowHalfOpen };
  const socket: Socket =
    tls === false ? connect(options) : connectTls({ ...options, ca: localhostCertificate, ...(tls === true ? {} : tls) });
  socket.setNoDelay(true);
  let received = Buffer.alloc(0);
  let over = false;
  let wake = () => {};
  const changed = () => new Promise<void>((resolve) => (wake = resolve));
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    wake();
  });
  for (const event of ['end', 'close', 'error'] as const)
    socket.on(event, () => {
      over = true;
      wake();
    });
  await new Promise<void>((resolve, reject) => {
    socket.once(tls === false ? 'connect' : 'secureConnect', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    async send(...pieces) {
      for (const [index, piece] of pieces.entries()) {
        // Time for the server to read: many pieces need less each, since it reads all the while.
        if (index > 0) await (pieces.length > 2 ? turn() : sleep(2));
        await new Promise<void>((resolve, reject) => socket.write(piece, 'latin1', (error) => (error ? reject(error) : resolve())));
      }
    },
    async answer() {
      for (;;) {
        const taken = takeAnswer(received);
        if (taken !== undefined) {
          received = Buffer.from(taken.rest);
          if (taken.answer.status === 100) continue;
          return taken.answer;
        }
        if (over) throw new Error(`the connection ended before an answer: ${JSON.stringify(received.toString('latin1'))}`);
        await changed();
      }
    },
    async closed() {
      while (!over) await changed();
      return received.toString('latin1');
    },
    end: () => socket.destroy(),
  };
}

function takeAnswer(received: Buffer): { readonly answer: RawAnswer; readonly rest: Buffer } | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = received.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = Number(headers['content-length'] ?? 0);
  const start = end + 4;
  if (received.length < start + length) return undefined;
  const body = received.subarray(start, start + length).toString();
  return { answer: { status: Number(first.split(' ')[1]), headers, body }, rest: received.subarray(start + length) };
}
