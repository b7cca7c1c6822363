// The API over TLS: versions, certificates of server and clients, and the verb LIST.

import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { localhostCertificate, localhostKey } from '../foundation/localhost.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../suites/server.ts';
import { sharedServer } from './shared-server.ts';

const tls = { certificate: localhostCertificate, key: localhostKey };
const shared = sharedServer({ listenAt: { tls } });
const { call, mount } = shared;

/** One request over a connection with these terms: the protocol that was agreed on, and the status line. */
function ask(server: TestServer, terms: ConnectionOptions = {}): Promise<{ readonly protocol: string | null; readonly answer: string }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: server.host, port: server.port, ca: localhostCertificate, ...terms });
    let answer = '';
    socket.on('secureConnect', () => socket.write('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString();
    });
    const protocol = () => socket.getProtocol();
    let agreed: string | null = null;
    socket.on('secureConnect', () => {
      agreed = protocol();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ protocol: agreed, answer: answer.split('\r\n', 1)[0] as string }));
  });
}

const only = (version: SecureVersion): ConnectionOptions => ({ minVersion: version, maxVersion: version });
const ok = 'HTTP/1.1 200 OK';

async function withServer(listenAt: TestServerOptions['listenAt'], story: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startTestServer({ listenAt: listenAt ?? {} });
  try {
    await story(server);
  } finally {
    await server.end();
  }
}

describe('the protocol', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    expect(await ask(shared.server, only(version))).toEqual({ protocol: version, answer: ok });
  });

  test.each(['TLSv1', 'TLSv1.1'] as const)('%s is not', async (version) => {
    // The client would not offer these either, unless it is told that it may.
    await expect(ask(shared.server, { ...only(version), ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow();
  });

  test('can be narrowed to 1.3, and to 1.2', async () => {
    await withServer({ tls: { ...tls, minVersion: 'TLSv1.3' } }, async (server) => {
      await expect(ask(server, only('TLSv1.2'))).rejects.toThrow();
      expect((await ask(server)).protocol).toBe('TLSv1.3');
    });
    await withServer({ tls: { ...tls, maxVersion: 'TLSv1.2' } }, async (server) => {
      await expect(ask(server, only('TLSv1.3'))).rejects.toThrow();
      expect((await ask(server)).protocol).toBe('TLSv1.2');
    });
  });
});

describe('requests', () => {
  test('are answered as they are without TLS, LIST among them', async () => {
    const kv = await mount('kv');
    expect(shared.server.address).toMatch(/^https:/);
    expect((await call('POST', `${kv}/a`, { body: { x: '1' } })).status).toBe(204);
    expect((await call('GET', `${kv}/a`)).body.data).toEqual({ x: '1' });
    expect((await call('LIST', kv)).body.data.keys).toEqual(['a']);
    expect((await call('GET', `${kv}/a`, { token: null })).status).toBe(403);
  });

  test('that are large go through in both directions', async () => {
    const kv = await mount('kv');
    const x = 'x'.repeat(2 ** 20);
    expect((await call('POST', `${kv}/a`, { body: { x } })).status).toBe(204);
    expect((await call('GET', `${kv}/a`)).body.data.x).toBe(x);
  });

  test('without TLS get no answer from the API', async () => {
    const { host, port } = shared.server;
    const received = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connectPlain({ host, port }, () => socket.write('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      socket.on('error', () => socket.destroy());
      socket.on('close', () => resolve(text));
    });
    expect(received).not.toContain('initialized');
    expect(received).not.toContain(' 200 ');
  });
});

describe('certificates', () => {
  test('of the server are refused by clients that do not know their authority, or that meant another host', async () => {
    await expect(ask(shared.server, { ca: [] })).rejects.toThrow(/self-signed|unable to verify/);
    await expect(ask(shared.server, { servername: 'vault.example' })).rejects.toThrow(/Hostname\/IP does not match/);
  });

  test('of clients are asked for where their authority is named, and then needed', async () => {
    await withServer({ tls: { ...tls, clientAuthorities: localhostCertificate } }, async (server) => {
      await expect(ask(server).then(({ answer }) => answer)).rejects.toThrow();
      expect((await ask(server, { cert: localhostCertificate, key: localhostKey })).answer).toBe(ok);
    });
  });
});
