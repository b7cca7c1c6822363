// KMS plugins that fail while the manager is at work: down on one node, slow, throttled by what is behind them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { type KmsPlugin, makeKmsPlugin } from '../fixture/kms-plugin.ts';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { killedIn } from '../fixture/manager-end.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ apiservers: 3, kms: ['slow', 'busy'], flags: ['--feature-gates=KMSv1=true'] });
const secrets = 30;
let plugin: KmsPlugin;
/** Behind the same path on cp3: each node has a plugin of its own. */
let pluginOfThird: KmsPlugin;
let manager: Manager;
let namespace = '';

beforeAll(async () => {
  plugin = await makeKmsPlugin(cluster(), 'plugin');
  pluginOfThird = await makeKmsPlugin(cluster(), 'third', { key: `key "local" { path = "${join(cluster().folder, 'plugin', 'ring')}" }` });
  await plugin.start();
  await showOtherFolder('cp3', runOf(pluginOfThird), runOf(plugin));
  manager = makeManager(cluster());
  namespace = await cluster().namespace();
  for (let number = 0; number < secrets; number++) await writeSecret(cluster(), namespace, `s${number}`, `password ${number}`);
}, 240_000);

const runOf = ({ endpoint }: KmsPlugin) => dirname(endpoint.replace('unix://', ''));

