// The two ways in which a line can be a message: the body of a POST request, or a datagram.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIPv6 } from 'node:net';
import { Fault } from '../../base/fault.ts';
import type { Messenger } from './message-sink.ts';
import type { HttpOptions, SocketOptions } from './network-options.ts';

/** POST requests at a time to one device, each on a connection that is kept. */
export const parallelPosts = 8;

/** Throws Fault `invalid-request` when the file of authorities cannot be read. */
export function httpMessenger({ url, headers, caFile, batch }: HttpOptions): Messenger {
  const secure = url.protocol === 'https:';
  const kept = { keepAlive: true, maxSockets: parallelPosts, scheduling: 'lifo' as const };
  const agent = secure ? new HttpsAgent({ ...kept, ...authorities(caFile) }) : new HttpAgent(kept);
  const options: RequestOptions = {
    method: 'POST',
    agent,
    headers: {
      'Content-Type': batch ? 'application/x-ndjson' : 'application/json',
      'User-Agent': 'casemate-audit',
      ...Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]])),
    },
  };
  return {
    send: (bytes, signal) =>
      new Promise((resolve, reject) => {
        const begin = secure ? httpsRequest : httpRequest;
        const sent = begin(url, { ...options, signal }, (response) => {
          drop(response);
          const { statusCode = 0 } = response;
          // A redirect would take the line to a place that the operator did not name.
          if (statusCode >= 200 && statusCode < 300) resolve();
          else reject(new Fault(statusCode === 413 ? 'too-large' : 'unavailable', `the audit device answered ${statusCode}`));
        });
        sent.on('error', (cause) => reject(new Fault('unavailable', 'the audit device cannot be reached', { cause })));
        sent.setHeader('Content-Length', bytes.length);
        sent.end(bytes);
      }),
    close: () => agent.destroy(),
  };
}

/** Bytes of an answer that are read, so that its connection can be used again. */
const longestAnswer = 64 * 1024;

function drop(response: IncomingMessage): void {
  let read = 0;
  response.on('data', (part: Buffer) => {
    read += part.length;
    if (read > longestAnswer) response.destroy();
  });
  response.on('error', () => response.destroy());
}

function authorities(path: string | undefined): { readonly ca?: Buffer } {
  if (path === undefined) return {};
  try {
    return { ca: readFileSync(path) };
  } catch (thrown) {
    throw new Fault('invalid-request', 'the tls_ca_file of the audit device cannot be read', { cause: thrown });
  }
}

const longestDatagram = 65_507;

/** Says nothing of whether anybody reads. A line that is longer than a datagram fails. */
export function datagramMessenger({ host, port }: SocketOptions): Messenger {
  let socket: DatagramSocket | undefined;
  const open = (): DatagramSocket => {
    const opened = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    opened.unref();
    opened.on('error', () => {
      if (socket === opened) socket = undefined;
      opened.close();
    });
    return opened;
  };
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => {
        if (bytes.length > longestDatagram) {
          reject(new Fault('too-large', 'the line is longer than a datagram'));
          return;
        }
        socket ??= open();
        socket.send(bytes, port, host, (cause) => {
          if (cause === null) resolve();
          else reject(new Fault('unavailable', 'the audit device did not take the datagram', { cause }));
        });
      }),
    close() {
      socket?.close();
      socket = undefined;
    },
  };
}
