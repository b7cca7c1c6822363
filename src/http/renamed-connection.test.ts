// LIST arrives as the spare verb however it is cut into packets; nothing else is renamed, and the spare verb itself is refused.

import { Agent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EchoServer, startEcho } from '../../test/foundation/echo-server.ts';
import { localhostCertificate } from '../../test/foundation/localhost.ts';
import { openRaw, type RawAnswer, type RawClient } from '../../test/foundation/raw-http.ts';
import { sentVerb, spareVerb } from './list-verb.ts';

const head = (verb: string, path: string, ...headers: string[]) =>
  `${verb} ${path} HTTP/1.1\r\n${['Host: x', ...headers].map((line) => `${line}\r\n`).join('')}\r\n`;
const withBody = (verb: string, path: string, body: string) => head(verb, path, `Content-Length: ${body.length}`) + body;
const chunked = (verb: string, path: string, ...chunks: string[]) =>
  `${head(verb, path, 'Transfer-Encoding: chunked')}${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;

/** As the echo server tells it: `LIST /a`, with the body in brackets where there is one. */
function told({ status, body }: RawAnswer): string {
  if (status !== 200) return String(status);
  const seen = JSON.parse(body) as { method: string; url: string; body: string };
  return `${sentVerb(seen.method) ?? seen.method} ${seen.url}${seen.body === '' ? '' : ` [${seen.body}]`}`;
}

describe.each([
  ['plain HTTP', false],
  ['TLS', true],
])('over %s', (_name, tls) => {
  let server: EchoServer;
  let clients: RawClient[];
  const start = async (limits = {}): Promise<void> => {
    server = await startEcho({ tls, limits });
  };
  beforeEach(async () => {
    await start();
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.end();
    await server.listener.drain(200);
  });
  const open = async (options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> => {
    const client = await openRaw({ port: server.port, tls, ...options });
    clients.push(client);
    return client;
  };
  const answers = async (client: RawClient, count: number): Promise<string[]> => {
    const all: string[] = [];
    while (all.length < count) all.push(told(await client.answer()));
    return all;
  };

  it('LIST, SCAN and HELP take turns on one connection', async () => {
    const client = await open();
    for (const verb of ['SCAN', 'GET', 'HELP', 'LIST', 'SCAN', 'HELP']) await client.send(head(verb, '/a'));
    expect(await answers(client, 6)).toStrictEqual(['SCAN /a', 'GET /a', 'HELP /a', 'LIST /a', 'SCAN /a', 'HELP /a']);
  });

  it.each(['COPY', 'BIND'])('the spare verb %s itself is refused', async (verb) => {
    for (const before of [[], [head('SCAN', '/a')]]) {
      const client = await open();
      for (const request of before) {
        await client.send(request);
        await client.answer();
      }
      await client.send(head(verb, '/secret'));
      expect(await client.answer()).toMatchObject({ status: 405, body: '{"errors":[]}\n' });
      await client.closed();
    }
    expect(server.seen.some(({ url }) => url === '/secret')).toBe(false);
  });

  it('LIST is answered, with its path, query and client', async () => {
    const client = await open();
    await client.send(head('LIST', '/v1/secret/metadata/?after=b'));
    expect(told(await client.answer())).toBe('LIST /v1/secret/metadata/?after=b');
    expect(server.seen).toMatchObject([{ method: spareVerb, remote: '127.0.0.1' }]);
  });

  it.each(['LIST', 'SCAN', 'HELP'])('%s may be cut in two anywhere', async (verb) => {
    const whole = head(verb, '/v1/a');
    const cuts = Array.from({ length: whole.length - 1 }, (_, index) => index + 1);
    for (const at of cuts) {
      const client = await open();
      await client.send(whole.slice(0, at), whole.slice(at));
      expect(told(await client.answer()), `cut at ${at}`).toBe(`${verb} /v1/a`);
      client.end();
    }
  });

  it('LIST may come byte by byte, the first and the third time', async () => {
    const client = await open();
    for (const path of ['/v1/a', '/v1/b', '/v1/c']) {
      await client.send(...head('LIST', path));
      expect(told(await client.answer())).toBe(`LIST ${path}`);
    }
  });

  it('many requests may come in one packet, each with its own body', async () => {
    const client = await open();
    await client.send(
      head('LIST', '/a') + head('GET', '/b') + withBody('LIST', '/c', 'LIST /x') + withBody('POST', '/d', '{"e":1}') + head('LIST', '/f'),
    );
    expect(await answers(client, 5)).toStrictEqual(['LIST /a', 'GET /b', 'LIST /c [LIST /x]', 'POST /d [{"e":1}]', 'LIST /f']);
  });

  it('the same requests may come byte by byte', async () => {
    const client = await open();
    const all =
      head('LIST', '/a') + withBody('POST', '/b', 'LIST /x HTTP/1.1\r\n\r\n') + chunked('PUT', '/c', 'LIST /y', 'z') + head('LIST', '/d');
    await client.send(...all);
    expect(await answers(client, 4)).toStrictEqual(['LIST /a', 'POST /b [LIST /x HTTP/1.1\r\n\r\n]', 'PUT /c [LIST /yz]', 'LIST /d']);
  });

  it('a request before the first LIST in the same packet is answered first, and once', async () => {
    const client = await open();
    await client.send(withBody('POST', '/a', 'one') + head('LIST', '/b') + head('GET', '/c'));
    expect(await answers(client, 3)).toStrictEqual(['POST /a [one]', 'LIST /b', 'GET /c']);
    expect(server.seen.map(({ url }) => url)).toStrictEqual(['/a', '/b', '/c']);
  });

  it('a LIST that comes while another request is under way waits for its answer', async () => {
    const client = await open();
    await client.send(head('GET', '/wait'), head('LIST', '/b'));
    await sleep(30);
    expect(server.seen.map(({ url }) => url)).toStrictEqual(['/wait']);
    server.release();
    expect(await answers(client, 2)).toStrictEqual(['GET /wait', 'LIST /b']);
  });

  it.each([
    ['a body of its own packet', withBody('POST', '/b', 'LIST /v1/x HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a body in chunks', chunked('POST', '/b', 'LIST /v1/x HTTP/1.1\r\nHost: x\r\n\r\n', 'LIST ')],
  ])('a body that looks like a LIST stays what it was: %s', async (_what, request) => {
    const body = request.includes('chunked') ? 'LIST /v1/x HTTP/1.1\r\nHost: x\r\n\r\nLIST ' : 'LIST /v1/x HTTP/1.1\r\nHost: x\r\n\r\n';
    const client = await open();
    await client.send(head('LIST', '/a'));
    expect(await answers(client, 1)).toStrictEqual(['LIST /a']);
    const cut = request.indexOf('\r\n\r\n') + 4;
    await client.send(request.slice(0, cut), request.slice(cut));
    expect(await answers(client, 1)).toStrictEqual([`POST /b [${body}]`]);
    await client.send(request + request);
    expect(await answers(client, 2)).toStrictEqual([`POST /b [${body}]`, `POST /b [${body}]`]);
    await client.send(head('LIST', '/c'));
    expect(await answers(client, 1)).toStrictEqual(['LIST /c']);
  });

  it('chunks may have extensions and trailers', async () => {
    const client = await open();
    const request = `${head('POST', '/b', 'Transfer-Encoding: chunked')}5;a="b\\"c"\r\nLIST \r\n0A\r\n0123456789\r\n0;x\r\nTrailer: LIST /no HTTP/1.1\r\nOther: y\r\n\r\n`;
    await client.send(head('LIST', '/a') + request + head('LIST', '/c'));
    expect(await answers(client, 3)).toStrictEqual(['LIST /a', 'POST /b [LIST 0123456789]', 'LIST /c']);
    await client.send(...(request + head('LIST', '/d')));
    expect(await answers(client, 2)).toStrictEqual(['POST /b [LIST 0123456789]', 'LIST /d']);
  });

  it.each([
    ['on a fresh connection', []],
    ['after a GET', [head('GET', '/a')]],
    ['after a LIST', [head('LIST', '/a')]],
    ['after a body in chunks', [head('LIST', '/a'), chunked('POST', '/b', 'c')]],
    ['after a body in chunks with a trailer', [head('LIST', '/a'), chunked('POST', '/b', 'c').replace(/0\r\n\r\n$/, '0\r\nX: y\r\n\r\n')]],
  ])('the spare verb itself is refused: %s', async (_when, before) => {
    for (const pieces of [[head(spareVerb, '/secret')], [...head(spareVerb, '/secret')]]) {
      const client = await open();
      for (const request of before) {
        await client.send(request);
        expect((await client.answer()).status).toBe(200);
      }
      await client.send(...pieces).catch(() => undefined);
      expect(await client.answer()).toMatchObject({ status: 405, body: '{"errors":[]}\n' });
      await client.closed();
      expect(server.seen.some(({ url }) => url === '/secret')).toBe(false);
    }
  });

  it('the spare verb is refused in the packet of a LIST, which is still answered', async () => {
    const client = await open();
    await client.send(head('LIST', '/a') + head(spareVerb, '/secret'));
    expect(await answers(client, 2)).toStrictEqual(['LIST /a', '405']);
    expect(server.seen.map(({ url }) => url)).toStrictEqual(['/a']);
  });

  it.each(['list', 'List', 'LISTS', 'LIS', 'LISTEN', 'SCANS', 'scan', 'HELPER', 'MOST', 'XLIST'])(
    'the verb %s is refused',
    async (verb) => {
      for (const before of [[], [head('LIST', '/a')]]) {
        const client = await open();
        for (const request of before) {
          await client.send(request);
          await client.answer();
        }
        await client.send(head(verb, '/secret'));
        expect(await client.answer()).toMatchObject({ status: 405, body: '{"errors":[]}\n' });
        await client.closed();
      }
      expect(server.seen.some(({ url }) => url === '/secret')).toBe(false);
    },
  );

  it('reads and lists alternate on one connection of a keep-alive client', async () => {
    const agent = tls
      ? new TlsAgent({ keepAlive: true, maxSockets: 1, ca: localhostCertificate })
      : new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const ask = (method: string, path: string, body?: string) =>
      new Promise<string>((resolve, reject) => {
        const request = (tls ? tlsRequest : plainRequest)({ host: '127.0.0.1', port: server.port, method, path, agent }, (response) => {
          ports.add(response.socket.localPort);
          text(response).then((answer) => resolve(told({ status: response.statusCode ?? 0, headers: {}, body: answer })), reject);
        });
        request.on('error', reject).end(body);
      });
    for (let round = 0; round < 10; round++) {
      expect(await ask('GET', `/g${round}`)).toBe(`GET /g${round}`);
      expect(await ask('LIST', `/l${round}`)).toBe(`LIST /l${round}`);
      expect(await ask('POST', `/p${round}`, 'LIST /x')).toBe(`POST /p${round} [LIST /x]`);
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });

  it('too large a header is refused, with the first LIST and with later ones', async () => {
    const large = `X-Large: ${'a'.repeat(70_000)}`;
    const one = await open();
    await one.send(head('LIST', '/a', large));
    expect(await one.answer()).toMatchObject({ status: 431 });
    const two = await open();
    await two.send(head('LIST', '/a'));
    await two.answer();
    await two.send(head('LIST', '/b', large));
    expect(await two.answer()).toMatchObject({ status: 431 });
  });

  it('large bodies pass both ways', async () => {
    const client = await open();
    await client.send(head('LIST', '/a'));
    await client.answer();
    const body = 'LIST '.repeat(400_000);
    await client.send(withBody('POST', '/up', body));
    expect(told(await client.answer())).toBe(`POST /up [${body}]`);
    await client.send(head('LIST', '/large'));
    client.socket.pause();
    await sleep(100);
    client.socket.resume();
    expect((await client.answer()).body).toHaveLength(4_000_000);
    await client.send(head('LIST', '/b'));
    expect(told(await client.answer())).toBe('LIST /b');
  });

  it('a client may ask before it sends the body of a LIST', async () => {
    const client = await open();
    await client.send(head('LIST', '/a', 'Content-Length: 5', 'Expect: 100-continue'), 'LIST ');
    expect(told(await client.answer())).toBe('LIST /a [LIST ]');
  });

  it('an old client gets its answer and the end of the connection', async () => {
    const client = await open();
    await client.send('LIST /a HTTP/1.0\r\n\r\n');
    expect(told(await client.answer())).toBe('LIST /a');
    expect(await client.closed()).toBe('');
  });

  it('empty lines between requests are skipped, as the parser skips them', async () => {
    const client = await open();
    await client.send(`${head('LIST', '/a')}\r\n\r\n${withBody('POST', '/b', 'LIST ')}\r\n${head('LIST', '/c')}`);
    expect(await answers(client, 3)).toStrictEqual(['LIST /a', 'POST /b [LIST ]', 'LIST /c']);
  });

  it('a handler hears that the client of a LIST has gone', async () => {
    const client = await open();
    await client.send(head('LIST', '/wait'));
    while (server.seen.length === 0) await sleep(5);
    client.end();
    while (server.lost() === 0) await sleep(5);
    expect(server.lost()).toBe(1);
    server.release();
  });

  it('a handler hears that the server will wait no longer', async () => {
    const client = await open();
    await client.send(head('LIST', '/wait'));
    while (server.seen.length === 0) await sleep(5);
    await server.listener.drain(50);
    while (server.lost() === 0) await sleep(5);
    await client.closed();
  });

  it.each(['GET', 'LIST'])('after the last answer the server does not wait for the client to leave: %s', async (verb) => {
    const client = await open({ allowHalfOpen: true });
    await client.send(head(verb, '/a', 'Connection: close'));
    expect(told(await client.answer())).toBe(`${verb} /a`);
    expect(await client.closed()).toBe('');
    const started = performance.now();
    await server.listener.drain(10_000);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('a LIST that waits for an earlier answer is answered before the end', async () => {
    const client = await open();
    await client.send(head('GET', '/wait'), head('LIST', '/b'));
    await sleep(30);
    const started = performance.now();
    const drained = server.listener.drain(10_000);
    server.release();
    expect(await answers(client, 2)).toStrictEqual(['GET /wait', 'LIST /b']);
    await drained;
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('half a LIST and then nothing leaves nothing behind', async () => {
    for (const part of ['L', 'LI', 'LIS', 'LIST', 'LIST ', 'LIST /a HTTP/1.1\r\nHo', head('LIST', '/a', 'Content-Length: 9')]) {
      const client = await open();
      await client.send(part);
      client.socket.end();
      await client.closed();
    }
    const started = performance.now();
    await server.listener.drain(5000);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(server.seen).toStrictEqual([]);
  });

  it.each([
    ['two lengths', head('POST', '/b', 'Content-Length: 3', 'Content-Length: 4')],
    ['a length and chunks', head('POST', '/b', 'Content-Length: 3', 'Transfer-Encoding: chunked')],
    ['a length that is none', head('POST', '/b', 'Content-Length: x')],
    ['an encoding without chunks', head('POST', '/b', 'Transfer-Encoding: gzip')],
    ['a chunk without a size', `${head('POST', '/b', 'Transfer-Encoding: chunked')}x\r\n`],
    ['a header that is none', 'POST /b HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n'],
    ['a line end without a return', 'POST /b HTTP/1.1\nHost: x\n\n'],
  ])('a request that cannot be followed ends the connection, and what comes after it is not read: %s', async (_what, request) => {
    const client = await open();
    await client.send(head('LIST', '/a'));
    await client.answer();
    await client.send(`${request}${head('LIST', '/secret')}${head(spareVerb, '/secret')}`);
    expect((await client.answer()).status).toBe(400);
    await client.closed();
    expect(server.seen.some(({ url }) => url === '/secret')).toBe(false);
  });

  describe('where a header must be there within 150 ms', () => {
    beforeEach(async () => {
      await server.listener.drain(0);
      await start({ headersTimeout: 150, requestTimeout: 300 });
    });

    it('a connection that lists lives on beyond the time a request may take', async () => {
      const client = await open();
      await client.send(head('LIST', '/a'));
      expect(told(await client.answer())).toBe('LIST /a');
      await sleep(500);
      await client.send(head('LIST', '/b'));
      expect(told(await client.answer())).toBe('LIST /b');
    });

    it('a LIST that waits for an earlier answer may wait longer than its request may take', async () => {
      const client = await open();
      await client.send(head('GET', '/wait'), head('LIST', '/b'));
      await sleep(500);
      server.release();
      expect(await answers(client, 2)).toStrictEqual(['GET /wait', 'LIST /b']);
    });

    it('an answer to a LIST may take longer than its request may', async () => {
      const client = await open();
      await client.send(head('LIST', '/wait'));
      await sleep(500);
      server.release();
      expect(told(await client.answer())).toBe('LIST /wait');
    });

    it.each([
      ['the first request', []],
      ['a later request', [head('LIST', '/a')]],
    ])('the header of %s may not come too slowly', async (_which, before) => {
      const client = await open();
      for (const request of before) {
        await client.send(request);
        await client.answer();
      }
      await client.send('LIST /slow HTTP/1.1\r\nHost: x\r\n');
      const dribble = setInterval(() => client.socket.writable && client.socket.write('X: y\r\n'), 20);
      expect(await client.answer().finally(() => clearInterval(dribble))).toMatchObject({ status: 408 });
      await client.closed();
    });
  });
});
