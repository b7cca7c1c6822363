// Audit devices beyond a network: lines arrive, and a collector that hangs, dies or comes back holds no request longer than its deadline.

import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeclaredDevice } from '../../src/secrets/audit/table.ts';
import { localhostCertificate, localhostKey } from '../foundation/localhost.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type AuditLine, linesFor } from './lines.ts';

let folder = '';
let ends: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-audit-network-'));
  ends = [() => rmSync(folder, { recursive: true, force: true })];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
});

const declared = (path: string, type: string, options: Readonly<Record<string, string>>): DeclaredDevice => ({
  path: `${path}/`,
  type,
  description: '',
  options,
});
const fileDevice = () => declared('file', 'file', { file_path: join(folder, 'file.log') });

async function serverWith(...auditDevices: readonly DeclaredDevice[]): Promise<TestServer> {
  const server = await startTestServer({ settings: { auditDevices } });
  ends.push(() => server.end());
  return server;
}

interface Collector {
  readonly address: string;
  readonly text: () => string;
  readonly connections: readonly Socket[];
  readonly server: Server;
  end(): Promise<void>;
}

/** Takes lines over TCP, or over a unix socket; one that is deaf accepts connections and never reads. */
async function collector({ at, deaf = false }: { readonly at?: string | number; readonly deaf?: boolean } = {}): Promise<Collector> {
  const connections: Socket[] = [];
  const parts: Buffer[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => socket.destroy());
    if (deaf) socket.pause();
    else socket.on('data', (part: Buffer) => parts.push(part));
  });
  await new Promise<void>((resolve) =>
    typeof at === 'string' ? server.listen(at, resolve) : server.listen(at ?? 0, '127.0.0.1', resolve),
  );
  const end = () =>
    new Promise<void>((resolve) => {
      for (const socket of connections) socket.destroy();
      server.close(() => resolve());
    });
  ends.push(end);
  const address = typeof at === 'string' ? at : `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, text: () => Buffer.concat(parts).toString(), connections, server, end };
}

interface Posts {
  readonly uri: string;
  readonly bodies: string[];
  readonly headers: IncomingMessage['headers'][];
}

/** Without an answer of its own it never answers. */
async function posts(answer?: (response: ServerResponse) => void, tls = false): Promise<Posts> {
  const bodies: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(Buffer.concat(parts).toString());
      headers.push(request.headers);
      answer?.(response);
    });
    request.on('error', () => response.destroy());
  };
  const server: HttpServer = tls ? createHttpsServer({ cert: localhostCertificate, key: localhostKey }, handle) : createHttpServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  return { uri: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/audit`, bodies, headers };
}

const answered = (status: number) => (response: ServerResponse) => response.writeHead(status).end();

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 3_000;
  while (!condition() && performance.now() < end) await sleep(5);
  expect(condition()).toBe(true);
}

async function timed(work: Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work;
  return performance.now() - started;
}

const parsed = (text: string): AuditLine[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditLine);
const pathsOf = (text: string) => parsed(text).map(({ type, request }) => `${type} ${request.path}`);
const both = (path: string) => [`request ${path}`, `response ${path}`];

