// Audit devices of a whole server: which may be enabled, where their files lie, and what happens to requests when they fail.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeclaredDevice } from '../../src/secrets/audit/table.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { enableDevice, hashOf, linesFor, readLines } from './lines.ts';

let server: TestServer;
const file = (name: string) => join(server.folder, name);

/** For files outside the directory that the server allows. */
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-audit-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('devices', () => {
  beforeEach(async () => {
    server = await startTestServer();
  });
  afterEach(() => server.end());

  it('are private files, also where one with another mode was there', async () => {
    writeFileSync(file('f.log'), '', { mode: 0o666 });
    chmodSync(file('f.log'), 0o666);
    await enableDevice(server, 'f');
    expect(statSync(file('f.log')).mode & 0o777).toBe(0o600);
    await enableDevice(server, 'wide', { mode: '0640' });
    expect(statSync(file('wide.log')).mode & 0o777).toBe(0o640);
  });

  it('are listed with their options, once under data and once beside it', async () => {
    await enableDevice(server, 'f', { prefix: 'x' });
    const { body } = await server.call('GET', 'sys/audit');
    const shown = { description: '', local: false, options: { file_path: file('f.log'), prefix: 'x' }, path: 'f/', type: 'file' };
    expect(body.data).toStrictEqual({ 'f/': shown });
    expect(body['f/']).toStrictEqual(shown);
  });

  it('stop when they are disabled, and disabling what is not there is no error', async () => {
    await enableDevice(server, 'f');
    expect((await server.call('DELETE', 'sys/audit/f')).status).toBe(204);
    const before = readLines(file('f.log')).length;
    await server.call('GET', 'sys/mounts');
    expect(readLines(file('f.log'))).toHaveLength(before);
    expect((await server.call('DELETE', 'sys/audit/f')).status).toBe(204);
    expect((await server.call('POST', 'sys/audit-hash/f', { body: { input: 'x' } })).status).toBe(400);
  });

  it.each([
    ['a path above the directory', { file_path: '../escape.log' }],
    ['a path elsewhere', { file_path: '/etc/casemate-audit.log' }],
    ['a path through a link', { file_path: 'link/escape.log' }],
    ['a file that is a link', { file_path: 'link.log' }],
    ['a directory', { file_path: 'below' }],
    ['a folder that is not there', { file_path: 'none/a.log' }],
    ['no path', {}],
    ['a flag that is none', { file_path: 'a.log', log_raw: 'maybe' }],
    ['a mode that is none', { file_path: 'a.log', mode: 'rw-rw-rw-' }],
    ['a format that is none', { file_path: 'a.log', format: 'jsonx' }],
  ])('are refused with %s, and nothing is made', async (_, options) => {
    mkdirSync(file('below'));
    symlinkSync(folder, file('link'));
    symlinkSync(join(folder, 'escape.log'), file('link.log'));
    const answer = await server.call('PUT', 'sys/audit/f', { body: { type: 'file', options } });
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toHaveLength(1);
    expect((await server.call('GET', 'sys/audit')).body.data).toStrictEqual({});
    for (const path of [join(folder, 'escape.log'), file('../escape.log'), '/etc/casemate-audit.log']) expect(existsSync(path)).toBe(false);
  });

  it('are refused where the store has its files', async () => {
    const own = await startTestServer({ store: 'lmdb' });
    await own.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
    for (const name of readdirSync(join(own.folder, 'store'))) {
      const answer = await own.call('PUT', 'sys/audit/f', { body: { type: 'file', options: { file_path: `store/${name}` } } });
      expect(answer.status, `${name}: ${answer.text}`).toBe(400);
    }
    expect((await own.call('GET', 'sys/mounts/kv')).status).toBe(200);
    await own.end();
  });

  it('are refused with a type that there is not, a path that is taken, or no path at all', async () => {
    await enableDevice(server, 'f');
    const enable = (path: string, type?: string) =>
      server.call('PUT', `sys/audit/${path}`, { body: { type, options: { file_path: 'b.log' } } });
    expect((await enable('g', 'syslog')).body.errors[0]).toContain('unknown backend type: "syslog"');
    for (const type of ['socket', 'http'])
      expect((await enable('g', type)).body.errors[0]).toContain('cannot be enabled through the API; declare it in the configuration');
    expect((await enable('g')).status).toBe(400);
    expect((await enable('f', 'file')).body.errors).toStrictEqual(['path already in use']);
    expect((await enable('f/below', 'file')).body.errors).toStrictEqual(['path already in use']);
  });

  it('need sudo', async () => {
    await server.call('POST', 'sys/policies/acl/half', {
      body: { policy: 'path "sys/audit*" { capabilities = ["create","read","update","delete"] }' },
    });
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['half'] } });
    const token = body.auth.client_token;
    expect((await server.call('GET', 'sys/audit', { token })).status).toBe(403);
    expect((await server.call('PUT', 'sys/audit/f', { token, body: { type: 'file', options: { file_path: 'f.log' } } })).status).toBe(403);
    expect(existsSync(file('f.log'))).toBe(false);
  });

  it('survive sealing, with their hashes', async () => {
    await enableDevice(server, 'f');
    const hash = await hashOf(server, 'f', 'value');
    await server.server.seal();
    await server.unseal();
    expect(await hashOf(server, 'f', 'value')).toBe(hash);
    await server.call('GET', 'sys/mounts');
    expect(linesFor(file('f.log'), 'sys/mounts')).toHaveLength(2);
  });
});

