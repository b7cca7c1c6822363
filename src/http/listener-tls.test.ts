// The listener over TLS: versions, certificates of both sides, and handshakes that come to nothing.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { getRequest, listening, refusalOf, timed } from '../../test/foundation/listening.ts';
import { localhostCertificate, localhostKey } from '../../test/foundation/localhost.ts';
import { openRaw } from '../../test/foundation/raw-http.ts';
import { jsonLog, silentLog } from '../base/log.ts';
import { createListener } from './listener.ts';

const { start, open, afterwards } = listening();

describe('TLS', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    const server = await start({ tls: true });
    const client = await open({ port: server.port, tls: { minVersion: version, maxVersion: version } });
    await client.send(getRequest('/a'));
    expect((await client.answer()).status).toBe(200);
  });

  it.each([
    ['TLSv1.1', {}],
    ['TLSv1', {}],
    ['TLSv1.2', { minVersion: 'TLSv1.3' }],
    ['TLSv1.3', { maxVersion: 'TLSv1.2' }],
  ] as const)('%s is refused where the oldest and newest are %j', async (version, settings) => {
    const server = await start({ tls: settings });
    // Old versions need their old ciphers, which the client's own defaults leave out.
    const ask = openRaw({ port: server.port, tls: { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' } });
    await expect(ask).rejects.toThrow(/protocol|version|alert/i);
  });

  it('names its certificate, which the client can check', async () => {
    const server = await start({ tls: true });
    await expect(openRaw({ port: server.port, tls: { ca: [] } })).rejects.toThrow(/self-signed/);
  });

  it('asks for a client certificate where authorities are given, and takes none but theirs', async () => {
    const server = await start({ tls: { clientAuthorities: localhostCertificate } });
    const known = await open({ port: server.port, tls: { cert: localhostCertificate, key: localhostKey } });
    await known.send(getRequest('/a').replace('GET', 'LIST'));
    expect((await known.answer()).status).toBe(200);
    const unknown = await openRaw({ port: server.port, tls: { maxVersion: 'TLSv1.2' } }).catch((error: Error) => error);
    expect(unknown).toBeInstanceOf(Error);
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['asked', true],
    ['none', false],
  ] as const)(
    'whose client certificates are %s lets everybody in: it sees those that are shown is %s',
    async (clientCertificates, sees) => {
      const shown: boolean[] = [];
      const listener = createListener({
        log: silentLog,
        tls: { certificate: localhostCertificate, key: localhostKey, clientCertificates },
        handle(request, response) {
          shown.push('raw' in (request.socket as TLSSocket).getPeerCertificate());
          response.end();
        },
      });
      const { port } = await listener.listen('127.0.0.1', 0);
      afterwards(() => listener.drain(100));
      for (const own of [{}, { cert: localhostCertificate, key: localhostKey }]) {
        const client = await openRaw({ port, tls: own });
        await client.send(getRequest('/a'));
        expect((await client.answer()).status).toBe(200);
      }
      expect(shown).toEqual([false, sees]);
    },
  );

  it('that is spoken to in clear ends the connection at once', async () => {
    const lines: string[] = [];
    const log = jsonLog({ level: 'debug', write: (line) => lines.push(line), now: () => 0 });
    const server = await start({ tls: true, log });
    const client = await open({ port: server.port, allowHalfOpen: true });
    await client.send(getRequest('/a'));
    expect(await client.closed()).not.toContain('HTTP/');
    expect(await timed(() => server.listener.drain(10_000))).toBeLessThan(450);
    expect(lines.some((line) => line.includes('a TLS handshake failed'))).toBe(true);
    expect(server.seen).toStrictEqual([]);
  });

  it('must shake hands as quickly as a header must come', async () => {
    const server = await start({ tls: true, limits: { headersTimeout: 100 } });
    const socket = connect(server.port, '127.0.0.1');
    afterwards(() => socket.destroy());
    expect(await timed(() => new Promise((resolve) => socket.resume().once('close', resolve)))).toBeLessThan(2000);
  });

  it.each([
    ['a certificate that is none', { certificate: 'no certificate', key: localhostKey }],
    ['a key that is none', { certificate: localhostCertificate, key: 'hunter2' }],
    ['a key of another certificate', { certificate: localhostCertificate, key: otherKey() }],
  ])('is not begun with %s', async (_what, tls) => {
    const fault = await refusalOf(() => createListener({ handle: () => {}, log: silentLog, tls }));
    expect(fault).toMatchObject({ code: 'usage', message: 'the TLS certificate, key and authorities do not fit together, or are not PEM' });
    expect(String(fault.cause)).not.toContain('hunter2');
  });

  it('goes on after a client has broken off its handshake', async () => {
    const server = await start({ tls: true });
    for (let round = 0; round < 5; round++) {
      const socket = connectTls({ host: '127.0.0.1', port: server.port, ca: localhostCertificate });
      socket.on('error', () => socket.destroy());
      await sleep(round);
      socket.destroy();
    }
    const client = await open({ port: server.port, tls: true });
    await client.send(getRequest('/a'));
    expect((await client.answer()).status).toBe(200);
  });
});

/** A key of the right kind that belongs to no certificate here. */
function otherKey(): string {
  return [
    '-----BEGIN PRIVATE KEY-----',
    'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglPlHEMGF3Xd0APMS',
    'Y2qLQn3FRhrMzAlOcutcbZ2rsu+hRANCAASDcTsfAzxZIOiG5LjnkzKO6mo6eUm8',
    'bvLxuHEToQTLGb0xtidHa/w8DxXOyJEhS64mZKkt6dot+zA8pkj/cjrm',
    '-----END PRIVATE KEY-----',
    '',
  ].join('\n');
}
