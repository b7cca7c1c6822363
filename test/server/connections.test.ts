// Connections as clients really use them: kept open, pipelined, in small pieces, and while the server comes to its end.

import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startTestServer } from '../suites/server.ts';
import { openRaw, statusesIn } from './raw-connection.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

function head(method: string, path: string, more = ''): string {
  return `${method} /v1/${path} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${shared.server.rootToken}\r\n${more}\r\n`;
}

async function filled(): Promise<string> {
  const kv = await mount('kv');
  await call('POST', `${kv}/a`, { body: { x: '1' } });
  return kv;
}

const answers = (count: number) => (received: string) => statusesIn(received).length >= count && received.endsWith('}\n');

describe('the verb LIST', () => {
  test('may come first, between other requests, and many times on one connection', async () => {
    const kv = await filled();
    const raw = await openRaw(shared.server);
    const verbs = ['LIST', 'GET', 'LIST', 'LIST', 'GET', 'LIST'];
    for (const [sent, verb] of verbs.entries()) {
      raw.send(head(verb, verb === 'GET' ? `${kv}/a` : kv));
      await raw.until(answers(sent + 1));
    }
    const received = await raw.until(answers(verbs.length));
    raw.end();
    expect(statusesIn(received)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(received.match(/"keys":\["a"\]/g)).toHaveLength(4);
  });

  test('may come after other requests', async () => {
    const kv = await filled();
    const raw = await openRaw(shared.server);
    raw.send(head('GET', `${kv}/a`));
    await raw.until(answers(1));
    raw.send(head('LIST', kv));
    const received = await raw.until(answers(2));
    raw.end();
    expect(statusesIn(received)).toEqual([200, 200]);
    expect(received).toContain('"keys":["a"]');
  });

  test('may come in pieces of any size', async () => {
    const kv = await filled();
    for (const size of [1, 2, 3, 4, 5, 7]) {
      const raw = await openRaw(shared.server);
      const bytes = head('LIST', kv);
      for (let at = 0; at < bytes.length; at += size) {
        raw.send(bytes.slice(at, at + size));
        if (at < 12) await sleep(1);
      }
      const received = await raw.until(answers(1));
      raw.end();
      expect(statusesIn(received), `pieces of ${size}`).toEqual([200]);
    }
  });

  test('may be pipelined, and the answers come in the order of the requests', async () => {
    const kv = await filled();
    for (const verbs of [
      ['LIST', 'LIST', 'GET'],
      ['GET', 'LIST', 'GET'],
    ]) {
      const raw = await openRaw(shared.server);
      raw.send(verbs.map((verb) => head(verb, verb === 'GET' ? `${kv}/a` : kv)).join(''));
      const received = await raw.until(answers(3));
      raw.end();
      expect(statusesIn(received), verbs.join(' ')).toEqual([200, 200, 200]);
      expect(
        [...received.matchAll(/"data":(\{[^}]*\})/g)].map((found) => found[1]),
        verbs.join(' '),
      ).toEqual(verbs.map((verb) => (verb === 'GET' ? '{"x":"1"}' : '{"keys":["a"]}')));
    }
  });

  test('is nothing but text within a body', async () => {
    const kv = await filled();
    const raw = await openRaw(shared.server);
    raw.send(head('LIST', kv));
    await raw.until(answers(1));
    const body = '{"x":"\\r\\n\\r\\nLIST /v1/ HTTP/1.1"}';
    raw.send(head('POST', `${kv}/b`, `Content-Length: ${body.length}\r\n`) + body);
    await raw.until((received) => statusesIn(received).length === 2);
    raw.end();
    expect((await call('GET', `${kv}/b`)).body.data).toEqual({ x: '\r\n\r\nLIST /v1/ HTTP/1.1' });
  });
});

