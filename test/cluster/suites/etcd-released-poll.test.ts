// One rotation with the minute after which the released kube-apiserver looks at its configuration, under readers and writers.

import { expect, test } from 'vitest';
import { aescbc, encryptionOf, identity } from '../fixture/encryption.ts';
import { makeManager } from '../fixture/manager.ts';
import { storedSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { startTraffic } from '../fixture/traffic.ts';

const cluster = clusterOfFile({ apiservers: 2, encryptionPoll: '60s', encryption: encryptionOf([aescbc('old'), identity]) });

test('a rotation waits for every reload, and nobody notices it', async () => {
  const manager = makeManager(cluster());
  const traffic = await startTraffic(cluster(), { pause: 300 });
  const starts = cluster().servers.map((server) => server.starts());
  const begun = performance.now();
  const { stdout, stderr } = await manager.must(['rotate-key', '-yes', '-format=json']);
  expect(await traffic.stop()).toEqual([]);
  const seconds = (performance.now() - begun) / 1_000;
  // Each kube-apiserver looks once a minute, and has to look at three configurations one after the other.
  expect(seconds).toBeGreaterThan(65);
  expect(seconds).toBeLessThan(420);
  expect(cluster().servers.map((server) => server.starts())).toEqual(starts);
  expect(stderr).toContain('waiting: ');
  const [key] = JSON.parse(stdout).new_keys;
  expect(await storedSecret(cluster(), traffic.namespace, 'known-0')).toMatch(new RegExp(`^k8s:enc:aescbc:v1:${key}:`));
  expect(traffic.counts()['LIST resourceVersion=0']).toBeGreaterThan(100);
}, 600_000);
