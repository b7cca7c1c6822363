// A stream socket, TCP or unix, as a target: connected at the first line, and again when the connection is gone.

import { createConnection, type Socket } from 'node:net';
import { Fault } from '../../base/fault.ts';
import type { SocketOptions } from './network-options.ts';
import type { Target } from './target.ts';

/** Nothing is opened yet: whoever collects the lines may start after the server. */
export function socketTarget({ network, host, port, deadline }: SocketOptions): Target {
  let connection: Socket | undefined;
  /** Not connected yet. */
  let pending: Socket | undefined;
  let closed = false;

  const connect = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = network === 'unix' ? createConnection(host) : createConnection({ host, port, noDelay: true, keepAlive: true });
      pending = socket;
      const fail = (cause: unknown) => reject(new Fault('unavailable', 'the audit device cannot be connected to', { cause }));
      // The write that is under way hears of it by itself.
      socket.on('error', fail);
      socket.once('close', fail);
      socket.once('connect', () => {
        pending = undefined;
        // Nobody answers here; what comes is read so that the end is seen, and lines are not sent to nobody.
        socket.on('data', ignore);
        socket.on('end', () => socket.destroy());
        socket.on('close', () => {
          if (connection === socket) connection = undefined;
        });
        resolve(socket);
      });
    });
  const send = (socket: Socket, bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const gone = () => reject(new Fault('unavailable', 'the audit device has closed the connection'));
      socket.once('close', gone);
      socket.write(bytes, (error) => {
        socket.off('close', gone);
        if (error == null) resolve();
        else reject(error);
      });
    });
  const drop = (): void => {
    connection?.destroy();
    pending?.destroy();
    connection = undefined;
    pending = undefined;
  };
  const connected = async (): Promise<Socket> => {
    const socket = connection ?? (await connect());
    if (closed) {
      socket.destroy();
      throw new Fault('unavailable', 'the audit device was closed');
    }
    connection = socket;
    return socket;
  };
  const deliver = async (bytes: Uint8Array): Promise<void> => {
    const kept = connection;
    try {
      await send(await connected(), bytes);
    } catch (thrown) {
      drop();
      if (kept === undefined || closed) throw thrown;
      // A connection that was kept may have ended unseen; a new one gets all of it, rather twice than not at all.
      await send(await connected(), bytes);
    }
  };

  return {
    async write(bytes) {
      let late: NodeJS.Timeout | undefined;
      const tooLate = new Promise<never>((_, reject) => {
        late = setTimeout(() => reject(new Fault('timeout', 'the audit device did not take the line in time')), deadline);
      });
      try {
        await Promise.race([deliver(bytes), tooLate]);
        return bytes.length;
      } catch (thrown) {
        // What it did not read it would get in the middle of a line.
        drop();
        throw thrown;
      } finally {
        clearTimeout(late);
      }
    },
    async close() {
      closed = true;
      const socket = connection;
      if (socket === undefined) return drop();
      await new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
        socket.end(() => socket.destroy());
      });
    },
  };
}

function ignore(): void {}
