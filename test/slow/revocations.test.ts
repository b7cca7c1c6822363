// A server that is killed while leases are taken back, and one that starts with thousands that have expired: all are ended, none is forgotten.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServerProcess } from '../server/server-process.ts';

let folder: string;
let server: ServerProcess;
let key: string;
let token: string;
const call = (method: string, path: string, body?: unknown) =>
  server.call(method, path, { token, ...(body === undefined ? {} : { body }) });
const start = async (): Promise<void> => {
  server = await startServerProcess(folder, 'one');
  await server.call('PUT', 'sys/unseal', { body: { key } });
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-revoked-'));
  server = await startServerProcess(folder, 'one');
  const made = (await server.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })).body;
  [key, token] = [made.keys[0], made.root_token];
  await server.call('PUT', 'sys/unseal', { body: { key } });
  await call('POST', 'auth/token/roles/app', { orphan: true });
});
afterEach(async () => {
  await server.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** So many orphans of the role, and their tokens. */
async function tokensOf(count: number, ttl: string): Promise<string[]> {
  const made: string[] = [];
  while (made.length < count) {
    const some = Array.from({ length: Math.min(50, count - made.length) }, () => call('POST', 'auth/token/create/app', { ttl }));
    for (const { body } of await Promise.all(some)) made.push(body.auth.client_token);
  }
  return made;
}

async function leasesLeft(): Promise<number> {
  const { status, body } = await call('LIST', 'sys/leases/lookup/auth/token/create/app');
  return status === 404 ? 0 : body.data.keys.length;
}

test('a revocation of a prefix goes on after every kill, and no token comes back in between', async () => {
  const tokens = await tokensOf(2_000, '2h');
  expect(await call('PUT', 'sys/leases/revoke-prefix/auth/token/create/app', { sync: false })).toMatchObject({ status: 202 });
  let rounds = 0;
  for (let left = await leasesLeft(); left > 0; left = await leasesLeft()) {
    await server.kill();
    await start();
    rounds += 1;
    for (const victim of [tokens[0], tokens.at(-1)])
      expect((await server.call('GET', 'auth/token/lookup-self', { token: victim as string })).status).toBe(403);
    await pause(150);
  }
  expect(rounds).toBeGreaterThan(1);
  await expect.poll(async () => (await call('GET', 'sys/leases/revocations')).body.data.revocations, { timeout: 10_000 }).toEqual([]);
}, 180_000);

test('a start with thousands of expired leases answers at once, and ends them all', async () => {
  await tokensOf(5_000, '2s');
  await server.kill();
  await pause(2_500);
  const began = performance.now();
  await start();
  expect((await call('GET', 'sys/mounts')).status).toBe(200);
  expect(performance.now() - began).toBeLessThan(5_000);
  // While they are being ended, others are served.
  const times: number[] = [];
  while ((await leasesLeft()) > 0) {
    const asked = performance.now();
    expect((await call('GET', 'sys/mounts')).status).toBe(200);
    times.push(performance.now() - asked);
    await pause(20);
  }
  expect(times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)]).toBeLessThan(500);
}, 180_000);
