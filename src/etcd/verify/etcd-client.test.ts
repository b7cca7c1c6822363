// What a sick or wrong server does to the client of etcd: one failure at a time, from an HTTP/2 server of the test. The real etcd is in test/cluster.

import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type EtcdClient, openEtcd } from './etcd-client.ts';
import { isRevisionGone } from './member.ts';
import { message } from './wire/protobuf.ts';

const endings: (() => void)[] = [];

afterEach(() => {
  for (const end of endings.splice(0)) end();
});

const grpc = { ':status': 200, 'content-type': 'application/grpc' };
const header = message([[3, 7n]]);
const emptyPage = framed(message([[1, header]]));

function framed(bytes: Buffer, claimed = bytes.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(claimed, 1);
  return Buffer.concat([head, bytes]);
}

async function serve(answer: (stream: ServerHttp2Stream) => void): Promise<{ readonly url: string; readonly server: Http2Server }> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.resume();
    answer(stream as ServerHttp2Stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

function reply(stream: ServerHttp2Stream, body: Buffer, status = '0', words = ''): void {
  stream.respond(grpc, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': words }));
  stream.end(body);
}

function open(...endpoints: readonly string[]): EtcdClient {
  const client = openEtcd({ endpoints, patience: 0, quiet: 1_000 });
  endings.push(() => client.close());
  return client;
}

const page = { from: Buffer.from('a'), to: Buffer.from('b'), limit: 10 };

function read(client: EtcdClient, signal = AbortSignal.timeout(10_000)) {
  return client.range(page, signal);
}

test.each(['http://10.0.0.11:2379', 'http://etcd.example.com:2379', 'http://127.0.0.1.example.com:2379', 'http://[::2]:2379'])(
  '%s would send Secrets in clear over the network and is refused',
  (endpoint) => {
    expect(() => openEtcd({ endpoints: [endpoint] })).toThrow(/in clear over the network: use https/);
  },
);

test.each(['10.0.0.11:2379', 'https://a:2379/path', 'https://user:secret@a:2379', 'ftp://a', ''])('%j is no endpoint', (endpoint) => {
  expect(() => openEtcd({ endpoints: [endpoint] })).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('TLS without certificates is refused before anything is sent', () => {
  expect(() => openEtcd({ endpoints: ['https://10.0.0.11:2379'] })).toThrow(/name the files of its authority and of a client certificate/);
  expect(() => openEtcd({ endpoints: [] })).toThrow(/no endpoint/);
});

test('loopback may be plain, and an answer in single bytes is understood', async () => {
  const { url } = await serve((stream) => {
    stream.respond(grpc, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    void (async () => {
      for (const byte of emptyPage) {
        stream.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
      stream.end();
    })();
  });
  expect(await read(open(url))).toEqual({ revision: 7n, entries: [], more: false, count: 0n });
});

test('a compacted revision can be told from every other refusal', async () => {
  const { url } = await serve((stream) => reply(stream, Buffer.alloc(0), '11', 'etcdserver: mvcc: required revision has been compacted'));
  const refusal: unknown = await read(open(url)).catch((thrown: unknown) => thrown);
  expect(refusal).toMatchObject({ code: 'not-found' });
  expect(isRevisionGone(refusal)).toBe(true);
  const { url: other } = await serve((stream) => reply(stream, Buffer.alloc(0), '5', 'nothing here'));
  expect(isRevisionGone(await read(open(other)).catch((thrown: unknown) => thrown))).toBe(false);
});

test.each([
  ['7', 'permission-denied'],
  ['16', 'permission-denied'],
  ['15', 'corrupted'],
  ['12', 'unsupported-operation'],
  ['14', 'unavailable'],
  ['99', 'unavailable'],
])('gRPC status %s is Fault %s, with the words of the server and the endpoint', async (status, code) => {
  const { url } = await serve((stream) => reply(stream, Buffer.alloc(0), status, 'no%20leader'));
  await expect(read(open(url))).rejects.toMatchObject({ code, message: expect.stringMatching(/127\.0\.0\.1:\d+.*"no leader"/) as string });
});

test('a message that claims to be huge is not waited for', async () => {
  const { url } = await serve((stream) => {
    stream.respond(grpc);
    stream.write(framed(Buffer.alloc(10), 0xffff_ffff));
  });
  await expect(read(open(url))).rejects.toMatchObject({ code: 'too-large' });
});

test.each([
  ['ends in the middle of a message', (stream: ServerHttp2Stream) => reply(stream, framed(Buffer.alloc(3), 10)), 'unavailable'],
  ['answers with noise', (stream: ServerHttp2Stream) => reply(stream, framed(Buffer.from('ffff', 'hex'))), 'corrupted'],
  ['compresses unasked', (stream: ServerHttp2Stream) => reply(stream, Buffer.from('0100000000', 'hex')), 'corrupted'],
  ['answers OK and nothing', (stream: ServerHttp2Stream) => reply(stream, Buffer.alloc(0)), 'unavailable'],
  ['says no revision', (stream: ServerHttp2Stream) => reply(stream, framed(Buffer.alloc(0))), 'corrupted'],
  ['breaks off', (stream: ServerHttp2Stream) => stream.close(2), 'unavailable'],
  ['ends the connection', (stream: ServerHttp2Stream) => stream.session?.destroy(), 'unavailable'],
  ['says nothing', () => {}, 'timeout'],
  ['is a web server', (stream: ServerHttp2Stream) => stream.respond({ ':status': 404 }, { endStream: true }), 'unavailable'],
] as const)('a server that %s gives Fault', async (_, answer, code) => {
  const { url } = await serve(answer);
  await expect(read(open(url))).rejects.toMatchObject({ code });
});

test('a server that speaks no HTTP/2, and a port where nobody listens, are told by their address', async () => {
  const server = createTcpServer((socket) =>
    socket
      .resume()
      .end('HTTP/1.1 400 Bad Request\r\n\r\n')
      .on('error', () => {}),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(read(open(url))).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(url) as string });
  server.close();
  await once(server, 'close');
  await expect(read(open(url))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(`${url} cannot be reached (ECONNREFUSED)`) as string,
  });
});

test('the next member is asked when one is sick, and first from then on', async () => {
  let asked = 0;
  const { url: sick } = await serve((stream) => {
    asked += 1;
    reply(stream, Buffer.alloc(0), '14', 'no leader');
  });
  const { url: well } = await serve((stream) => reply(stream, emptyPage));
  const client = open(sick, well);
  expect((await read(client)).revision).toBe(7n);
  expect((await read(client)).revision).toBe(7n);
  expect(asked).toBe(1);
});

test('a call that was given up ends at once with the reason, and the connection serves the next one', async () => {
  let calls = 0;
  const asking = new AbortController();
  const { url } = await serve((stream) => {
    calls += 1;
    if (calls > 1) reply(stream, emptyPage);
    else asking.abort(new Error('enough'));
  });
  const client = open(url);
  const given = read(client, asking.signal);
  await expect(given).rejects.toThrow('enough');
  expect((await read(client)).revision).toBe(7n);
  await expect(read(client, AbortSignal.abort(new Error('not even begun')))).rejects.toThrow('not even begun');
});

test('a connection that was lost between two calls is made again', async () => {
  const { url, server } = await serve((stream) => reply(stream, emptyPage));
  const client = open(url);
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  await read(client);
  const [session] = sessions;
  session?.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await read(client)).revision).toBe(7n);
  expect(sessions).toHaveLength(2);
});

test('a connection is kept, also when it is older than the time that opening one may take', async () => {
  const { url, server } = await serve((stream) => reply(stream, emptyPage));
  const client = open(url);
  let connections = 0;
  server.on('session', () => {
    connections += 1;
  });
  await Promise.all([read(client), read(client)]);
  await new Promise((resolve) => setTimeout(resolve, 5_200));
  await read(client);
  expect(connections).toBe(1);
});

test('connections can be made elsewhere, as through a node', async () => {
  const { url } = await serve((stream) => reply(stream, emptyPage));
  const asked: string[] = [];
  const sockets: Socket[] = [];
  const client = openEtcd({
    endpoints: ['http://127.0.0.1:2379'],
    connect: async (host, port) => {
      asked.push(`${host}:${port}`);
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      sockets.push(socket);
      await once(socket, 'connect');
      return socket;
    },
  });
  expect((await read(client)).revision).toBe(7n);
  expect(asked).toEqual(['127.0.0.1:2379']);
  client.close();
  await once(sockets[0] as Socket, 'close');
  await expect(read(client)).rejects.toMatchObject({ code: 'invalid-request' });
});

test('a snapshot that ends before its end is not taken for whole', async () => {
  const { url } = await serve((stream) =>
    reply(
      stream,
      framed(
        message([
          [2, 500n],
          [3, Buffer.from('first')],
        ]),
      ),
    ),
  );
  const pieces: string[] = [];
  const reading = async (): Promise<void> => {
    for await (const piece of open(url).snapshot(AbortSignal.timeout(10_000))) pieces.push(piece.toString());
  };
  await expect(reading()).rejects.toThrow(/500 bytes before its end/);
  expect(pieces).toEqual(['first']);
});
