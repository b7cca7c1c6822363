// The whole life of encryption at rest under readers and writers through every kube-apiserver: nobody notices. In RKE's order they do.

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Server } from '../fixture/cluster.ts';
import { aescbc, encryptionOf, identity, loadedHash, reload } from '../fixture/encryption.ts';
import { makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { startTraffic, type Traffic } from '../fixture/traffic.ts';
import { configMapTraffic, secretTraffic } from '../fixture/traffic-kinds.ts';

interface Row {
  readonly resource: string;
  readonly provider: string;
  readonly key: string;
  readonly key_id?: string;
  readonly count: number;
}

async function rowsOf(manager: Manager): Promise<readonly Row[]> {
  return JSON.parse((await manager.must(['verify', '-format=json', '-resources=secrets,configmaps'])).stdout).rows;
}

/** That much was looked at, so that no finding means something. */
function expectBusy(traffic: Traffic): void {
  const counts = traffic.counts();
  for (const what of ['GET', 'LIST', 'LIST resourceVersion=0', 'POST', 'PATCH', 'DELETE', 'events'])
    expect(counts[what], what).toBeGreaterThan(50);
}

describe('three kube-apiservers', () => {
  const cluster = clusterOfFile({ apiservers: 3 });

  test('from enable to disable nobody who reads, writes or watches meets an error, or misses an object', async () => {
    const manager = makeManager(cluster());
    const plugin = await makeKmsPlugin(cluster(), 'plugin');
    await plugin.start();
    const traffic = await startTraffic(cluster(), { kinds: [secretTraffic, configMapTraffic], pause: 150 });
    const quiet = (after: string) => expect(traffic.findings(), `after ${after}`).toEqual([]);
    const change = async (words: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await manager.must([...words, '-yes', '-format=json']);
      quiet(words.join(' '));
      return JSON.parse(stdout).new_keys;
    };
    const writersAre = async (expected: readonly (readonly [string, string])[]) => {
      const rows = await rowsOf(manager);
      expect(new Set(rows.map(({ provider, key }) => `${provider} ${key}`))).toEqual(new Set(expected.map((pair) => pair.join(' '))));
      return rows;
    };

    const enabled = await change(['enable', '-provider=aescbc', '-resources=secrets,configmaps']);
    await writersAre(enabled.map((key) => ['aescbc', key]));
    const rotated = await change(['rotate-key']);
    expect(rotated).not.toEqual(enabled);
    await writersAre(rotated.map((key) => ['aescbc', key]));

    await change(['rotate-key', '-provider=kms-v2', '-kms-name=plugin', `-kms-endpoint=${plugin.endpoint}`]);
    const sealed = await writersAre([['kms-v2', 'plugin']]);
    // Without it the kube-apiserver of a real pod would not find the socket.
    for (const server of cluster().servers)
      expect(readFileSync(server.manifest, 'utf8')).toContain(dirname(plugin.endpoint.replace('unix://', '')));
    const before = new Set(sealed.map(({ key_id: id }) => id));
    expect(before.size).toBe(1);
    const kek = await plugin.rotate();
    await change(['rotate-key']);
    const after = new Set((await writersAre([['kms-v2', 'plugin']])).map(({ key_id: id }) => id));
    expect(after.size, 'one key-encryption key').toBe(1);
    expect([...after], `another one than before, after ${kek}`).not.toEqual([...before]);

    const boxed = await change(['rotate-key', '-provider=secretbox']);
    await writersAre(boxed.map((key) => ['secretbox', key]));
    await change(['disable', '-remove-configuration']);
    await writersAre([['identity', '']]);
    for (const server of cluster().servers) {
      expect(readFileSync(server.manifest, 'utf8')).not.toContain('encryption-provider-config');
      await server.ready();
    }
    expect(await traffic.stop()).toEqual([]);
    expectBusy(traffic);
  }, 1_200_000);
});

describe("RKE's order", () => {
  const old = encryptionOf([aescbc('old'), identity]);
  const cluster = clusterOfFile({ apiservers: 2, encryption: old });

  test('a key that seals before everybody can open it is noticed by the same readers and writers', async () => {
    const [one, two] = cluster().servers as readonly [Server, Server];
    const traffic = await startTraffic(cluster());
    await delay(3_000);
    expect(traffic.findings()).toEqual([]);
    // As RKE writes it, and rolls it out: the new key first in the list, on one node after the other.
    const rotated = encryptionOf([aescbc('new', 'old'), identity]);
    await reload(one, rotated);
    await delay(15_000);
    await reload(two, rotated);
    expect(await loadedHash(two)).toBe(await loadedHash(one));
    await delay(2_000);
    const seen = (await traffic.stop()).map(({ server, what }) => `${server} ${what}`);
    const kinds = {
      'GET fails': /^cp2 GET secrets .*: 500 .*is not transformable/,
      'LIST fails': /^cp2 LIST of secrets: 500/,
      'an object is missing without an error': /^cp2 LIST resourceVersion=0 of secrets: .*missing$/,
    };
    for (const [what, pattern] of Object.entries(kinds))
      expect(
        seen.some((line) => pattern.test(line)),
        what,
      ).toBe(true);
    expect(seen.filter((line) => line.startsWith('cp1'))).toEqual([]);
  }, 180_000);
});