describe('a socket', () => {
  it.each(['tcp', 'unix'] as const)('over %s gets each line, with its prefix and options', async (network) => {
    const { address, text } = await collector(network === 'unix' ? { at: join(folder, 'lines.sock') } : {});
    const server = await serverWith(declared('s', 'socket', { address, socket_type: network, hmac_accessor: 'false' }));
    await server.call('GET', 'sys/mounts');
    await until(() => text().includes('"response"'));
    expect(pathsOf(text())).toStrictEqual(both('sys/mounts'));
    expect(parsed(text())[0]?.auth.accessor).not.toContain('hmac');
    expect(text()).not.toContain(server.rootToken);
  });

  it('over UDP gets a datagram for each line, and fails a line that is longer than one', async () => {
    const lines: string[] = [];
    const socket: Datagrams = createSocket('udp4', (message) => void lines.push(message.toString()));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    ends.push(() => socket.close());
    const server = await serverWith(declared('s', 'socket', { address: `127.0.0.1:${socket.address().port}`, socket_type: 'udp' }));
    await Promise.all([server.call('GET', 'sys/mounts'), server.call('GET', 'sys/auth')]);
    await until(() => lines.length === 4);
    for (const line of lines) expect(parsed(line)).toHaveLength(1);
    const long = await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv', description: 'x', options: keys(2_000) } });
    expect(long.status).toBe(500);
    // The next one is another matter.
    expect((await server.call('GET', 'sys/mounts')).status).toBe(200);
  });

  it('that is not there fails every request, and answers again once it is there', async () => {
    const { server: gone, address, end } = await collector();
    expect(gone.listening).toBe(true);
    await end();
    const server = await serverWith(declared('s', 'socket', { address }));
    const refused = await server.call('GET', 'sys/mounts');
    expect([refused.status, refused.body.errors]).toStrictEqual([500, ['1 error occurred:\n\t* internal error\n\n']]);
    const { text } = await collector({ at: Number(address.split(':')[1]) });
    await server.server.reopenAudit();
    expect((await server.call('GET', 'sys/mounts')).status).toBe(200);
    await until(() => text().includes('sys/mounts'));
  });

  it('whose collector starts anew gets the next line over a new connection, without a failed request', async () => {
    const { address, end, connections } = await collector();
    const server = await serverWith(declared('s', 'socket', { address }));
    await server.call('GET', 'sys/mounts');
    expect(connections).toHaveLength(1);
    await end();
    const { text } = await collector({ at: Number(address.split(':')[1]) });
    expect((await server.call('GET', 'sys/auth')).status).toBe(200);
    await until(() => text().includes('"response"'));
    expect(pathsOf(text())).toStrictEqual(both('sys/auth'));
  });

  it('is connected anew on SIGHUP', async () => {
    const { address, connections } = await collector();
    const server = await serverWith(declared('s', 'socket', { address }));
    await server.call('GET', 'sys/mounts');
    await server.server.reopenAudit();
    await server.call('GET', 'sys/mounts');
    await until(() => connections.length === 2);
    await until(() => connections[0]?.destroyed === true);
  });

  it('that never reads holds requests for its deadline once, while a healthy device has every line, and no memory grows', async () => {
    const { address } = await collector({ deaf: true });
    // Raw lines are large ones, which fill the kernel's buffers soon.
    const device = declared('deaf', 'socket', { address, write_timeout: '1s', log_raw: 'true' });
    const server = await serverWith(device, fileDevice());
    const body = { input: 'A'.repeat(400_000) };
    let slow = 0;
    let longest = 0;
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 40; round++) {
      const times = await Promise.all(Array.from({ length: 3 }, () => timed(server.call('POST', 'sys/tools/hash', { body }))));
      slow += times.filter((time) => time > 950).length;
      longest = Math.max(longest, ...times);
    }
    expect(longest).toBeLessThan(3_000);
    // Those of the rounds in which the kernel's buffers were full; a new connection fills them once more.
    expect(slow).toBeGreaterThan(0);
    expect(slow).toBeLessThan(20);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60e6);
    expect(linesFor(join(folder, 'file.log'), 'sys/tools/hash')).toHaveLength(240);
    expect(server.logged().match(/an audit device does not take lines/g)?.length).toBeLessThan(6);
    const { text } = await server.call('GET', 'sys/metrics?format=prometheus');
    expect(Number(/vault_audit_device_failure\{device="deaf\/"\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(10);
    expect(text).toMatch(/vault_audit_device_log_count\{device="file\/"\} \d+/);
    expect(text).not.toContain('vault_audit_log_request_failure');
  });
});

describe('an http device', () => {
  it('posts each line by itself, with the headers that it was given', async () => {
    const { uri, bodies, headers } = await posts(answered(204));
    const server = await serverWith(declared('h', 'http', { uri, headers: '{"Authorization":["Bearer abc"],"X-Team":"blue"}' }));
    await server.call('GET', 'sys/mounts');
    expect(bodies.map((body) => pathsOf(body))).toStrictEqual(both('sys/mounts').map((line) => [line]));
    expect(headers[0]).toMatchObject({ authorization: 'Bearer abc', 'x-team': 'blue', 'content-type': 'application/json' });
    const { body } = await server.call('GET', 'sys/audit');
    expect(body.data['h/'].options.headers).toBe('{"Authorization":"…","X-Team":"…"}');
  });

  it('takes secrets from where the configuration says, and stores the place alone', async () => {
    const { uri, headers } = await posts(answered(200));
    const device = declared('h', 'http', { uri: 'env://AUDIT_URI', headers: '{"Authorization":"env://AUDIT_TOKEN"}' });
    const reveal = (text: string) => text.replace('env://AUDIT_URI', uri).replace('env://AUDIT_TOKEN', 'Splunk sesame');
    const server = await serverWith({ ...device, reveal });
    const { text } = await server.call('GET', 'sys/audit');
    expect(headers[0]).toMatchObject({ authorization: 'Splunk sesame' });
    expect(text).not.toContain('sesame');
    expect(server.logged()).not.toContain('sesame');
  });

  it('posts all lines that wait in one body, where it is told to', async () => {
    let hold: ServerResponse | undefined;
    const { uri, bodies, headers } = await posts((response) => {
      if (hold === undefined) hold = response;
      else response.end();
    });
    const server = await serverWith(declared('h', 'http', { uri, batch: 'true' }));
    const calls = [server.call('GET', 'sys/auth')];
    await until(() => hold !== undefined);
    calls.push(...Array.from({ length: 5 }, () => server.call('GET', 'sys/mounts')));
    await sleep(60);
    hold?.end();
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(headers[0]).toMatchObject({ 'content-type': 'application/x-ndjson' });
    expect(bodies.flatMap((body) => parsed(body))).toHaveLength(12);
    expect(bodies.length).toBeLessThan(8);
  });

  it('speaks TLS to a server of the named authority, and to no other', async () => {
    const { uri, bodies } = await posts(answered(200), true);
    writeFileSync(join(folder, 'ca.pem'), localhostCertificate);
    const server = await serverWith(declared('h', 'http', { uri, tls_ca_file: join(folder, 'ca.pem') }), fileDevice());
    await server.call('GET', 'sys/mounts');
    expect(bodies).toHaveLength(2);
    const stranger = await serverWith(declared('h', 'http', { uri }));
    expect((await stranger.call('GET', 'sys/mounts')).status).toBe(500);
    expect(bodies).toHaveLength(2);
  });

  it.each([301, 400, 413, 500])('that answers %i has not taken the line', async (status) => {
    const { uri, bodies } = await posts(answered(status));
    const server = await serverWith(declared('h', 'http', { uri }));
    expect((await server.call('GET', 'sys/mounts')).status).toBe(500);
    expect(bodies.length).toBeGreaterThan(0);
  });

  it('that never answers holds requests for its deadline once, and no request beside a healthy device after that', async () => {
    const { uri } = await posts();
    const server = await serverWith(declared('h', 'http', { uri, write_timeout: '200ms' }), fileDevice());
    const first = await timed(server.call('GET', 'sys/mounts'));
    expect(first).toBeGreaterThan(190);
    expect(first).toBeLessThan(1_000);
    const times = await Promise.all(Array.from({ length: 20 }, () => timed(server.call('GET', 'sys/auth'))));
    expect(Math.max(...times)).toBeLessThan(190);
    expect(linesFor(join(folder, 'file.log'), 'sys/auth')).toHaveLength(40);
  });

  it('alone that never answers lets nothing be done', async () => {
    const { uri } = await posts();
    const server = await serverWith(declared('h', 'http', { uri, write_timeout: '100ms' }));
    expect((await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } })).status).toBe(500);
    expect((await server.call('GET', 'sys/health')).status).toBe(200);
  });
});

function keys(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`option${at}`, 'v']));
}
