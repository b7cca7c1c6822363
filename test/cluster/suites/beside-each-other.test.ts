// Two clusters at the same time on one machine: neither sees, nor needs, nor hinders the other.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { passwordOf, readSecret, writeSecret } from '../fixture/secrets.ts';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const one = clusterOfFile({});
const two = clusterOfFile({ kms: ['vault'] });

test('they have nothing in common', async () => {
  expect(one().folder).not.toBe(two().folder);
  expect(one().servers[0].url).not.toBe(two().servers[0].url);
  await writeSecret(one(), 'default', 'login', 'of the first');
  expect((await readSecret(two(), 'default', 'login')).status).toBe(404);
  await writeSecret(two(), 'default', 'login', 'of the second');
  expect(passwordOf(await readSecret(one(), 'default', 'login'))).toBe('of the first');
});

test('the token and the authority of one are worth nothing at the other', async () => {
  expect((await two().call('GET', '/api/v1/namespaces', { token: one().token })).status).toBe(401);
  const { code, stderr } = await two().kubectl(['get', 'namespaces', '--certificate-authority', one().caFile]);
  expect(code).toBe(1);
  expect(stderr).toContain('certificate');
});

test('the end of a third one takes less than three seconds, and leaves the others as they are', async () => {
  const third = await startCluster();
  expect(existsSync(third.folder)).toBe(true);
  const at = performance.now();
  await third.stop();
  expect(performance.now() - at).toBeLessThan(3_000);
  expect(existsSync(third.folder)).toBe(false);
  for (const cluster of [one(), two()]) expect(await cluster.servers[0].isReady()).toBe(true);
});

test('a start that is aborted leaves nothing', async () => {
  const nest = mkdtempSync(join(tmpdir(), 'casemate-nest-'));
  vi.stubEnv('TMPDIR', nest);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(nest, { recursive: true });
  });
  for (const milliseconds of [0, 100, 400, 1_500]) {
    const controller = new AbortController();
    const started = startCluster({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error('no longer wanted')), milliseconds);
    await expect(started).rejects.toThrow('no longer wanted');
    expect(readdirSync(nest)).toEqual([]);
  }
});
