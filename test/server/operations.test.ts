// What operators ask of and tell a running server: how much it logs, which plugins it has, its machine, its keyring.

import { afterEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { keyFromBytes } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { openBarrier } from '../../src/secrets/barrier/barrier.ts';
import { createRotation } from '../../src/secrets/barrier/rotation.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { denied, done, nothingThere, refused, said, shown, stranger, time } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, tokenWith } = shared;

describe('the levels of the log', () => {
  afterEach(() => call('DELETE', 'sys/loggers'));
  const level = (body: unknown, name = '') => call('POST', `sys/loggers${name}`, { body });

  test('are read, set for all or one, and taken back', async () => {
    const before = (await call('GET', 'sys/loggers')).body.data;
    expect(before.core).toBe('debug');
    expect(said(await level({ level: 'error' }))).toEqual(done);
    const raised = (await call('GET', 'sys/loggers')).body.data;
    expect(new Set(Object.values(raised))).toEqual(new Set(['error']));
    expect(said(await level({ level: 'WARNING' }, '/core'))).toEqual(done);
    expect(said(await call('GET', 'sys/loggers/core'))).toEqual(shown({ core: 'warn' }));
    expect(said(await call('DELETE', 'sys/loggers/core'))).toEqual(done);
    expect(said(await call('GET', 'sys/loggers/core'))).toEqual(shown({ core: 'debug' }));
    await call('DELETE', 'sys/loggers');
    expect((await call('GET', 'sys/loggers')).body.data).toEqual(before);
  });

  test('hold from the next line on', async () => {
    const server = await startTestServer();
    const lines = () =>
      server
        .logged()
        .split('\n')
        .filter((line) => line.includes('the server is unsealed')).length;
    const again = async () => {
      await server.call('PUT', 'sys/seal');
      await server.unseal();
    };
    expect(lines()).toBe(1);
    await server.call('POST', 'sys/loggers', { body: { level: 'error' } });
    await again();
    expect(lines()).toBe(1);
    await server.call('DELETE', 'sys/loggers');
    await again();
    expect(lines()).toBe(2);
    await server.end();
  });

  test('that there are not are refused, as are parts that nobody knows', async () => {
    expect(said(await level({}))).toEqual(refused(400, 'level is empty'));
    expect(said(await level({ level: 'loud' }))).toEqual(refused(400, 'invalid level provided: unknown log level: loud'));
    expect(said(await level({ level: 'info' }, '/nobody'))).toEqual(refused(400, 'logger "nobody" not found'));
    expect(said(await call('GET', 'sys/loggers/nobody'))).toEqual(refused(400, 'logger "nobody" not found'));
  });
});

describe('the catalog of plugins', () => {
  test('lists what can be mounted, by type, and takes no more', async () => {
    const { data } = (await call('GET', 'sys/plugins/catalog')).body;
    expect(data.secret).toEqual(expect.arrayContaining(['kv', 'transit']));
    for (const type of ['system', 'identity', 'token', 'cubbyhole']) expect([...data.secret, ...data.auth]).not.toContain(type);
    expect(data.detailed.find(({ name }: { name: string }) => name === 'kv')).toEqual({
      builtin: true,
      deprecation_status: 'supported',
      name: 'kv',
      type: 'secret',
      version: expect.stringMatching(/^v1\..*\+builtin\.casemate$/),
    });
    expect(said(await call('LIST', 'sys/plugins/catalog/secret'))).toEqual(shown({ keys: data.secret }));
    expect((await call('GET', 'sys/plugins/catalog/secret/kv')).body.data).toMatchObject({
      builtin: true,
      name: 'kv',
      command: '',
      args: [],
      sha256: '',
    });
    expect(said(await call('GET', 'sys/plugins/catalog/secret/none'))).toEqual(nothingThere);
    expect((await call('GET', 'sys/plugins/catalog/secret')).status).toBe(405);
    expect((await call('POST', 'sys/plugins/catalog/secret/mine', { body: { command: 'a', sha256: 'b' } })).status).toBe(405);
    expect((await call('LIST', 'sys/plugins/catalog/other')).status).toBe(400);
  });

  test('needs sudo', async () => {
    const token = await tokenWith('path "sys/plugins/*" { capabilities = ["read", "list"] }');
    expect(said(await call('GET', 'sys/plugins/catalog', { token }))).toEqual(denied);
  });
});

describe('the machine and the requests', () => {
  test('are shown to those who may see them', async () => {
    expect(said(await call('GET', 'sys/host-info', { token: null }))).toEqual(stranger);
    const { data } = (await call('GET', 'sys/host-info')).body;
    expect(data).toMatchObject({ disk: [], timestamp: time, host: { os: process.platform } });
    expect(data.memory.total).toBeGreaterThan(data.memory.free);
  });

  test('a request that asks for those under way finds itself, without its token', async () => {
    const answer = await call('GET', 'sys/in-flight-req');
    const [[id, request]] = Object.entries(answer.body) as [[string, Record<string, string>]];
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(request).toMatchObject({ request_path: '/v1/sys/in-flight-req', operation: 'read', start_time: time });
    expect(answer.text).not.toContain(shared.server.rootToken);
    expect(Object.keys((await call('GET', 'sys/in-flight-req')).body)).toHaveLength(1);
  });
});

describe('the history of versions', () => {
  test('names each version that was unsealed over the store, once', async () => {
    const store = openMemory();
    const facts = { storageType: 'inmem', apiAddress: 'http://127.0.0.1:8200', hostname: 'h' };
    const first = await startTestServer({ store, settings: { facts: { ...facts, version: '1.0.0' } } });
    expect((await first.call('LIST', 'sys/version-history')).body.data.keys).toEqual(['1.0.0']);
    const again = async (version: string) => {
      const server = await startTestServer({ store, init: 'raw', settings: { facts: { ...facts, version } } });
      await server.server.submitShare(first.keys[0] as string);
      return server;
    };
    const history = async (server: TestServer) =>
      (await server.call('LIST', 'sys/version-history', { token: first.rootToken })).body.data as {
        keys: string[];
        key_info: Record<string, { timestamp_installed: string }>;
      };
    const installed: (string | undefined)[] = [];
    for (const version of ['1.0.0', '1.1.0', '1.1.0']) {
      const server = await again(version);
      // Noted beside the first requests.
      await expect.poll(async () => (await history(server)).keys.at(-1)).toBe(version);
      await new Promise((resolve) => setTimeout(resolve, 20));
      installed.push((await history(server)).key_info[version]?.timestamp_installed);
    }
    expect(installed[2]).toBe(installed[1]);
    const last = await again('1.1.0');
    const { keys, key_info: info } = (await last.call('LIST', 'sys/version-history', { token: first.rootToken })).body.data;
    expect(keys).toEqual(['1.0.0', '1.1.0']);
    expect(info['1.0.0']).toMatchObject({ previous_version: null, timestamp_installed: time });
    expect(info['1.1.0']).toMatchObject({ previous_version: '1.0.0', timestamp_installed: time });
    await first.end();
  });
});

describe('the rotation of the keyring', () => {
  test('is set within bounds, and what is left out stays', async () => {
    const config = (body: unknown) => call('POST', 'sys/rotate/config', { body });
    const standard = { enabled: true, interval: 0, max_operations: 3_865_470_566 };
    expect(said(await call('GET', 'sys/rotate/config'))).toEqual(shown(standard));
    expect(said(await config({ interval: '48h' }))).toEqual(done);
    expect(said(await config({ enabled: false, max_operations: 1_000_000 }))).toEqual(done);
    expect(said(await call('GET', 'sys/rotate/config'))).toEqual(shown({ enabled: false, interval: 172_800, max_operations: 1_000_000 }));
    expect(said(await config({ interval: '23h' }))).toEqual(refused(400, 'interval must be greater or equal to 24h0m0s'));
    for (const operations of [999_999, 3_865_470_567])
      expect(said(await config({ max_operations: operations }))).toEqual(
        refused(400, 'max_operations must be in the range [1000000,3865470566]'),
      );
    const token = await tokenWith('path "sys/rotate/config" { capabilities = ["read", "update"] }');
    expect(said(await call('GET', 'sys/rotate/config', { token }))).toEqual(denied);
  });

  const opened = async () => {
    const [storage, clock] = [openMemory(), manualClock()];
    const barrier = openBarrier({ storage, random: systemRandom, clock });
    const root = keyFromBytes(systemRandom(32));
    await barrier.initialize(root);
    await barrier.settle(() => undefined);
    const other = openBarrier({ storage, random: systemRandom, clock });
    await other.unseal(root);
    const rotationOf = (of: typeof barrier) => createRotation({ barrier: of, clock, log: silentLog });
    return { clock, barrier, other, rotation: rotationOf(barrier), beside: rotationOf(other) };
  };
  const day = 24 * 3600;

  test('comes when the newest term is old enough, and not before', async () => {
    const { clock, barrier, rotation } = await opened();
    await rotation.change({ interval: day });
    clock.advance((day - 1) * 1000);
    expect([await rotation.rotateIfDue(), barrier.keyInfo().term]).toEqual([false, 1]);
    clock.advance(1000);
    expect([await rotation.rotateIfDue(), barrier.keyInfo().term]).toEqual([true, 2]);
    expect(await rotation.rotateIfDue()).toBe(false);
    await rotation.change({ enabled: false });
    clock.advance(10 * day * 1000);
    expect(await rotation.rotateIfDue()).toBe(false);
  });

  test('comes once, however many servers find it due', async () => {
    const { clock, barrier, other, rotation, beside } = await opened();
    await rotation.change({ interval: day });
    clock.advance(day * 1000);
    await Promise.all([rotation.rotateIfDue(), beside.rotateIfDue()]);
    expect([barrier.keyInfo().term, other.keyInfo().term]).toEqual([2, 2]);
  });
});
