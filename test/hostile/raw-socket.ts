// Bytes sent to a server as they are, and what came back: for requests that no HTTP client would send.

import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** Whether the server ended the connection. */
  readonly closed: boolean;
  readonly text: string;
}

export interface RawOptions {
  /** Ends when so many answers are there; without it, when the server closes. */
  readonly answers?: number;
  /** Closes the sending side behind the last packet. */
  readonly end?: boolean;
  /** Milliseconds between packets. */
  readonly pause?: number;
  /** Milliseconds after which it ends in any case. */
  readonly patience?: number;
}

/** Each packet is one write. Answers are those of requests other than HEAD. */
export function exchange(
  { host, port }: { readonly host: string; readonly port: number },
  packets: readonly (string | Uint8Array)[],
  { answers = Number.POSITIVE_INFINITY, end = false, pause = 2, patience = 5_000 }: RawOptions = {},
): Promise<RawExchange> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    let received = Buffer.alloc(0);
    const finish = (closed: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve({ answers: answersIn(received), closed, text: received.toString('latin1') });
    };
    const late = setTimeout(() => finish(false), patience);
    socket.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part]);
      if (answersIn(received).length >= answers) finish(false);
    });
    socket.on('close', () => finish(true));
    // A server may reset a connection that it refused: what counts is what it said before.
    socket.on('error', () => finish(true));
    socket.on('connect', () => void send());
    const send = async (): Promise<void> => {
      for (const packet of packets) {
        if (socket.destroyed) return;
        socket.write(packet);
        await new Promise((done) => void setTimeout(done, pause));
      }
      if (end) socket.end();
    };
  });
}

/** Whole answers only. */
function answersIn(received: Buffer): RawAnswer[] {
  const found: RawAnswer[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return found;
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const status = Number(statusLine.split(' ')[1]);
    const length = status < 200 || status === 204 ? 0 : Number(headers['content-length'] ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length);
    if (body.length < length) return found;
    found.push({ status, headers, body: body.toString() });
    rest = rest.subarray(end + 4 + length);
  }
}

/** A request head with the headers that are given, and its body. */
export function request(line: string, headers: Readonly<Record<string, string>>, body = ''): string {
  const all = { host: 'test', ...headers };
  return `${line} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`;
}