describe('a connection', () => {
  test('is kept open for the next request', async () => {
    const kv = await filled();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { host, port } = shared.server;
    const sockets = new Set<unknown>();
    for (let sent = 0; sent < 3; sent++)
      await new Promise<void>((resolve, reject) => {
        const headers = { 'X-Vault-Token': shared.server.rootToken };
        request({ host, port, path: `/v1/${kv}/a`, agent, headers }, (response) => {
          response.resume().on('end', resolve);
        })
          .on('socket', (socket) => sockets.add(socket))
          .on('error', reject)
          .end();
      });
    agent.destroy();
    expect(sockets.size).toBe(1);
  });

  test('that sends no HTTP is told so and ended', async () => {
    for (const [bytes, status] of [
      ['NONSENSE\r\n\r\n', 400],
      ['GET /v1/sys/health HTTP/1.1\r\nbad header\r\n\r\n', 400],
    ] as const) {
      const raw = await openRaw(shared.server);
      raw.send(bytes);
      const received = await raw.untilClosed();
      expect(statusesIn(received)[0], bytes).toBeGreaterThanOrEqual(status);
      expect(received).toContain('{"errors":[]}');
    }
  });

  test('that sends nonsense behind a request gets the answer to the request all the same', async () => {
    const kv = await filled();
    const raw = await openRaw(shared.server);
    raw.send(`${head('GET', `${kv}/a`)}nonsense\r\n\r\n`);
    const received = await raw.untilClosed();
    // The first answer on a connection belongs to its first request, or clients mistake one for the other.
    expect(statusesIn(received)[0]).toBe(200);
  });

  test('whose headers are larger than anybody needs is refused', async () => {
    const raw = await openRaw(shared.server);
    raw.send(head('GET', 'sys/health', `X-Long: ${'x'.repeat(70_000)}\r\n`));
    expect(statusesIn(await raw.untilClosed())).toEqual([431]);
  });
});

describe('a body without a declared length', () => {
  test('is read to its end', async () => {
    const kv = await mount('kv');
    const raw = await openRaw(shared.server);
    raw.send(`${head('POST', `${kv}/a`, 'Transfer-Encoding: chunked\r\n')}4\r\n{"x"\r\n5\r\n:"1"}\r\n0\r\n\r\n`);
    await raw.until((received) => statusesIn(received).length === 1);
    raw.end();
    expect((await call('GET', `${kv}/a`)).body.data).toEqual({ x: '1' });
  });

  test('is refused when it passes the limit, and the connection ends', async () => {
    const small = await startTestServer({ listenAt: { maxBodyBytes: 1_000 } });
    try {
      const raw = await openRaw(small);
      raw.send('POST /v1/cubbyhole/a HTTP/1.1\r\nHost: x\r\nX-Vault-Token: x\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let chunk = 0; chunk < 3; chunk++) raw.send(`1f4\r\n${'x'.repeat(500)}\r\n`);
      const received = await raw.untilClosed();
      expect(statusesIn(received)).toEqual([413]);
      expect(received).toContain('{"errors":["http: request body too large"]}');
    } finally {
      await small.end();
    }
  });
});

describe('when the server comes to its end', () => {
  test('requests under way are answered, idle connections end, and new ones are refused', async () => {
    const ending = await startTestServer();
    const request = (method: string, path: string, more = '') =>
      `${method} /v1/${path} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${ending.rootToken}\r\n${more}\r\n`;
    const [busy, idle] = await Promise.all([openRaw(ending), openRaw(ending)]);
    const body = '{"x":"1"}';
    idle.send(request('GET', 'sys/health'));
    await idle.until((received) => received.endsWith('}\n'));
    busy.send(request('POST', 'cubbyhole/a', `Content-Length: ${body.length}\r\n`) + body.slice(0, 4));
    await sleep(20);

    const asked = performance.now();
    const ended = ending.end();
    expect(statusesIn(await idle.untilClosed())).toEqual([200]);
    await expect(openRaw(ending)).rejects.toThrow('ECONNREFUSED');
    busy.send(body.slice(4));
    const received = await busy.untilClosed();
    expect(statusesIn(received)).toEqual([204]);
    expect(received.toLowerCase()).toContain('\r\nconnection: close\r\n');
    await ended;
    // Nobody is under way any more, so the grace for those who are must not be waited for.
    expect(performance.now() - asked).toBeLessThan(3_000);
  });
});
