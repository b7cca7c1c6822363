// A bare TCP connection to a server: bytes as a test wrote them, answers as they came, with no HTTP client in between.

import { connect, type Socket } from 'node:net';

export interface RawConnection {
  send(bytes: string | Uint8Array): void;
  /** Resolves when what came satisfies `enough`, or when the other side has ended the connection. */
  until(enough: (received: string) => boolean): Promise<string>;
  /** Resolves to everything that came, when the other side has ended the connection. */
  untilClosed(): Promise<string>;
  end(): void;
}

export async function openRaw({ host, port }: { readonly host: string; readonly port: number }): Promise<RawConnection> {
  const socket: Socket = connect({ host, port });
  let received = '';
  let closed = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
    wake();
  });
  socket.on('close', () => {
    closed = true;
    wake();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', reject);
  });
  socket.removeAllListeners('error');
  // A reset is an end as well; what came before it is what counts.
  socket.on('error', () => socket.destroy());

  const until = (enough: (text: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!closed && !enough(received)) return;
        waiting.delete(look);
        resolve(received);
      };
      waiting.add(look);
      look();
    });
  return {
    send: (bytes) => void socket.write(bytes),
    until,
    untilClosed: () => until(() => false),
    end: () => socket.destroy(),
  };
}

/** The status of each answer in what came, in order. */
export function statusesIn(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((found) => Number(found[1]));
}
