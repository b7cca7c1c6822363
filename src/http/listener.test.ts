// The listener on real sockets: limits, what is refused, and an orderly end.

import { Agent, request as httpRequest } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { getRequest, listening, refusalOf, timed, until } from '../../test/foundation/listening.ts';
import { openRaw } from '../../test/foundation/raw-http.ts';
import { silentLog } from '../base/log.ts';
import { createListener } from './listener.ts';

const { start, open, afterwards } = listening();

const refused = (status: number) => ({
  status,
  body: '{"errors":[]}\n',
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' },
});

describe('limits', () => {
  it('a header that is not there in time is answered with 408, and the connection is torn down', async () => {
    const server = await start({ limits: { headersTimeout: 100, requestTimeout: 5000 } });
    const client = await open({ port: server.port, allowHalfOpen: true });
    await client.send('GET /a HTTP/1.1\r\nHost: x\r\n');
    expect(await client.answer()).toMatchObject(refused(408));
    // The client keeps its half open; the server does not wait for it.
    expect(await timed(() => server.listener.drain(10_000))).toBeLessThan(2000);
  });

  it('a body that is not there in time is answered with 408', async () => {
    const server = await start({ limits: { headersTimeout: 100, requestTimeout: 200 } });
    const client = await open({ port: server.port });
    await client.send('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc');
    expect(await client.answer()).toMatchObject(refused(408));
    await client.closed();
  });

  it('a connection that says nothing at all is ended', async () => {
    const server = await start({ limits: { headersTimeout: 100, requestTimeout: 200 } });
    const client = await open({ port: server.port });
    expect(await client.closed()).toMatch(/^HTTP\/1.1 408 /);
  });

  it('an answer may take as long as it likes', async () => {
    const server = await start({ limits: { headersTimeout: 100, requestTimeout: 150 } });
    const client = await open({ port: server.port });
    await client.send(getRequest('/wait'));
    await sleep(400);
    server.release();
    expect(await client.answer()).toMatchObject({ status: 200 });
  });

  it('a connection that is not used is ended', async () => {
    const server = await start({ limits: { keepAliveTimeout: 50 } });
    for (const verb of ['GET', 'LIST']) {
      const client = await open({ port: server.port });
      await client.send(getRequest('/a').replace('GET', verb));
      expect((await client.answer()).status).toBe(200);
      // Node adds a second, so that a client that uses the last moment is not cut off.
      expect(await timed(() => client.closed())).toBeLessThan(3000);
    }
  });

  it('a LIST is answered however long it takes, though the connection was idle before', async () => {
    const server = await start({ limits: { keepAliveTimeout: 50 } });
    const client = await open({ port: server.port });
    await client.send(getRequest('/a'));
    await client.answer();
    await client.send(getRequest('/wait').replace('GET', 'LIST'));
    await sleep(1300);
    server.release();
    expect((await client.answer()).status).toBe(200);
  });

  it('headers of 64 KiB and more are refused with 431, those below are not', async () => {
    const server = await start();
    const client = await open({ port: server.port });
    await client.send(getRequest('/a', `X-Large: ${'a'.repeat(60_000)}`));
    expect(await client.answer()).toMatchObject({ status: 200 });
    await client.send(getRequest('/b', `X-Large: ${'a'.repeat(66_000)}`));
    expect(await client.answer()).toMatchObject(refused(431));
    await client.closed();
    expect(server.seen.map(({ url }) => url)).toStrictEqual(['/a']);
  });

  it('a header of megabytes is answered, though the client is still sending', async () => {
    const server = await start();
    const client = await open({ port: server.port });
    client.send(getRequest('/a', `X-Large: ${'a'.repeat(8_000_000)}`)).catch(() => undefined);
    expect(await client.answer()).toMatchObject(refused(431));
  });

  it('chunk extensions without end are refused with 413', async () => {
    const server = await start();
    const client = await open({ port: server.port });
    await client.send(`POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\n`);
    expect(await client.answer()).toMatchObject(refused(413));
  });
});

