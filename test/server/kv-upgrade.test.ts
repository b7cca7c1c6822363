// The upgrade of a KV mount that holds secrets from version 1 to 2: nothing is lost, and clients are told to wait.

import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/base/clock.ts';
import type { EngineRequest, Host } from '../../src/secrets/core/engine.ts';
import { kv } from '../../src/secrets/engines/kv/kind.ts';
import { upgradeStep } from '../../src/secrets/engines/kv/upgrade.ts';
import { firstStep } from '../../src/secrets/engines/kv/upgrade-mark.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { done, envelope, refused, said, time } from './shapes.ts';

const waiting = refused(
  400,
  'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.',
);
const announced = [
  200,
  envelope({
    warnings: [
      'Upgrading mount from version 1 to version 2. This mount will be unavailable for a brief period and will resume service shortly.',
    ],
  }),
];

const paths = (count: number) =>
  Array.from({ length: count }, (_, at) => (at % 3 === 0 ? `secret-${at}` : `dir-${at % 11}/deep/secret-${at}`));

async function fill(server: TestServer, kv: string, all: readonly string[]): Promise<void> {
  await server.call('POST', `sys/mounts/${kv}`, { body: { type: 'kv' } });
  for (let at = 0; at < all.length; at += 32)
    await Promise.all(all.slice(at, at + 32).map((path) => server.call('POST', `${kv}/${path}`, { body: { from: path, ttl: '1h' } })));
}

const upgrade = (server: TestServer, kv: string) => server.call('POST', `sys/mounts/${kv}/tune`, { body: { options: { version: '2' } } });

async function whenDone(server: TestServer, kv: string): Promise<void> {
  for (;;) {
    const { status, text } = await server.call('GET', `${kv}/config`);
    if (status === 200) return;
    expect(text).toContain('Upgrading from non-versioned');
  }
}

describe('a mount that is upgraded', () => {
  test('has every secret as its first version, and takes second ones', async () => {
    const server = await startTestServer();
    const all = paths(300);
    await fill(server, 'kv', all);
    await server.call('GET', 'kv/secret-0');
    expect(said(await upgrade(server, 'kv'))).toEqual(announced);
    await whenDone(server, 'kv');
    for (const path of [all[0], all[1], all[150], all[299]] as string[]) {
      const { body } = await server.call('GET', `kv/data/${path}`);
      expect(body.data).toEqual({
        data: { from: path, ttl: '1h' },
        metadata: { created_time: time, custom_metadata: null, deletion_time: '', destroyed: false, version: 1 },
      });
    }
    const { keys } = (await server.call('SCAN', 'kv/metadata')).body.data;
    expect(keys.toSorted()).toEqual(all.toSorted());
    const written = await server.call('POST', 'kv/data/secret-0', { body: { data: { x: '2' }, options: { cas: 1 } } });
    expect(written.body.data.version).toBe(2);
    expect((await server.call('GET', 'kv/data/secret-0?version=1')).body.data.data).toEqual({ from: 'secret-0', ttl: '1h' });
    expect((await server.call('GET', 'sys/mounts/kv')).body.data.options).toEqual({ version: '2' });
    await server.end();
  });

  test('refuses everything meanwhile, to those too who would only ask whether something is there', async () => {
    const memory = openMemory();
    const gate = { held: false, wake: (): void => {} };
    const free = () =>
      new Promise<void>((resolve) => {
        if (gate.held) gate.wake = resolve;
        else resolve();
      });
    let commits = 0;
    const store: typeof memory = {
      ...memory,
      transact: async (work) => {
        // The first commit begins the upgrade, the second would be its first step.
        if (gate.held && ++commits > 1) await free();
        return memory.transact(work);
      },
    };
    const server = await startTestServer({ store });
    await fill(server, 'kv', paths(10));
    gate.held = true;
    await upgrade(server, 'kv');
    for (const [method, path, body] of [
      ['GET', 'kv/data/secret-0', undefined],
      ['POST', 'kv/data/secret-0', { data: { x: '1' } }],
      ['LIST', 'kv/metadata', undefined],
      ['SCAN', 'kv/metadata', undefined],
      ['GET', 'kv/config', undefined],
      ['DELETE', 'kv/metadata/secret-0', undefined],
    ] as const)
      expect(said(await server.call(method, path, body === undefined ? {} : { body })), `${method} ${path}`).toEqual(waiting);
    gate.held = false;
    gate.wake();
    await whenDone(server, 'kv');
    expect((await server.call('GET', 'kv/data/secret-0')).body.data.data).toMatchObject({ from: 'secret-0' });
    await server.end();
  });

  test('cannot go back, and a mount without secrets is ready at once', async () => {
    const server = await startTestServer();
    await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
    expect(said(await upgrade(server, 'kv'))).toEqual(announced);
    await whenDone(server, 'kv');
    expect((await server.call('POST', 'kv/data/a', { body: { data: { x: '1' } } })).status).toBe(200);
    const back = await server.call('POST', 'sys/mounts/kv/tune', { body: { options: { version: '1' } } });
    expect(back.body.errors[0]).toMatch(/cannot downgrade/);
    expect(said(await upgrade(server, 'kv'))).toEqual(done);
    await server.end();
  });
});

