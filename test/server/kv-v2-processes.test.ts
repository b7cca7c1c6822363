// KV version 2 in two processes: the one that wrote answers from what it remembers, the other from what is stored, and both say the same.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import type { Backend } from '../../src/storage/storage.ts';
import { startTestServer } from '../suites/server.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

let folder: string;
let one: ServerProcess;
let other: ServerProcess;
/** Remembers nothing: it reads what is stored each time. */
let reader: ServerProcess;
let token: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-kv-'));
  [one, other, reader] = await Promise.all([
    startServerProcess(folder, 'one'),
    startServerProcess(folder, 'other'),
    startServerProcess(folder, 'reader', { disable_cache: true }),
  ]);
  const { body } = await one.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  token = body.root_token;
  for (const server of [one, other, reader]) await server.call('PUT', 'sys/unseal', { body: { key: body.keys[0] } });
  await one.call('POST', 'sys/mounts/kv', { token, body: { type: 'kv', options: { version: '2' } } });
});
afterAll(async () => {
  await Promise.all([one?.end(), other?.end(), reader?.end()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Without what is of each request. */
const shown = async (server: ServerProcess, path: string) => {
  const { status, text } = await server.call('GET', path, { token });
  return [status, text.replace(/"request_id":"[^"]*"/, '')];
};
const expectSame = async (after: string): Promise<void> => {
  for (const path of ['kv/data/a', 'kv/data/a?version=1', 'kv/data/a?version=2', 'kv/metadata/a', 'kv/subkeys/a']) {
    const stored = await shown(reader, path);
    for (const server of [one, other]) expect([after, path, ...(await shown(server, path))]).toEqual([after, path, ...stored]);
  }
};
const data = {
  text: 'ü "\\\u0000 \u2028 \u{1F511}',
  nested: { deep: [{ a: null }, [], {}] },
  ['10']: 'ten',
  ['2']: true,
  empty: '',
};
/** What a double cannot hold, and a name that objects have of their own. */
const raw = '{"data":{"long":12345678901234567890,"small":-0,"exponent":1E+2,"__proto__":{"x":1},"constructor":"c"}}';

describe('what a process remembers of its own writes', () => {
  test('is what is stored, whatever was done and whoever did it before', async () => {
    const patch = { 'content-type': 'application/merge-patch+json' };
    const steps: [string, string, string, object][] = [
      ['a write', 'POST', 'kv/data/a', { body: { data } }],
      ['a write of odd numbers and names', 'POST', 'kv/data/a', { body: raw }],
      ['a patch', 'PATCH', 'kv/data/a', { headers: patch, body: { data: { text: null, added: { x: [1, 2] } } } }],
      ['settings', 'POST', 'kv/metadata/a', { body: { max_versions: 4, custom_metadata: { owner: 'us' }, delete_version_after: '1h' } }],
      ['a write under settings', 'POST', 'kv/data/a', { body: { data: { ...data, ['__proto__']: 1 } } }],
      ['a deletion', 'DELETE', 'kv/data/a', {}],
      ['an undeletion', 'POST', 'kv/undelete/a', { body: { versions: [4] } }],
      ['a destruction of an old version', 'POST', 'kv/destroy/a', { body: { versions: [2] } }],
      ['a write of nothing', 'POST', 'kv/data/a', { body: { data: null } }],
      ['a destruction of the newest version', 'POST', 'kv/destroy/a', { body: { versions: [5] } }],
      ['a write after it', 'POST', 'kv/data/a', { body: { data: { again: true } } }],
      ['the end of all versions', 'DELETE', 'kv/metadata/a', {}],
      ['a new beginning', 'POST', 'kv/data/a', { body: { data: { x: '1' } } }],
    ];
    for (const turns of [
      [one, other],
      [other, one],
      [one, one],
    ])
      for (const [at, [what, method, path, call]] of steps.entries()) {
        const { status, text } = await (turns[at % 2] as ServerProcess).call(method, path, { token, ...call });
        expect([what, status < 300, text]).toEqual([what, true, text]);
        await expectSame(what);
      }
  });

  test('is not taken for what another process has written since', async () => {
    for (let number = 1; number <= 30; number++) {
      const [writer, next] = number % 2 === 0 ? [one, other] : [other, one];
      const cas = { data: { number }, options: { cas: number - 1 } };
      expect((await writer.call('POST', 'kv/data/turns', { token, body: cas })).body.data.version).toBe(number);
      // The one that remembers an older version is told so, not let through.
      expect((await next.call('POST', 'kv/data/turns', { token, body: cas })).status).toBe(400);
    }
  });

  test('loses no version when both write the same secrets without pause', async () => {
    const written = await Promise.all(
      Array.from({ length: 16 }, async (_, lane) => {
        const versions: [string, number, number][] = [];
        for (let round = 0; round < 12; round++) {
          const path = `busy-${(lane + round) % 3}`;
          const number = lane * 100 + round;
          const answer = await (lane % 2 === 0 ? one : other).call('POST', `kv/data/${path}`, { token, body: { data: { number } } });
          versions.push([path, answer.body.data.version, number]);
        }
        return versions;
      }),
    );
    const all = written.flat();
    for (const path of ['busy-0', 'busy-1', 'busy-2']) {
      const mine = all.filter(([at]) => at === path).sort((a, b) => a[1] - b[1]);
      expect(mine.map(([, version]) => version)).toEqual(Array.from({ length: mine.length }, (_, index) => index + 1));
      for (const [, version, number] of mine.slice(-10))
        for (const server of [one, other, reader]) {
          const { body } = await server.call('GET', `kv/data/${path}?version=${version}`, { token });
          expect([path, version, body.data.data]).toEqual([path, version, { number }]);
        }
    }
  });
});

test('a write that the store refuses leaves nothing behind in what is remembered', async () => {
  const memory = openMemory();
  let full = false;
  const store: Backend = {
    ...memory,
    transact: (work) =>
      memory.transact(async (transaction) => {
        const result = await work(transaction);
        if (full) throw new Fault('storage-failed', 'the disk is full');
        return result;
      }),
  };
  const server = await startTestServer({ store });
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv', options: { version: '2' } } });
  await server.call('POST', 'kv/data/a', { body: { data: { x: '1' } } });
  await server.call('POST', 'kv/data/a', { body: { data: { x: '2' } } });
  const all = async () =>
    Promise.all(
      ['kv/data/a', 'kv/data/a?version=1', 'kv/metadata/a'].map(async (path) => (await server.call('GET', path)).body.data as unknown),
    );
  const before = await all();
  full = true;
  for (const [method, path, body] of [
    ['POST', 'kv/data/a', { data: { x: '3' } }],
    ['DELETE', 'kv/data/a', undefined],
    ['POST', 'kv/destroy/a', { versions: [1, 2] }],
    ['POST', 'kv/metadata/a', { custom_metadata: { owner: 'us' }, max_versions: 1 }],
    ['DELETE', 'kv/metadata/a', undefined],
  ] as const) {
    expect([path, (await server.call(method, path, { body })).status]).toEqual([path, 500]);
    expect([path, await all()]).toEqual([path, before]);
  }
  full = false;
  expect((await server.call('POST', 'kv/data/a', { body: { data: { x: '3' } } })).body.data.version).toBe(3);
  await server.end();
});