describe('without a directory for audit files', () => {
  it('only standard output can be enabled', async () => {
    server = await startTestServer({ settings: { auditDirectory: undefined } });
    const enable = (file_path: string) => server.call('PUT', 'sys/audit/f', { body: { type: 'file', options: { file_path } } });
    const refused = await enable('/tmp/casemate-audit.log');
    expect(refused.body.errors[0]).toContain('set audit_directory');
    await server.end();
  });
});

const declare = (path: string, file_path: string): DeclaredDevice => ({ path, type: 'file', description: '', options: { file_path } });
const DEVICE_FULL = '/dev/full';

describe('a device that cannot write', () => {
  it.skipIf(!existsSync(DEVICE_FULL))('stops every request before anything is done', async () => {
    server = await startTestServer({ settings: { auditDevices: [declare('full/', DEVICE_FULL)] } });
    const answer = await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
    expect(answer.status).toBe(500);
    expect(answer.body.errors).toStrictEqual(['1 error occurred:\n\t* internal error\n\n']);
    expect(server.logged()).toContain('"an audit device does not take lines"');
    expect((await server.call('GET', 'sys/health')).status).toBe(200);
    await server.end();
  });

  it.skipIf(!existsSync(DEVICE_FULL))('stops nobody while another one writes', async () => {
    const path = join(folder, 'fine.log');
    server = await startTestServer({ settings: { auditDevices: [declare('full/', DEVICE_FULL), declare('fine/', path)] } });
    expect((await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } })).status).toBe(204);
    expect(linesFor(path, 'sys/mounts/kv')).toHaveLength(2);
    await server.end();
  });

  it('is told of the request and not of the answer: then the answer is an error as well', async (context) => {
    const mount = join(folder, 'small');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', mount]).status === 0;
    try {
      if (!mounted) context.skip('a small file system needs root and mount');
      server = await startTestServer({ settings: { auditDirectory: mount } });
      await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
      await enableDevice(server, 'f');
      // Fits once, as a request line, and not a second time.
      const keys = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`k${at}`, 'v']));
      const written = await server.call('POST', 'kv/a', { body: keys });
      expect(written.status).toBe(500);
      const lines = linesWhole(join(mount, 'f.log'));
      expect(lines.filter(({ type, request }) => type === 'request' && request.path === 'kv/a')).toHaveLength(1);
      expect((await server.call('GET', 'sys/mounts')).status).toBe(500);
      unlinkSync(join(mount, 'f.log'));
      await server.server.reopenAudit();
      expect((await server.call('GET', 'kv/a')).body.data.k1).toBe('v');
      await server.end();
    } finally {
      if (mounted) spawnSync('umount', ['-l', mount]);
    }
  });
});

describe('declared devices', () => {
  it('are there from the start, cannot be disabled through the API, and go with the configuration', async () => {
    const store = openMemory();
    const keep = { ...store, close: async () => {} };
    const path = join(folder, 'own.log');
    server = await startTestServer({ store: keep, settings: { auditDirectory: undefined, auditDevices: [declare('own/', path)] } });
    await server.call('GET', 'sys/mounts');
    expect(linesFor(path, 'sys/mounts')).toHaveLength(2);
    const refused = await server.call('DELETE', 'sys/audit/own');
    expect(refused.status).toBe(400);
    expect(refused.body.errors[0]).toContain('declared in the configuration');
    const { keys, rootToken: token } = server;
    await server.end();
    const later = await startTestServer({ store, init: 'raw' });
    await later.server.submitShare(keys[0] as string);
    expect((await later.call('GET', 'sys/audit', { token })).body.data).toStrictEqual({});
    await later.end();
  });

  it('that cannot be opened keep the server sealed, which says why, until they can', async () => {
    const below = join(folder, 'later');
    mkdirSync(below);
    server = await startTestServer({ settings: { auditDevices: [declare('own/', join(below, 'own.log'))] } });
    await server.server.seal();
    rmSync(below, { recursive: true });
    const [key] = server.keys;
    const refused = await server.call('PUT', 'sys/unseal', { body: { key } });
    expect(refused.status).toBe(503);
    expect(refused.body.errors[0]).toContain('none of the audit devices can be opened');
    expect(server.logged()).toContain('ENOENT');
    expect((await server.call('GET', 'sys/mounts')).status).toBe(503);
    mkdirSync(below);
    expect((await server.call('PUT', 'sys/unseal', { body: { key } })).body.sealed).toBe(false);
    await server.call('GET', 'sys/mounts');
    expect(linesFor(join(below, 'own.log'), 'sys/mounts')).toHaveLength(2);
    await server.end();
  });
});

/** The last line may be torn: the disk was full. */
function linesWhole(path: string) {
  const whole = spawnSync('grep', ['-E', '\\}$', path], { encoding: 'utf8' }).stdout;
  return whole
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