/** What `to` shows inside is the node's own: one host stands for three here. */
async function showOtherFolder(name: string, from: string, to: string): Promise<void> {
  for (const folder of [from, to]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = cluster().server(name);
  const pod = parse(readFileSync(server.manifest, 'utf8'));
  pod.spec.containers[0].volumeMounts.push({ name: 'kms', mountPath: to });
  pod.spec.volumes.push({ name: 'kms', hostPath: { path: from, type: 'Directory' } });
  const starts = server.starts();
  writeFileSync(server.manifest, stringify(pod, { lineWidth: 0 }), { mode: 0o600 });
  await until(`${name} runs with the other folder`, () => server.starts() > starts);
  await server.ready();
}

async function provider(): Promise<string> {
  const { rows } = JSON.parse((await manager.must(['verify', '-format=json', '-resources=secrets'])).stdout);
  expect(rows).toHaveLength(1);
  expect(rows[0].count).toBe(secrets);
  for (const server of cluster().servers) expect(passwordOf(await readSecret(server, namespace, 's3'))).toBe('password 3');
  return rows[0].provider;
}

const v2 = () => ['-provider=kms-v2', '-kms-name=plugin', `-kms-endpoint=${plugin.endpoint}`];

test('while the plugin of one node is down kube-apiserver there gets its old manifest back, and resume goes on when it is up', async () => {
  const before = readFileSync(cluster().server('cp3').manifest, 'utf8');
  const frozen = await manager.run(['enable', '-yes', ...v2(), '-wait-restart=25s']);
  expect(frozen.code, frozen.stderr).toBeGreaterThan(0);
  expect(frozen.stderr).toContain('cp3 did not come up with its new manifest');
  expect(frozen.stderr).toContain('kms-providers');
  expect(readFileSync(cluster().server('cp3').manifest, 'utf8')).toBe(before);
  expect(await storedSecret(cluster(), namespace, 's3')).toContain('password 3');
  for (const server of cluster().servers) expect(passwordOf(await readSecret(server, namespace, 's3'))).toBe('password 3');
  await pluginOfThird.start();
  await manager.must(['resume', '-yes']);
  expect(await provider()).toBe('kms-v2');
}, 400_000);

test('a kube-apiserver that refuses a reload because its plugin is down keeps its old configuration, and nothing seals with the new one', async () => {
  await manager.must(['rotate-key', '-yes', '-no-snapshot', '-provider=secretbox']);
  await pluginOfThird.stop();
  const config = join(cluster().server('cp3').folder, 'encryption-at-rest', 'config.yaml');
  const before = readFileSync(config, 'utf8');
  const words = ['rotate-key', '-yes', '-no-snapshot', '-provider=kms-v2', '-kms-name=again', `-kms-endpoint=${plugin.endpoint}`];
  const frozen = await manager.run([...words, '-wait-reload=60s']);
  expect(frozen.code, frozen.stderr).toBe(3);
  expect(frozen.stderr).toMatch(/cp3 (refused the new configuration|runs with another one)/);
  expect(readFileSync(config, 'utf8')).toBe(before);
  // What is written now is sealed with what everybody opens.
  await writeSecret(cluster().server('cp1'), namespace, 'meanwhile', 'between');
  expect(await storedSecret(cluster(), namespace, 'meanwhile')).toContain('k8s:enc:secretbox:');
  for (const server of cluster().servers) expect(passwordOf(await readSecret(server, namespace, 'meanwhile'))).toBe('between');
  await cluster().call('DELETE', `/api/v1/namespaces/${namespace}/secrets/meanwhile`);
  const still = await manager.run(['resume', '-yes', '-wait-reload=60s']);
  expect(still.code, still.stderr).toBe(3);
  await pluginOfThird.start();
  await manager.must(['resume', '-yes']);
  expect(await provider()).toBe('kms-v2');
}, 400_000);

test('where nobody has rotated the key at its holder rotate-key says so, with the key that it is', async () => {
  const before = await storedSecret(cluster(), namespace, 's3');
  const { stdout } = await manager.must(['rotate-key', '-yes', '-no-snapshot', '-format=json']);
  const { rows } = JSON.parse((await manager.must(['verify', '-format=json', '-resources=secrets'])).stdout);
  const kms_keys = [{ provider: 'again', same_as_before: true, key_id: rows[0].key_id }];
  expect(JSON.parse(stdout)).toMatchObject({ kind: 'key-encryption-key', kms_keys });
  // kube-apiserver seals anew what another key has sealed, and nothing else: more must not be claimed.
  expect(await storedSecret(cluster(), namespace, 's3')).toBe(before);
}, 200_000);

test('a rotation to a KMS whose socket the manifests do not show is taken back with its manifests', async () => {
  const everything = () =>
    cluster().servers.map(({ manifest, folder }) => [
      readFileSync(manifest, 'utf8'),
      readFileSync(join(folder, 'encryption-at-rest', 'config.yaml'), 'utf8'),
    ]);
  const before = everything();
  const { endpoint } = cluster().kms('slow');
  const words = ['rotate-key', '-yes', '-no-snapshot', '-provider=kms-v2', '-kms-name=slow', `-kms-endpoint=${endpoint}`];
  await killedIn(manager, words, 'read/converged');
  for (const [[manifest], [old]] of everything().map((now, index) => [now, before[index] as string[]] as const)) {
    expect(manifest).not.toBe(old);
    expect(manifest).toContain(dirname(endpoint.replace('unix://', '')));
  }
  await manager.must(['abort', '-format=json']);
  expect(everything()).toEqual(before);
  expect(await provider()).toBe('kms-v2');
}, 300_000);

test('a plugin that answers slowly makes the change slow, and no more', async () => {
  const { behaviour, endpoint } = cluster().kms('slow');
  behaviour.delay = 1_500;
  await manager.must(['rotate-key', '-yes', '-no-snapshot', '-provider=kms-v2', '-kms-name=slow', `-kms-endpoint=${endpoint}`]);
  expect(await provider()).toBe('kms-v2');
  expect(await storedSecret(cluster(), namespace, 's3')).toContain('k8s:enc:kms:v2:slow:');
  behaviour.delay = 0;
}, 400_000);

test('a KMS that refuses calls by fits while everything is rewritten loses no object', async () => {
  const { behaviour, endpoint, count } = cluster().kms('busy');
  const words = ['rotate-key', '-yes', '-no-snapshot', '-format=json', '-provider=kms-v1', '-kms-name=busy', `-kms-endpoint=${endpoint}`];
  const running = manager.start(words);
  let over = false;
  const done = running.ended.finally(() => {
    over = true;
  });
  await until('the rewrite', () => over || running.stderr().includes('"step":"rewrite"'), { within: 120_000, every: 5 });
  let refusals = 0;
  while (!over && !running.stderr().includes('"step":"verify"')) {
    const before = count('v1-encrypt');
    behaviour.refusal = 'too many requests: slow down';
    await pause(400);
    refusals += count('v1-encrypt') - before;
    behaviour.refusal = undefined;
    await pause(100);
  }
  behaviour.refusal = undefined;
  const { code, stderr } = await done;
  expect(refusals).toBeGreaterThan(0);
  if (code !== 0) {
    // Whatever is still sealed otherwise keeps the change open.
    expect(stderr).toContain('"casemate etcd resume" goes on');
    await manager.must(['resume', '-yes']);
  }
  expect(await provider()).toBe('kms-v1');
}, 400_000);
