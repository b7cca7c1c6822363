// One exchange over HTTP: requests that take too long, and pages of other origins.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { send, type TestAnswer } from '../../../test/suites/server.ts';
import { jsonLog, silentLog } from '../../base/log.ts';
import type { Cors } from '../../http/cors.ts';
import type { Reply, WireRequest } from '../core/exchange.ts';
import { createDeadlines } from './deadlines.ts';
import { type WireOptions, wireHandler } from './handler.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const done: Reply = { kind: 'bare', status: 200, data: { done: true } };

/** A server that answers as `respond` does. */
async function serving(respond: (wire: WireRequest) => Promise<Reply>, options: Partial<WireOptions> = {}) {
  const seen: WireRequest[] = [];
  const handle = wireHandler({
    respond(wire) {
      seen.push(wire);
      return respond(wire);
    },
    uuid: () => 'id',
    log: silentLog,
    ...options,
  });
  const listening = createServer(handle);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const call = (method: string, headers: Record<string, string> = {}): Promise<TestAnswer> =>
    send({ host: '127.0.0.1', port, method, path: '/v1/kv/a' }, { headers });
  return { seen, call };
}

describe('a request that takes longer than max_request_duration', () => {
  it('is answered with 504 on a connection that ends, and whoever works at it is told', async () => {
    let aborted: Promise<unknown> | undefined;
    const { call } = await serving(
      ({ signal }) => {
        aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        return new Promise(() => {});
      },
      { maxDuration: 100 },
    );
    const started = performance.now();
    const answer = await call('GET');
    expect(performance.now() - started).toBeGreaterThan(95);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect([answer.status, answer.body.errors]).toStrictEqual([504, ['the request took longer than this listener allows']]);
    expect(answer.headers['connection']).toBe('close');
    await aborted;
  });

  it('is answered once, also when its answer comes later', async () => {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const logged: string[] = [];
    const log = jsonLog({ level: 'debug', write: (line) => void logged.push(line), now: () => 0 });
    const { call } = await serving(() => promise, { maxDuration: 60, log });
    expect((await call('GET')).status).toBe(504);
    resolve(done);
    await new Promise((soon) => void setTimeout(soon, 20));
    expect(logged).toStrictEqual([]);
    const quick = await serving(() => Promise.resolve(done), { maxDuration: 60 });
    expect((await quick.call('GET')).status).toBe(200);
  });
});

describe('deadlines', () => {
  it('pass in order, and not for those that have ended', async () => {
    const late: number[] = [];
    let time = 0;
    const deadlines = createDeadlines(40, () => time);
    const first = deadlines.begin(() => late.push(1));
    deadlines.begin(() => late.push(2));
    deadlines.begin(() => late.push(3));
    deadlines.end(first);
    time = 39;
    await new Promise((resolve) => void setTimeout(resolve, 50));
    expect(late).toStrictEqual([]);
    time = 40;
    await expect.poll(() => late).toStrictEqual([2, 3]);
  });
});

describe('a page of another origin', () => {
  const setting: Cors = { allowedOrigins: ['https://ok.example'], allowedHeaders: ['X-Vault-Token', 'X-Own'], allowCredentials: false };
  const ok = { origin: 'https://ok.example' };

  it('is answered as anybody is while no origin is allowed, without a word that would let it read the answer', async () => {
    const { call } = await serving(() => Promise.resolve(done), { cors: () => undefined });
    const { status, headers } = await call('GET', ok);
    expect([status, headers['access-control-allow-origin']]).toStrictEqual([200, undefined]);
  });

  it('may read answers, refusals too, where its origin is allowed', async () => {
    let reply: Reply = { kind: 'errors', status: 403, errors: ['permission denied'] };
    const { call } = await serving(() => Promise.resolve(reply), { cors: () => Promise.resolve(setting) });
    const { status, headers } = await call('GET', ok);
    expect([status, headers['access-control-allow-origin'], headers.vary]).toStrictEqual([403, 'https://ok.example', 'Origin']);
    reply = done;
    const read = await call('GET', ok);
    expect([read.status, read.headers['access-control-allow-origin']]).toStrictEqual([200, 'https://ok.example']);
    expect(read.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it('is told before it asks what it may send', async () => {
    const { call, seen } = await serving(() => Promise.resolve(done), { cors: () => ({ ...setting, allowCredentials: true }) });
    const preflight = (method: string) => call('OPTIONS', { ...ok, 'access-control-request-method': method });
    const { status, headers, text } = await preflight('LIST');
    expect([status, text]).toStrictEqual([200, '']);
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://ok.example',
      'access-control-allow-methods': 'DELETE,GET,OPTIONS,PATCH,POST,PUT,LIST,SCAN',
      'access-control-allow-headers': 'X-Vault-Token,X-Own',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '300',
      vary: 'Origin',
    });
    expect((await preflight('TRACE')).status).toBe(405);
    expect(seen).toHaveLength(0);
  });

  it('is refused before anything is done where its origin is not allowed', async () => {
    const { call, seen } = await serving(() => Promise.resolve(done), { cors: () => setting });
    for (const origin of ['https://evil.example', 'https://ok.example.evil.example', 'http://ok.example', 'null']) {
      const { status, body, headers } = await call('GET', { origin });
      expect([status, body.errors, headers['access-control-allow-origin']], origin).toStrictEqual([403, ['origin not allowed'], undefined]);
    }
    expect(seen).toHaveLength(0);
    // Whoever is no browser says no origin.
    expect((await call('GET')).status).toBe(200);
  });

  it('is whichever it likes where all are allowed', async () => {
    const { call } = await serving(() => Promise.resolve(done), { cors: () => ({ ...setting, allowedOrigins: ['*'] }) });
    expect((await call('GET', { origin: 'https://any.example' })).headers['access-control-allow-origin']).toBe('https://any.example');
  });
});
