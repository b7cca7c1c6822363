// Listeners as a configuration describes them: certificates of both sides, proxies, headers, limits, sockets, and what is closed.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/base/config/reader.ts';
import { jsonLog } from '../../src/base/log.ts';
import { partsOf } from '../../src/programs/server/configured.ts';
import { type ServerProcess, startProcess } from '../../src/programs/server/process.ts';
import { type AuditLine, readLines } from '../audit/lines.ts';
import { certificatePath, testTls } from '../clients/certificate.ts';
import { localhostCertificate, localhostKey } from '../foundation/localhost.ts';
import { send, type TestAnswer, type TestCall } from '../suites/server.ts';

let folder = '';
let logged: string[] = [];
let running: ServerProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-listener-'));
  logged = [];
  running = [];
  write('server.crt', localhostCertificate);
  write('server.key', localhostKey);
});
afterEach(async () => {
  for (const one of running) await one.end();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string) => join(folder, name);
const write = (name: string, text: string | Buffer) => writeFileSync(file(name), text, { mode: 0o600 });
const tlsKeys = () => `tls_cert_file = "${file('server.crt')}"\n tls_key_file = "${file('server.key')}"`;

interface Started {
  readonly process: ServerProcess;
  readonly token: string;
  call(method: string, path: string, call?: TestCall, listener?: number): Promise<TestAnswer>;
}

/** Listeners of type tcp on free ports, or whole stanzas. */
async function started(...stanzas: readonly string[]): Promise<Started> {
  const listeners = stanzas.map((body) => (body.startsWith('listener') ? body : `listener "tcp" {\n address = "127.0.0.1:0"\n ${body}\n}`));
  const text = ['storage "inmem" {}', `audit "file" "f" {\n options { file_path = "${file('audit.log')}" }\n}`, ...listeners].join('\n');
  const { config, warnings } = readConfig([{ path: 'server.hcl', text }]);
  expect(warnings).toEqual([]);
  const log = jsonLog({ level: 'debug', write: (line) => void logged.push(line), now: () => Date.now() });
  let token = '';
  const process = await startProcess(await partsOf(config, {}, log), async (server) => {
    const made = await server.initialize({ secret_shares: 1, secret_threshold: 1 });
    token = made.root_token;
    await server.submitShare(made.keys[0] as string);
  });
  running.push(process);
  const secure = stanzas.map((body) => body.includes('tls_cert_file'));
  return {
    process,
    token,
    call(method, path, call = {}, listener = 0) {
      const { host, port } = process.addresses[listener] as { host: string; port: number };
      return send(
        { host, port, method, path: `/v1/${path}`, ...(secure[listener] === true ? { ca: localhostCertificate } : {}) },
        { token, ...call },
      );
    },
  };
}

interface Shown {
  readonly answer: string;
  /** Serial number of the server's certificate. */
  readonly serial: string;
  readonly cipher: string;
}

function shake({ process }: Started, terms: ConnectionOptions = {}): Promise<TLSSocket> {
  const { host, port } = process.addresses[0] as { host: string; port: number };
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ca: [localhostCertificate, testTls().certificate as Buffer], ...terms }, () => resolve(socket));
    socket.on('error', reject);
  });
}

/** One request over a connection that stays open. */
async function ask(socket: TLSSocket): Promise<Shown> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const take = (bytes: Buffer): void => {
      text += bytes.toString();
      if (!text.includes('\n\r\n') && !text.includes('}\n')) return;
      socket.off('data', take);
      resolve(text.split('\r\n', 1)[0] as string);
    };
    socket.on('data', take);
    socket.once('close', () => reject(new Error('closed')));
    socket.write('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n');
  });
  return { answer, serial: socket.getPeerCertificate().serialNumber, cipher: socket.getCipher().name };
}

const ok = 'HTTP/1.1 200 OK';
const lastLine = (path: string): AuditLine | undefined => readLines(file('audit.log')).findLast(({ request }) => request.path === path);

describe('client certificates', () => {
  const shown = { cert: localhostCertificate, key: localhostKey };

  it('are asked for and not needed, unless the operator says otherwise', async () => {
    const server = await started(tlsKeys());
    expect((await ask(await shake(server))).answer).toBe(ok);
    // Of an authority that the server does not know.
    expect((await ask(await shake(server, shown))).answer).toBe(ok);
  });

  it('are needed where they are required, and must be of the named authority', async () => {
    const server = await started(
      `${tlsKeys()}\n tls_client_ca_file = "${file('server.crt')}"\n tls_require_and_verify_client_cert = true\n tls_max_version = "tls12"`,
    );
    await expect(shake(server)).rejects.toThrow();
    const { certificate, key } = testTls();
    await expect(shake(server, { cert: certificate, key })).rejects.toThrow();
    expect((await ask(await shake(server, shown))).answer).toBe(ok);
  });
});

