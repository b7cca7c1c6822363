// Audit devices of several servers over one store: what one enables all of them write to, and each keeps what its own configuration declares.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { enableDevice, hashOf, linesFor } from './lines.ts';

let one: TestServer;
let other: TestServer;
beforeEach(async () => {
  const store = { ...openMemory(), close: async () => {} };
  one = await startTestServer({ store });
  const declared = { path: 'own/', type: 'file', description: '', options: { file_path: join(one.folder, 'own.log') } };
  other = await startTestServer({ store, init: 'raw', settings: { auditDirectory: one.folder, auditDevices: [declared] } });
  await other.server.submitShare(one.keys[0] as string);
});
afterEach(async () => {
  await other.end();
  await one.end();
});

const ask = (server: TestServer, path = 'sys/mounts') => server.call('GET', path, { token: one.rootToken });
const lines = (name: string, path: string) => linesFor(join(one.folder, name), path).length;

describe('a device that one server enables', () => {
  it('is written to by the other with its next request, under the same hashes, until it is disabled', async () => {
    await enableDevice(one, 'f');
    await ask(other);
    expect(lines('f.log', 'sys/mounts')).toBe(2);
    const { body } = await other.call('POST', 'sys/audit-hash/f', { token: one.rootToken, body: { input: 'x' } });
    expect(body.data.hash).toBe(await hashOf(one, 'f', 'x'));
    await other.call('DELETE', 'sys/audit/f', { token: one.rootToken });
    await ask(one, 'sys/auth');
    expect(lines('f.log', 'sys/auth')).toBe(0);
    expect((await ask(one, 'sys/audit')).body.data).toStrictEqual({});
  });

  it('and that the other cannot open is no reason for the other to answer unseen', async () => {
    await other.end();
    const store = { ...openMemory(), close: async () => {} };
    const first = await startTestServer({ store });
    other = await startTestServer({ store, init: 'raw' });
    await other.server.submitShare(first.keys[0] as string);
    await enableDevice(first, 'f');
    // A folder of that name on another machine would be missing; here it is gone before the other one looks.
    rmSync(first.folder, { recursive: true });
    expect((await other.call('GET', 'sys/mounts', { token: first.rootToken })).status).toBe(500);
    mkdirSync(first.folder);
    await other.server.reopenAudit();
    expect((await other.call('GET', 'sys/mounts', { token: first.rootToken })).status).toBe(200);
    await first.end();
  });

  it('shows the request headers that either of them has named', async () => {
    await enableDevice(one, 'f');
    await other.call('PUT', 'sys/config/auditing/request-headers/x-team', { token: one.rootToken, body: {} });
    await one.call('GET', 'sys/mounts', { headers: { 'x-team': 'blue' } });
    expect(linesFor(join(one.folder, 'f.log'), 'sys/mounts').at(-1)?.request.headers).toStrictEqual({ 'x-team': ['blue'] });
  });
});

describe('a device that one configuration declares', () => {
  it('is for its own server, and stays when others change theirs', async () => {
    await ask(other);
    await ask(one);
    expect(lines('own.log', 'sys/mounts')).toBe(2);
    expect((await ask(one, 'sys/audit')).body.data).toStrictEqual({});
    await enableDevice(one, 'f');
    await ask(other, 'sys/auth');
    expect([lines('own.log', 'sys/auth'), lines('f.log', 'sys/auth')]).toStrictEqual([2, 2]);
    await one.server.seal();
    await one.unseal();
    await ask(other, 'sys/policy');
    expect(lines('own.log', 'sys/policy')).toBe(2);
  });
});
