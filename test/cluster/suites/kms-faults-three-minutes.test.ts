// The three minutes that Kubernetes leaves a KMS v2 plugin: with it dead or hung, writes go on for so long, reads for ever.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { Server } from '../fixture/cluster.ts';
import { encryptionOf, identity, kmsV2, reload } from '../fixture/encryption.ts';
import { type KmsPlugin, makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { passwordOf, readSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

// Two servers wait at the same time: what is tested takes more than three minutes.
const cluster = clusterOfFile({ apiservers: 2, encryption: encryptionOf([identity]) });

let plugins: readonly KmsPlugin[];

beforeAll(async () => {
  const [killed, hung] = [await makeKmsPlugin(cluster(), 'killed'), await makeKmsPlugin(cluster(), 'hung')];
  // One etcd, so one key: a server lists what the other one has written.
  copyFileSync(join(killed.configFile, '..', 'ring'), join(hung.configFile, '..', 'ring'));
  plugins = [killed, hung];
});

/** Seconds after the last good Status. */
const allowed = 180;

test.concurrent.each([
  ['killed', 0],
  ['hung', 1],
] as const)(
  '%s, secrets are written for three minutes and then refused in words, read all the time, and written again when it is back',
  async (how, index) => {
    const server = cluster().servers[index] as Server;
    const plugin = plugins[index] as KmsPlugin;
    await plugin.start();
    await reload(server, encryptionOf([kmsV2('casemate', plugin.endpoint), identity]));
    const namespace = await cluster().namespace();
    expect((await writeSecret(server, namespace, 'login', 'hunter2')).status).toBe(201);
    // Each look at its health asks for Status anew.
    expect((await server.call('GET', '/healthz/kms-providers')).status).toBe(200);
    if (how === 'killed') await plugin.kill();
    else plugin.signal('SIGSTOP');
    const begun = performance.now();
    const seconds = (): number => (performance.now() - begun) / 1_000;
    let written = 0;
    let lastGood = 0;
    const refused = await until(
      'writes are refused',
      async () => {
        const answer = await writeSecret(server, namespace, `written-${written}`, 'hunter2');
        expect(passwordOf(await readSecret(server, namespace, 'login'))).toBe('hunter2');
        if (answer.status !== 201) return { ...answer, after: seconds() };
        written += 1;
        lastGood = seconds();
        return undefined;
      },
      { within: 240_000, every: 2_000 },
    );
    // The last good Status was up to a minute before the end, which is when kube-apiserver asks by itself.
    expect(lastGood).toBeGreaterThan(allowed - 70);
    expect(refused.after).toBeLessThan(allowed + 20);
    expect(refused.text).toContain('expired at');
    await delay(5_000);
    expect(passwordOf(await readSecret(server, namespace, `written-${written - 1}`))).toBe('hunter2');
    expect((await server.call('GET', '/livez')).status).toBe(200);
    if (how === 'killed') await plugin.start();
    else plugin.signal('SIGCONT');
    // kube-apiserver waits ever longer between its attempts to reach a socket that nobody listens on: up to two minutes, as gRPC has it.
    await until('secrets are written again', async () => (await writeSecret(server, namespace, 'after', 'all')).status === 201, {
      within: 160_000,
      every: 1_000,
    });
    expect(passwordOf(await readSecret(server, namespace, 'after'))).toBe('all');
    expect(server.starts()).toBe(1);
  },
  480_000,
);