describe('the steps of an upgrade', () => {
  const clock = manualClock();
  const format1 = (data: unknown) => Buffer.concat([Buffer.of(1), Buffer.from(JSON.stringify(data))]);
  const filled = async (all: readonly string[]) => {
    const storage = openMemory();
    for (const path of all) await storage.put(`secret/${path}`, format1({ from: path }));
    await storage.put('upgrade', firstStep);
    return storage;
  };
  const numberOf = async (storage: ReturnType<typeof openMemory>, path: string) =>
    JSON.parse(
      Buffer.from((await storage.get(`secret/${path}`)) as Uint8Array)
        .subarray(1)
        .toString(),
    );

  test('do each secret once, also when two processes take them side by side', async () => {
    const all = paths(500);
    const storage = await filled(all);
    const runs = [0, 1, 2].map(async () => {
      while (await upgradeStep({ storage, clock }));
    });
    await Promise.all(runs);
    for (const path of all) expect(await numberOf(storage, path)).toMatchObject({ current: 1, data: { from: path } });
    expect(await storage.get('upgrade')).toBeUndefined();
    expect(await upgradeStep({ storage, clock })).toBe(false);
  });

  test('are bounded, and go on where the last one ended', async () => {
    const all = paths(200);
    const storage = await filled(all);
    expect(await upgradeStep({ storage, clock })).toBe(true);
    const states = await Promise.all(all.map((path) => numberOf(storage, path)));
    expect(states.filter((state) => state.current === 1)).toHaveLength(64);
    let steps = 1;
    while (await upgradeStep({ storage, clock })) steps += 1;
    expect(steps).toBe(3);
    for (const path of all) expect(await numberOf(storage, path)).toMatchObject({ current: 1, data: { from: path } });
  });
});

describe('a write that was on its way when the upgrade began', () => {
  test('is refused by an engine of version 1 that is still open, in whatever process', async () => {
    const storage = openMemory();
    const host = {
      mount: () => ({ options: { version: '1' } }),
      storage,
      cached: async (key: string, decode: (bytes: Uint8Array) => object) => {
        const stored = await storage.get(key);
        return stored === undefined ? undefined : decode(stored);
      },
      ttl: () => ({ default: 60, max: 60 }),
    } as unknown as Host;
    const { handlers } = await kv.open(host);
    const at = { path: 'a' };
    const request = { data: { x: '1' } } as unknown as EngineRequest;
    await handlers['secret']?.write?.(at, request);
    await storage.put('upgrade', firstStep);
    const before = await storage.get('secret/a');
    await expect(handlers['secret']?.write?.(at, { ...request, data: { x: '2' } })).rejects.toThrow(/^Upgrading from non-versioned/);
    await expect(handlers['secret']?.delete?.(at, request)).rejects.toThrow(/^Upgrading from non-versioned/);
    expect(await storage.get('secret/a')).toEqual(before);
  });

  test('is refused rather than lost: it was not told that it stands', async () => {
    const server = await startTestServer();
    await fill(server, 'kv', paths(100));
    const acknowledged: string[] = [];
    const writers = Array.from({ length: 60 }, async (_, at) => {
      const answer = await server.call('POST', `kv/late-${at}`, { body: { late: at } });
      if (answer.status === 204) acknowledged.push(`late-${at}`);
      else expect([400, 404], answer.text).toContain(answer.status);
    });
    await upgrade(server, 'kv');
    await Promise.all(writers);
    await whenDone(server, 'kv');
    const { keys } = (await server.call('SCAN', 'kv/metadata')).body.data;
    expect(keys.filter((key: string) => key.startsWith('late-')).toSorted()).toEqual(acknowledged.toSorted());
    for (const path of acknowledged) expect((await server.call('GET', `kv/data/${path}`)).body.data.metadata.version).toBe(1);
    await server.end();
  });
});
