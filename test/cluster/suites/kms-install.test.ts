// `casemate kms install` and `uninstall` on a real kube-apiserver: a newcomer's walk, what is refused, and the way back.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Installer, makeInstaller } from '../fixture/kms-install.ts';
import { makeManager } from '../fixture/manager.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({});
let installer: Installer;
let before = '';
const server = () => cluster().servers[0];
const manifest = () => readFileSync(server().manifest, 'utf8');

test('a dry run shows the diff of every file, and changes nothing', async () => {
  installer = makeInstaller(cluster());
  before = manifest();
  const { stdout } = await installer.must('install', server(), '-dry-run');
  expect(stdout).toContain('+    - name: casemate-kms');
  expect(stdout).toContain('+        - --encryption-provider-config=');
  expect(stdout).toContain('+        - --encryption-provider-config-automatic-reload=true');
  expect(stdout).toContain('it holds secrets and is not shown');
  expect(stdout).toMatch(/\+ +- "?identity"?: \{\}\n\+ +- "?kms"?:/);
  expect(manifest()).toBe(before);
  expect(existsSync(installer.pluginFolder)).toBe(false);
}, 60_000);

test("a newcomer's walk: install, doctor, a Secret of kubectl that is ciphertext in etcd, what was there before is written anew", async () => {
  const namespace = await cluster().namespace();
  await writeSecret(cluster(), namespace, 'older', 'from before');
  const { stdout } = await installer.must('install', server());
  expect(stdout).toContain('casemate etcd rotate-key');
  expect(statSync(join(installer.pluginFolder, 'etcd.ring')).mode & 0o777).toBe(0o600);
  expect(statSync(installer.pluginFolder).mode & 0o777).toBe(0o700);
  await cluster().kubectl(['create', 'secret', 'generic', 'secret1', '-n', namespace, '--from-literal=mykey=mydata']);
  const stored = await storedSecret(cluster(), namespace, 'secret1');
  expect(stored.startsWith('k8s:enc:kms:v2:casemate:')).toBe(true);
  expect(stored).not.toContain('mydata');
  const shown = await cluster().kubectl(['get', 'secret', 'secret1', '-n', namespace, '-o', 'jsonpath={.data.mykey}']);
  expect(Buffer.from(shown.stdout, 'base64').toString()).toBe('mydata');
  expect(passwordOf(await readSecret(server(), namespace, 'older'))).toBe('from before');

  const found = await installer.doctor(server());
  expect(Object.values(found).filter(({ ok }) => !ok)).toEqual([]);
  expect(Object.keys(found)).toEqual([
    'flag',
    'reload',
    'configuration',
    'socket',
    'permissions',
    'plugin',
    'round-trip',
    'key',
    'kube-apiserver',
    'loaded',
    'etcd',
    'stored',
    'secret',
  ]);

  await makeManager(cluster()).must(['rotate-key', '-yes', '-no-snapshot']);
  expect(await storedSecret(cluster(), namespace, 'older')).toContain('k8s:enc:kms:v2:casemate:');
  await makeManager(cluster()).must(['verify', '-resources=secrets']);
}, 240_000);

test('a second run changes nothing and starts nothing anew', async () => {
  const starts = server().starts();
  const now = manifest();
  await installer.must('install', server());
  expect(manifest()).toBe(now);
  expect(server().starts()).toBe(starts);
}, 60_000);

test('while data needs the key, uninstall refuses with the number, the first objects and the command that moves them away', async () => {
  const now = manifest();
  const { code, stderr } = await installer.run('uninstall', server());
  expect(code).toBe(1);
  expect(stderr).toMatch(/\d+ objects in etcd are sealed by the KMS casemate and would be lost \(secrets /);
  expect(stderr).toContain('casemate etcd disable');
  expect(manifest()).toBe(now);
}, 60_000);

test('when nothing needs it any more, uninstall takes it away, and what snapshots need stays', async () => {
  await makeManager(cluster()).must(['disable', '-yes', '-no-snapshot', '-remove-configuration']);
  const { stdout } = await installer.must('uninstall', server());
  expect(manifest()).toBe(before);
  expect(stdout).toContain(join(installer.pluginFolder, 'etcd.ring'));
  expect(existsSync(join(installer.pluginFolder, 'etcd.ring'))).toBe(true);
  await installer.must('install', server());
  expect((await installer.doctor(server()))['secret']?.ok).toBe(true);
}, 240_000);
