// KMS plugins as sidecars of two control-plane nodes: another key on one of them, a configuration that is wrong, files that are open to others.

import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Server } from '../fixture/cluster.ts';
import { encryptionOf, identity, kmsV2, reload } from '../fixture/encryption.ts';
import { type KmsPlugin, makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { passwordOf, readSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ apiservers: 2, encryption: encryptionOf([identity]) });
const patience = 180_000;
const cleanups: (() => unknown)[] = [];
let made = 0;

afterEach(async () => {
  await cluster().etcd.deleteAll('/registry/secrets/');
  made += 1;
  for (const server of cluster().servers) await reload(server, `# none ${made}\n${encryptionOf([identity])}`);
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const nodes = (): readonly [Server, Server] => cluster().servers as unknown as readonly [Server, Server];

async function pluginNamed(name: string, more = '', key?: string): Promise<KmsPlugin> {
  const plugin = await makeKmsPlugin(cluster(), name, { more, ...(key === undefined ? {} : { key }) });
  cleanups.push(() => plugin.stop());
  return plugin;
}

/** Puts the plugin into the pod of the node's kube-apiserver, before it; the pod starts anew. Tells what the plugin prints. */
async function asSidecar(server: Server, plugin: KmsPlugin): Promise<() => string> {
  const name = `kms-${plugin.name}`;
  const before = readFileSync(server.manifest, 'utf8');
  const pod = parse(before);
  const command = [plugin.program, 'kms', 'serve', `-config=${plugin.configFile}`];
  pod.spec.initContainers = [{ name, restartPolicy: 'Always', image: 'casemate', command }];
  replaceManifest(server, stringify(pod, { lineWidth: 0 }));
  cleanups.push(async () => {
    replaceManifest(server, before);
    await until('the pod is as it was', async () => server.isReady(), { within: 60_000 });
  });
  const log = join(cluster().folder, 'logs', `${server.name}-${name}.log`);
  const logs = (): string => {
    try {
      return readFileSync(log, 'utf8');
    } catch {
      return '';
    }
  };
  await until('the sidecar was started', () => logs() !== '', { within: 30_000 });
  return logs;
}

function replaceManifest(server: Server, text: string): void {
  const beside = join(server.folder, 'manifest.new');
  writeFileSync(beside, text, { mode: 0o600 });
  renameSync(beside, server.manifest);
}

/** What `casemate kms check` prints on a node with the right key. */
function proofOf(plugin: KmsPlugin): string {
  const printed = execFileSync(plugin.program, ['kms', 'check', `-config=${plugin.configFile}`], { encoding: 'utf8' });
  return /proof = "[^"]+"/.exec(printed)?.[0] ?? '';
}

test(
  'another key on one node is refused before it serves anything; the node next to it goes on, and the right key mends it without a hand',
  async () => {
    const [one, two] = nodes();
    const right = await pluginNamed('right');
    await right.start();
    await reload(one, encryptionOf([kmsV2('casemate', right.endpoint), identity]));
    const namespace = await cluster().namespace();
    expect((await writeSecret(one, namespace, 'login', 'hunter2')).status).toBe(201);
    const wrong = await pluginNamed('wrong', proofOf(right));
    const logs = await asSidecar(two, wrong);
    const sentence = 'this node has another key than the proof in its configuration was made with';
    await until('it was refused more than once', () => logs().split(sentence).length > 3, { within: 60_000 });
    expect(logs()).not.toContain('the provider listens');
    // Kubernetes waits longer each time: no tight circle of starts.
    const starts = logs().split(sentence).length;
    const begun = performance.now();
    await until('it was tried again', () => logs().split(sentence).length > starts, { within: 30_000 });
    expect(performance.now() - begun).toBeGreaterThan(400);
    // Not ready, since there is a Secret that it cannot read.
    await until('all but Secrets is served', async () => (await two.call('GET', '/api/v1/configmaps')).status === 200, { within: 60_000 });
    await two.writeEncryption(encryptionOf([kmsV2('casemate', wrong.endpoint), identity]));
    // kube-apiserver refuses a configuration whose plugin is not there: nothing is opened, and nothing written with the wrong key.
    expect((await readSecret(two, namespace, 'login')).status).toBe(500);
    expect(passwordOf(await readSecret(one, namespace, 'login'))).toBe('hunter2');
    expect((await writeSecret(one, namespace, 'second', 'hunter2')).status).toBe(201);
    const ring = (plugin: KmsPlugin): string => join(plugin.configFile, '..', 'ring');
    writeFileSync(ring(wrong), readFileSync(ring(right)));
    await until('the plugin listens', () => logs().includes('the provider listens'), { within: 30_000 });
    await reload(two, `# mended\n${encryptionOf([kmsV2('casemate', wrong.endpoint), identity])}`);
    await until('the second node reads it', async () => passwordOf(await readSecret(two, namespace, 'login')) === 'hunter2', {
      within: 30_000,
    });
    expect((await writeSecret(two, namespace, 'third', 'hunter2')).status).toBe(201);
    expect(passwordOf(await readSecret(one, namespace, 'third'))).toBe('hunter2');
  },
  patience,
);

test.each([
  [
    'a word that is misspelt',
    (plugin: KmsPlugin) => writeFileSync(plugin.configFile, readFileSync(plugin.configFile, 'utf8').replace('probe_every', 'prob_every')),
    (plugin: KmsPlugin) => writeFileSync(plugin.configFile, readFileSync(plugin.configFile, 'utf8').replace('prob_every', 'probe_every')),
    /unknown key "prob_every" in provider "casemate" at \S+kms\.hcl:4$/,
  ],
  [
    'a key ring that others may read',
    (plugin: KmsPlugin) => chmodSync(join(plugin.configFile, '..', 'ring'), 0o644),
    (plugin: KmsPlugin) => chmodSync(join(plugin.configFile, '..', 'ring'), 0o600),
    /ring may be read by others; chmod it to 0600/,
  ],
  [
    'a folder of the socket that others may enter and that holds other files',
    (plugin: KmsPlugin) => socketFolder(plugin, 0o755),
    (plugin: KmsPlugin) => socketFolder(plugin, 0o700),
    /the folder \S+ of the socket is open to others \(mode 0755\).*chmod it to 0700/,
  ],
] as const)(
  '%s: each start is refused in one sentence, later each time, all but Secrets is served, and the mended file counts by itself',
  async (_what, harm, mend, sentence) => {
    const [, two] = nodes();
    const plugin = await pluginNamed(`harmed${made}`);
    await plugin.start();
    await reload(two, `# ${plugin.name}\n${encryptionOf([kmsV2('casemate', plugin.endpoint), identity])}`);
    const namespace = await cluster().namespace();
    expect((await writeSecret(two, namespace, 'login', 'hunter2')).status).toBe(201);
    await plugin.stop();
    harm(plugin);
    const logs = await asSidecar(two, plugin);
    const refusals = (): string[] => logs().trimEnd().split('\n');
    await until('it was refused three times', () => refusals().length >= 3, { within: 60_000 });
    for (const line of refusals()) expect(line).toMatch(sentence);
    expect(logs()).not.toMatch(/ {4}at |hunter2/);
    await until('all but Secrets is served', async () => (await two.call('GET', '/api/v1/configmaps')).status === 200, { within: 60_000 });
    expect((await readSecret(two, namespace, 'login')).status).toBe(500);
    mend(plugin);
    await until('the secret is read', async () => passwordOf(await readSecret(two, namespace, 'login')) === 'hunter2', {
      within: 60_000,
      every: 500,
    });
  },
  patience,
);

function socketFolder(plugin: KmsPlugin, mode: number): void {
  const folder = join(plugin.configFile, '..', 'run');
  writeFileSync(join(folder, 'something'), '');
  chmodSync(folder, mode);
}