describe('what is refused', () => {
  it.each([
    ['a verb that is none', 'FETCH /a HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    ['a line that is no request', 'hello\r\n\r\n', 405],
    ['bytes of another protocol', '\x16\x03\x01\x02\x00\x01\x00', 405],
    ['a header that is none', 'GET /a HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n', 400],
    ['a version that is none', 'GET /a HTTP/9.9\r\nHost: x\r\n\r\n', 400],
    ['a length and chunks', 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['two lengths', 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc', 400],
  ])('%s, with a status and the end of the connection', async (_what, request, status) => {
    const server = await start();
    const client = await open({ port: server.port });
    await client.send(request);
    expect(await client.answer()).toMatchObject(refused(status));
    await client.closed();
    expect(server.seen).toStrictEqual([]);
  });

  it('is told once, however much more comes', async () => {
    const server = await start();
    const client = await open({ port: server.port, allowHalfOpen: true });
    await client.send('nonsense ', 'nonsense ', 'nonsense ', 'nonsense ');
    await client.answer();
    expect(await client.closed()).toBe('');
  });

  it('waits for the answers to the requests before it', async () => {
    const server = await start();
    const client = await open({ port: server.port });
    await client.send(`${getRequest('/wait')}${getRequest('/b')}nonsense\r\n\r\n`);
    await until(() => server.seen.length === 2);
    server.release();
    expect((await client.answer()).body).toContain('"/wait"');
    expect((await client.answer()).body).toContain('"/b"');
    expect(await client.answer()).toMatchObject(refused(405));
  });

  it('a body that breaks off is no request', async () => {
    const server = await start();
    for (const part of ['GET', 'GET /a HTTP/1.1\r\nHo', 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc']) {
      const client = await open({ port: server.port });
      await client.send(part);
      client.socket.end();
      expect(await client.closed()).not.toMatch(/^HTTP\/1.1 2/);
    }
    expect(await timed(() => server.listener.drain(10_000))).toBeLessThan(2000);
    expect(server.seen).toStrictEqual([]);
  });

  it('a broken body in the middle of an answer ends the connection without another one', async () => {
    const listener = createListener({
      handle: (_request, response) => response.writeHead(200, { 'content-length': 100 }).write('begun'),
      log: silentLog,
    });
    afterwards(() => listener.drain(0));
    const { port } = await listener.listen('127.0.0.1', 0);
    const client = await open({ port });
    await client.send('POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    await sleep(20);
    await client.send('broken\r\n');
    expect(await client.closed()).toMatch(/begun$/);
  });
});

describe('the end', () => {
  it('answers what is under way, tells clients to leave, and takes no new connection', async () => {
    const server = await start();
    for (const verb of ['GET', 'LIST']) {
      const client = await open({ port: server.port });
      await client.send(getRequest('/wait').replace('GET', verb));
    }
    await until(() => server.seen.length === 2);
    const drained = server.listener.drain(10_000);
    await expect(openRaw({ port: server.port })).rejects.toThrow('ECONNREFUSED');
    server.release();
    expect(await timed(() => drained)).toBeLessThan(1000);
  });

  it('does not wait for clients that keep their connections', async () => {
    const server = await start();
    const agent = new Agent({ keepAlive: true });
    afterwards(() => agent.destroy());
    const ask = (path: string) =>
      new Promise<string | undefined>((resolve, reject) => {
        httpRequest({ host: '127.0.0.1', port: server.port, path, agent }, (response) => {
          text(response).then(() => resolve(response.headers.connection), reject);
        })
          .on('error', reject)
          .end();
      });
    expect(await ask('/a')).toBe('keep-alive');
    const waiting = ask('/wait');
    await until(() => server.seen.length === 2);
    const drained = server.listener.drain(10_000);
    server.release();
    expect(await waiting).toBe('close');
    expect(await timed(() => drained)).toBeLessThan(1000);
  });

  it.each(['GET', 'LIST'])('closes connections on which nothing is under way: %s', async (verb) => {
    const server = await start();
    const client = await open({ port: server.port, allowHalfOpen: true });
    await client.send(getRequest('/a').replace('GET', verb));
    await client.answer();
    expect(await timed(() => server.listener.drain(10_000))).toBeLessThan(500);
    await client.closed();
  });

  it.each(['GET', 'LIST'])('lets a large answer through whole: %s', async (verb) => {
    const server = await start();
    const client = await open({ port: server.port });
    client.socket.pause();
    await client.send(getRequest('/large').replace('GET', verb));
    await until(() => server.seen.length > 0);
    await sleep(20);
    const drained = server.listener.drain(10_000);
    await sleep(50);
    client.socket.resume();
    expect((await client.answer()).body).toHaveLength(4_000_000);
    expect(await timed(() => drained)).toBeLessThan(1000);
  });

  it('answers pipelined requests that came in before it', async () => {
    const server = await start();
    const client = await open({ port: server.port });
    await client.send(getRequest('/wait') + getRequest('/b'));
    await until(() => server.seen.length === 2);
    const drained = server.listener.drain(10_000);
    server.release();
    expect((await client.answer()).body).toContain('"/wait"');
    expect(await timed(() => drained)).toBeLessThan(1500);
  });

  it('ends what is left after the grace', async () => {
    const server = await start();
    const client = await open({ port: server.port });
    await client.send(getRequest('/wait'));
    const silent = await open({ port: server.port });
    await silent.send('GET /half HTTP/1.1\r\n');
    await until(() => server.seen.length === 1);
    const took = await timed(() => server.listener.drain(150));
    expect(took).toBeGreaterThan(140);
    expect(took).toBeLessThan(1500);
    expect(await client.closed()).toBe('');
    await until(() => server.lost() === 1);
  });

  it('ends connections in the middle of a TLS handshake too', async () => {
    const server = await start({ tls: true });
    const socket = connect(server.port, '127.0.0.1');
    afterwards(() => socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
    await sleep(20);
    expect(await timed(() => server.listener.drain(100))).toBeLessThan(1500);
  });

  it('may be asked for twice, and of a listener that never listened', async () => {
    const server = await start();
    await Promise.all([server.listener.drain(1000), server.listener.drain(1000)]);
    await createListener({ handle: () => {}, log: silentLog }).drain(1000);
  });
});

describe('an address', () => {
  it('that is taken is told in one sentence', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    afterwards(() => other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const listener = createListener({ handle: () => {}, log: silentLog });
    expect(await refusalOf(() => listener.listen('127.0.0.1', port))).toMatchObject({
      code: 'usage',
      message: `127.0.0.1:${port} is in use by another process; end it or choose another address`,
    });
  });

  it('that this machine does not have is told in one sentence', async () => {
    const listener = createListener({ handle: () => {}, log: silentLog });
    expect(await refusalOf(() => listener.listen('192.0.2.1', 0))).toMatchObject({
      code: 'usage',
      message: 'cannot listen on 192.0.2.1:0 (EADDRNOTAVAIL)',
    });
  });

  it('of IPv6 is written with brackets', async () => {
    const listener = createListener({ handle: () => {}, log: silentLog });
    expect((await refusalOf(() => listener.listen('2001:db8::1', 8200))).message).toMatch(/^cannot listen on \[2001:db8::1\]:8200 \(E/);
  });

  it('with port 0 gives a free port', async () => {
    const server = await start();
    expect(server.port).toBeGreaterThan(0);
  });
});
