// A TCP proxy of a test that cuts all connections at once, after so many bytes or when it is told to, and can swallow bytes in silence.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Ends all connections when so many more bytes have gone from the client to the server. */
  cutAfter(bytes: number): void;
  /** From now on nothing is carried any more, and nobody is told. */
  freeze(): void;
  /** Connections that were made. */
  connections(): number;
  close(): Promise<void>;
}

export async function cuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let frozen = false;
  let made = 0;
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
    left = Number.POSITIVE_INFINITY;
  };
  const carry = (from: Socket, to: Socket, counted: boolean) => {
    sockets.add(from);
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      if (!frozen) to.destroy();
    });
    from.on('data', (chunk: Buffer) => {
      if (frozen) return;
      if (counted) {
        const part = chunk.subarray(0, left);
        left -= part.length;
        to.write(part);
        if (left <= 0) cut();
      } else to.write(chunk);
    });
  };
  const server = createServer((client) => {
    made += 1;
    const upstream = connect(target, '127.0.0.1');
    carry(client, upstream, true);
    carry(upstream, client, false);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cutAfter: (bytes) => {
      left = bytes;
    },
    freeze: () => {
      frozen = true;
    },
    connections: () => made,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
