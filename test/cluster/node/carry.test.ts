// Connections that are carried from one socket to another: what goes in at one end comes out at the other, and ends as it ended.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { carryConnections } from './carry.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listening(serve?: (socket: Socket) => void): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: serve !== undefined }, serve).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** All that comes until the other side says that it ends; unlike a stream's own iterator it leaves the way back open. */
async function heard(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  await once(socket, 'end');
  return Buffer.concat(parts);
}

async function text(socket: Socket): Promise<string> {
  return (await heard(socket)).toString();
}

/** A port that leads to `serve`. */
async function carriedTo(serve: (socket: Socket) => void): Promise<number> {
  const far = await listening(serve);
  const near = await listening();
  carryConnections(near.server, { host: '127.0.0.1', port: far.port });
  return near.port;
}

it('an answer arrives that is only given once the question has ended', async () => {
  const port = await carriedTo(async (socket) => socket.end((await text(socket)).toUpperCase()));
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end('are you there?');
  expect(await text(socket)).toBe('ARE YOU THERE?');
});

it('a question can go on after the other side has said its last word', async () => {
  let asked: Promise<string> | undefined;
  const port = await carriedTo((socket) => {
    socket.end('enough');
    asked = text(socket);
  });
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  expect(await text(socket)).toBe('enough');
  socket.end('one thing more');
  expect(await asked).toBe('one thing more');
});

it('several megabytes arrive whole in both directions, more than any buffer on the way holds', async () => {
  const sent = Buffer.alloc(8 << 20, 'casemate ');
  const port = await carriedTo((socket) => socket.pipe(socket));
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(sent);
  expect((await heard(socket)).equals(sent)).toBe(true);
});

it('a connection that the other side breaks is broken here, not ended', async () => {
  const port = await carriedTo((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.resetAndDestroy());
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('break');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

it('a connection to where nobody listens is broken, and the next one finds its way again', async () => {
  const gone = await listening();
  gone.server.close();
  await once(gone.server, 'close');
  const near = await listening();
  carryConnections(near.server, { host: '127.0.0.1', port: gone.port });
  const refused = connect(near.port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  const back = createServer((socket) => socket.end('back')).listen(gone.port, '127.0.0.1');
  open.push(back);
  await once(back, 'listening');
  expect(await text(connect(near.port, '127.0.0.1'))).toBe('back');
});