describe('certificates on SIGHUP', () => {
  it('are new for new connections, and open ones go on', async () => {
    const server = await started(tlsKeys());
    const before = await shake(server);
    const first = await ask(before);
    copyFileSync(certificatePath, file('server.crt'));
    write('server.key', testTls().key);
    server.process.renew();
    const second = await ask(await shake(server));
    expect(second.answer).toBe(ok);
    expect(second.serial).not.toBe(first.serial);
    expect(await ask(before)).toStrictEqual(first);
  });

  it('stay the old ones when the new ones cannot be read, or do not fit together', async () => {
    const server = await started(tlsKeys());
    const first = await ask(await shake(server));
    copyFileSync(certificatePath, file('server.crt'));
    expect(() => server.process.renew()).toThrow('do not fit together');
    rmSync(file('server.crt'));
    expect(() => server.process.renew()).toThrow('cannot be read');
    expect(await ask(await shake(server))).toStrictEqual(first);
  });
});

describe('cipher suites', () => {
  it('of TLS 1.2 are those that are named', async () => {
    const server = await started(
      `${tlsKeys()}\n tls_cipher_suites = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"`,
    );
    expect((await ask(await shake(server, { maxVersion: 'TLSv1.2' }))).cipher).toMatch(/CHACHA20-POLY1305$/);
    await expect(
      shake(server, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' }),
    ).rejects.toThrow();
    expect((await ask(await shake(server))).answer).toBe(ok);
  });
});

describe('a proxy in front', () => {
  const forwarded = (value: string) => ({ headers: { 'x-forwarded-for': value } });
  const addressOf = async (server: Started, value: string) => {
    const { status } = await server.call('GET', 'sys/mounts', forwarded(value));
    return [status, lastLine('sys/mounts')?.request.remote_address];
  };

  it('that is named says whom it speaks for, and the bound CIDRs of a token are held against that', async () => {
    const server = await started('tls_disable = true\n x_forwarded_for_authorized_addrs = "127.0.0.0/8"');
    expect(await addressOf(server, '10.1.2.3')).toStrictEqual([200, '10.1.2.3']);
    expect(await addressOf(server, '1.1.1.1, 10.1.2.4')).toStrictEqual([200, '10.1.2.4']);
    expect(await addressOf(server, '[2001:db8::1]:443')).toStrictEqual([200, '2001:db8::1']);
    await server.call('POST', 'auth/token/roles/r', { body: { token_bound_cidrs: ['10.0.0.0/8'] }, ...forwarded('10.0.0.1') });
    const { body } = await server.call('POST', 'auth/token/create/r', { body: {}, ...forwarded('10.0.0.1') });
    const token = body.auth.client_token as string;
    const used = async (address: string) => (await server.call('GET', 'auth/token/lookup-self', { token, ...forwarded(address) })).status;
    expect([await used('10.9.9.9'), await used('11.0.0.1')]).toStrictEqual([200, 403]);
  });

  it('may have others before it', async () => {
    const server = await started('tls_disable = true\n x_forwarded_for_authorized_addrs = "127.0.0.1"\n x_forwarded_for_hop_skips = 1');
    expect(await addressOf(server, '10.1.2.3, 10.5.5.5')).toStrictEqual([200, '10.1.2.3']);
    const short = await server.call('GET', 'sys/mounts', forwarded('10.1.2.3'));
    expect([short.status, short.body.errors[0]]).toStrictEqual([400, expect.stringContaining('hops to skip (1)')]);
  });

  it('must send an address, and be there, unless the operator says otherwise', async () => {
    const server = await started('tls_disable = true\n x_forwarded_for_authorized_addrs = "127.0.0.1"');
    expect((await server.call('GET', 'sys/health')).body.errors[0]).toContain('missing x-forwarded-for header');
    for (const value of ['unknown', '10.0.0.1 ; drop', ''])
      expect((await server.call('GET', 'sys/health', forwarded(value))).status).toBe(400);
    const lenient = await started(
      'tls_disable = true\n x_forwarded_for_authorized_addrs = "127.0.0.1"\n x_forwarded_for_reject_not_present = false',
    );
    expect((await lenient.call('GET', 'sys/health')).status).toBe(200);
  });

  it('that is not named is refused, or not believed', async () => {
    const strict = await started('tls_disable = true\n x_forwarded_for_authorized_addrs = "10.0.0.1"');
    expect((await strict.call('GET', 'sys/health', forwarded('10.1.2.3'))).body.errors[0]).toContain('not authorized for x-forwarded-for');
    const mild = await started(
      'tls_disable = true\n x_forwarded_for_authorized_addrs = "10.0.0.1"\n x_forwarded_for_reject_not_authorized = false',
    );
    await mild.call('PUT', 'sys/config/auditing/request-headers/x-forwarded-for', { body: {}, ...forwarded('9.9.9.9') });
    expect(await addressOf(mild, '10.1.2.3')).toStrictEqual([200, '127.0.0.1']);
    expect(lastLine('sys/mounts')?.request).not.toHaveProperty('headers');
  });
});

describe('headers of the operator', () => {
  it('are added to every answer by its status, the narrower set first', async () => {
    const server = await started(
      'tls_disable = true\n custom_response_headers {\n "default" = { "X-A" = ["all"] "X-B" = ["all"] }\n "4xx" = { "x-a" = ["refused"] }\n "404" = { "X-B" = ["gone", "for good"] }\n }',
    );
    const shown = async (path: string, token?: null) => {
      const { status, headers } = await server.call('GET', path, token === null ? { token } : {});
      return [status, headers['x-a'], headers['x-b']];
    };
    expect(await shown('sys/health')).toStrictEqual([200, 'all', 'all']);
    expect(await shown('sys/mounts', null)).toStrictEqual([403, 'refused', 'all']);
    expect(await shown('nothing/here')).toStrictEqual([404, 'refused', 'gone; for good']);
    const { host, port } = server.process.addresses[0] as { host: string; port: number };
    expect((await send({ host, port, method: 'GET', path: '/' }, {})).headers['x-b']).toBe('gone; for good');
    expect((await server.call('GET', 'sys/health')).headers).not.toHaveProperty('strict-transport-security');
  });

  it('tell browsers to stay with TLS where there is TLS', async () => {
    const server = await started(tlsKeys());
    expect((await server.call('GET', 'sys/health')).headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
    const own = await started(`${tlsKeys()}\n custom_response_headers {\n "default" = { "strict-transport-security" = ["max-age=1"] }\n }`);
    expect((await own.call('GET', 'sys/health')).headers['strict-transport-security']).toBe('max-age=1');
  });
});

describe('several listeners', () => {
  it('serve the same data, each with what is open and closed there', async () => {
    const server = await started(
      'tls_disable = true\n telemetry { disallow_metrics = true }\n disable_unauthed_rekey_endpoints = true\n disable_unauthed_generate_root_endpoints = true',
      'tls_disable = true\n telemetry { metrics_only = true unauthenticated_metrics_access = true }',
      tlsKeys(),
    );
    const status = async (path: string, listener: number) => (await server.call('GET', path, { token: null }, listener)).status;
    expect([await status('sys/metrics', 0), await status('sys/metrics', 1), await status('sys/metrics', 2)]).toStrictEqual([404, 200, 403]);
    expect([await status('sys/health', 0), await status('sys/health', 1), await status('sys/health', 2)]).toStrictEqual([200, 404, 200]);
    expect((await server.call('GET', 'sys/mounts', {}, 1)).body).toStrictEqual({ errors: [] });
    for (const path of ['sys/rekey/init', 'sys/generate-root/attempt']) {
      expect((await server.call('GET', path)).body, path).toStrictEqual({ errors: [] });
      expect((await server.call('GET', path)).status, path).toBe(404);
    }
    await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } }, 0);
    expect((await server.call('GET', 'sys/mounts/kv', {}, 2)).status).toBe(200);
  });

  it('may be a socket in the file system, with the mode that it is given', async () => {
    const path = file('c.sock');
    const server = await started('tls_disable = true', `listener "unix" {\n address = "${path}"\n socket_mode = "660"\n}`);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest({ socketPath: path, path: '/v1/sys/mounts', headers: { 'x-vault-token': server.token } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(answer).toBe(200);
    expect(lastLine('sys/mounts')?.request).not.toHaveProperty('remote_address');
    // A second server must not take it away from the first; one that was left behind is cleared away.
    await expect(started(`listener "unix" {\n address = "${path}"\n}`)).rejects.toThrow('is in use by another process');
    await running.shift()?.end();
    expect(existsSync(path)).toBe(false);
    write('c.sock', 'a file');
    chmodSync(path, 0o600);
    await expect(started(`listener "unix" {\n address = "${path}"\n}`)).rejects.toThrow('is no socket');
  });
});

describe('whoever does not read an answer', () => {
  it('loses the connection after http_write_timeout', async () => {
    const server = await started('tls_disable = true\n http_write_timeout = "1500ms"');
    await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
    await server.call('POST', 'kv/large', { body: { x: 'x'.repeat(12_000_000) } });
    const { host, port } = server.process.addresses[0] as { host: string; port: number };
    const started_ = performance.now();
    await new Promise<void>((resolve) => {
      const socket = connectPlain({ host, port }, () => {
        socket.write(`GET /v1/kv/large HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${server.token}\r\n\r\n`);
      });
      socket.pause();
      socket.on('error', () => socket.destroy());
      socket.on('close', () => resolve());
      // A socket that is not read does not tell of its end.
      setTimeout(() => socket.resume(), 2_500);
    });
    // Had it been answered in full, the connection would have stayed open.
    expect(performance.now() - started_).toBeLessThan(6_000);
    expect(logged.join('')).not.toContain('"level":"error"');
  });
});
