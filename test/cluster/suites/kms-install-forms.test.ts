// `casemate kms install` in other ways: on the node itself, as a static pod of its own, beside encryption at rest, and when it fails.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { type Installer, makeInstaller } from '../fixture/kms-install.ts';
import { makeManager } from '../fixture/manager.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({});
const server = () => cluster().servers[0];
const manifest = () => readFileSync(server().manifest, 'utf8');
const run = promisify(execFile);
const casemate = fileURLToPath(new URL('../../../bin/casemate', import.meta.url));
let installer: Installer;
let namespace = '';

beforeAll(async () => {
  installer = makeInstaller(cluster());
  namespace = await cluster().namespace();
}, 60_000);

test('a plugin that cannot start: the old manifest is put back, the API serves on, and nothing is sealed', async () => {
  const before = manifest();
  const config = join(cluster().folder, 'broken.hcl');
  const key = 'key "local" { path = "/nowhere/etcd.ring" }';
  writeFileSync(config, `health { disabled = true }\nprovider "secrets" {\n socket = "${installer.socket}"\n ${key}\n}\n`, { mode: 0o600 });
  const words = [`-plugin-config=${config}`, `-plugin-folder=${join(cluster().folder, 'broken')}`, '-wait-restart=25s'];
  const { code, stderr } = await installer.run('install', server(), ...words);
  expect(code).toBe(1);
  expect(stderr).toContain('kube-apiserver on cp1 did not come up with its new manifest');
  expect(stderr).toContain('its previous manifest was put back, and it is well');
  expect(manifest()).toBe(before);
  await writeSecret(cluster(), namespace, 'login', 'hunter2');
  expect(await storedSecret(cluster(), namespace, 'login')).toContain('hunter2');
}, 240_000);

test('beside keys that seal already the plugin comes alone, and the manager moves to it', async () => {
  const manager = makeManager(cluster());
  await manager.must(['enable', '-yes', '-no-snapshot', '-provider=secretbox']);
  const refused = await installer.run('install', server());
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('secrets is encrypted at rest on cp1 already: install the plugin with -plugin-only');
  const { stdout } = await installer.must('install', server(), '-plugin-only');
  const [, words = ''] = /^ {2}casemate etcd (rotate-key .*)$/m.exec(stdout) ?? [];
  await manager.must([...words.split(' '), '-yes', '-no-snapshot']);
  await manager.must(['verify', '-resources=secrets']);
  expect(await storedSecret(cluster(), namespace, 'login')).toContain('k8s:enc:kms:v2:casemate:');
}, 300_000);

test('on the node itself no file of nodes is needed', async () => {
  const words = ['kms', 'doctor', '-local', `-manifest=${server().manifest}`, `-kubeconfig=${cluster().kubeconfig}`];
  const { stdout } = await run('unshare', ['--uts', 'sh', '-c', 'hostname cp1 && exec "$@"', 'sh', casemate, ...words], {
    env: { ...process.env, ...cluster().environment },
    cwd: cluster().folder,
  });
  expect(stdout).toContain('cp1:');
  expect(stdout).not.toContain('FAIL');
}, 60_000);

test('from a sidecar to a static pod of its own', async () => {
  const words = ['-form=static-pod', `-socket-folder=${join(installer.socket, '..')}`];
  await installer.must('install', server(), ...words);
  expect(manifest()).not.toContain('initContainers');
  expect(readFileSync(join(server().manifestFolder, 'casemate-kms.yaml'), 'utf8')).toContain('system-node-critical');
  const found = await installer.doctor(server());
  expect(Object.values(found).filter(({ ok }) => !ok)).toEqual([]);
  expect(passwordOf(await readSecret(server(), namespace, 'login'))).toBe('hunter2');
}, 240_000);

test('and back to a sidecar: the pod of its own goes, since only one may have the socket', async () => {
  await installer.must('install', server());
  expect(existsSync(join(server().manifestFolder, 'casemate-kms.yaml'))).toBe(false);
  const found = await installer.doctor(server());
  expect(Object.values(found).filter(({ ok }) => !ok)).toEqual([]);
}, 240_000);
