// One keep-alive connection of the load generator: sends prepared bytes, one request at a time, and costs as little as it can.

import { connect } from 'node:net';
import { asFault } from '../src/base/fault.ts';
import { frameOf } from './answer.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface Listening {
  connected(): void;
  /** `body` is only good until this returns. */
  answered(status: number, body: Buffer): void;
  /** A sentence; nothing follows. */
  failed(sentence: string): void;
}

export interface Connection {
  send(request: Buffer): void;
  end(): void;
}

const readBytes = 64 * 1024;

export function openConnection(place: Place, listening: Listening): Connection {
  let pending: Buffer | undefined;
  let ended = false;
  const fail = (sentence: string): void => {
    if (ended) return;
    ended = true;
    socket.destroy();
    listening.failed(sentence);
  };
  const take = (bytes: Buffer): void => {
    const whole = pending === undefined ? bytes : Buffer.concat([pending, bytes]);
    const frame = frameOf(whole);
    // The bytes lie in a buffer that the next read overwrites.
    pending = frame === undefined ? Buffer.from(whole) : undefined;
    if (frame === undefined) return;
    if (whole.length > frame.end) fail('the server sent more than it was asked for');
    else listening.answered(frame.status, whole.subarray(frame.bodyAt, frame.end));
  };
  const socket = connect({
    ...place,
    noDelay: true,
    // One buffer for all reads of the connection: a stream would make one for each.
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback(length, buffer) {
        if (ended) return true;
        try {
          take((buffer as Buffer).subarray(0, length));
        } catch (thrown) {
          fail(asFault(thrown).message);
        }
        return true;
      },
    },
  });
  socket.on('connect', () => listening.connected());
  socket.on('error', (error: NodeJS.ErrnoException) =>
    fail(`a connection to ${place.host}:${place.port} failed (${error.code ?? error.message})`),
  );
  socket.on('close', () => fail(`${place.host}:${place.port} closed a connection before it had answered`));
  return {
    send: (request) => void socket.write(request),
    end() {
      ended = true;
      socket.destroy();
    },
  };
}
