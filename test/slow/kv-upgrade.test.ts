// An upgrade of 5,000 secrets from KV version 1 to 2, ended with kill -9 again and again: the next process goes on, and no secret is lost.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../server/server-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'casemate-kv-upgrade-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const count = 5_000;
const paths = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? `secret-${at}` : `dir-${at % 37}/secret-${at}`));
let token = '';
let key = '';

async function sideBySide(work: (path: string) => Promise<void>): Promise<void> {
  const left = paths.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const path of left) await work(path);
    }),
  );
}

async function started(name: string): Promise<ServerProcess> {
  const server = await startServerProcess(folder, name);
  if (key !== '') await server.call('PUT', 'sys/unseal', { body: { key } });
  return server;
}

it('ends with all secrets in place, however often it was killed', async () => {
  let server = await started('first');
  const { body } = await server.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  [token, key] = [body.root_token, body.keys[0]];
  await server.call('PUT', 'sys/unseal', { body: { key } });
  await server.call('POST', 'sys/mounts/kv', { token, body: { type: 'kv' } });
  await sideBySide(async (path) => {
    expect((await server.call('POST', `kv/${path}`, { token, body: { from: path } })).status).toBe(204);
  });
  await server.call('POST', 'sys/mounts/kv/tune', { token, body: { options: { version: '2' } } });
  let kills = 0;
  for (let wait = 5; ; wait += 10) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const answer = await server.call('GET', 'kv/config', { token });
    if (answer.status === 200) break;
    expect(answer.text).toContain('Upgrading from non-versioned');
    await server.kill();
    kills += 1;
    server = await started(`after-${kills}`);
  }
  expect(kills).toBeGreaterThan(0);
  await sideBySide(async (path) => {
    const { body: answer } = await server.call('GET', `kv/data/${path}`, { token });
    expect(answer.data.data).toEqual({ from: path });
    expect(answer.data.metadata.version).toBe(1);
  });
  expect((await server.call('SCAN', 'kv/metadata', { token })).body.data.keys).toHaveLength(count);
  await server.end();
});
