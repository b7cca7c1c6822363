// A door in front of a test server: what asks through it finds nobody while it is shut, at the same address.

import { connect, createServer, type Socket } from 'node:net';

export interface Gate {
  readonly port: number;
  /** Connections that are open end. */
  shut(): void;
  open(): void;
  end(): Promise<void>;
}

export async function openGate(host: string, port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A connection that is cut is what the test is about.
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const server = createServer((from) => {
    if (!isOpen) {
      from.destroy();
      return;
    }
    const to = keep(connect(port, host));
    keep(from).pipe(to).pipe(from);
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    shut() {
      isOpen = false;
      cut();
    },
    open() {
      isOpen = true;
    },
    end() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
