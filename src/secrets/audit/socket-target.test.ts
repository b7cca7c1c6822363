// A stream socket as a target: connected when there is something to write, and again when the other side has gone.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { socketTarget } from './socket-target.ts';

let server: Server | undefined;
let sockets: Socket[] = [];
let texts: string[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server?.close(resolve));
});

async function listening(): Promise<number> {
  sockets = [];
  texts = [];
  const made = createServer((socket) => {
    const at = sockets.push(socket) - 1;
    texts[at] = '';
    socket.on('data', (part: Buffer) => (texts[at] += part.toString()));
    socket.on('error', () => socket.destroy());
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return (made.address() as AddressInfo).port;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => void setTimeout(resolve, 2));
}

it('writes over one connection, and all of a batch again over a new one when the old one turns out to be gone', async () => {
  const port = await listening();
  const target = socketTarget({ network: 'tcp', host: '127.0.0.1', port, deadline: 1_000 });
  expect(sockets).toHaveLength(0);
  await target.write(Buffer.from('a\n'));
  await target.write(Buffer.from('b\n'));
  await until(() => texts[0] === 'a\nb\n');
  // Nobody has told the target yet: it finds out while it writes.
  sockets[0]?.resetAndDestroy();
  await target.write(Buffer.from('c\n'));
  await until(() => texts[1] === 'c\n');
  await target.close();
  await until(() => sockets[1]?.destroyed === true);
});

it('fails where nobody listens, and tries again with the next write', async () => {
  const port = await listening();
  await new Promise((resolve) => server?.close(resolve));
  const target = socketTarget({ network: 'tcp', host: '127.0.0.1', port, deadline: 1_000 });
  await expect(target.write(Buffer.from('a\n'))).rejects.toThrow('cannot be connected to');
  await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
  await target.write(Buffer.from('b\n'));
  await until(() => texts[0] === 'b\n');
  await target.close();
});

it('gives up a write that takes too long, and its connection with it, so that no line is continued later', async () => {
  const port = await listening();
  const target = socketTarget({ network: 'tcp', host: '127.0.0.1', port, deadline: 100 });
  await target.write(Buffer.from('a\n'));
  await until(() => sockets.length === 1);
  sockets[0]?.pause();
  await expect(target.write(Buffer.alloc(30_000_000, 'x'))).rejects.toThrow('did not take the line in time');
  await target.write(Buffer.from('b\n'));
  await until(() => texts[1] === 'b\n');
  await target.close();
  await expect(target.write(Buffer.from('c\n'))).rejects.toThrow('was closed');
});
