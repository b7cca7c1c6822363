// `casemate kms install` on three kube-apiservers: nothing is sealed before each of them opens it, and the manager goes on from there.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type Installer, makeInstaller } from '../fixture/kms-install.ts';
import { makeManager } from '../fixture/manager.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({ apiservers: 3 });
let installer: Installer;
let namespace = '';
let next: readonly string[] = [];

test('on the first node the KMS opens and does not seal, the manager is named, and uninstall gives the manifest back as it was', async () => {
  installer = makeInstaller(cluster());
  namespace = await cluster().namespace();
  const first = cluster().server('cp1');
  const before = readFileSync(first.manifest, 'utf8');
  const { stdout } = await installer.must('install', first);
  expect(stdout).toContain('3 kube-apiservers live (cp1, cp2, cp3), so nothing is sealed yet');
  const [, words = ''] = /^ {2}casemate etcd (enable .*)$/m.exec(stdout) ?? [];
  next = words.split(' ');
  await writeSecret(first, namespace, 'early', 'password');
  expect(await storedSecret(cluster(), namespace, 'early')).toContain('password');
  const found = await installer.doctor(first);
  expect(Object.values(found).flatMap(({ name, ok }) => (ok ? [] : [name]))).toEqual(['configuration', 'secret']);
  expect(found['configuration']?.remedy).toContain('casemate etcd enable -provider=kms-v2');

  const removed = await installer.must('uninstall', first);
  expect(readFileSync(first.manifest, 'utf8'), removed.stdout).toBe(before);
  expect(existsSync(join(first.folder, 'encryption-at-rest', 'config.yaml'))).toBe(false);
}, 240_000);

test('on one node after the other, and then the manager: sealed everywhere, read everywhere, one configuration', async () => {
  const texts = new Set<string>();
  for (const server of cluster().servers) {
    await installer.must('install', server);
    texts.add(readFileSync(join(server.folder, 'encryption-at-rest', 'config.yaml'), 'utf8'));
  }
  expect(texts.size).toBe(1);
  const manager = makeManager(cluster());
  await manager.must([...next, '-yes', '-no-snapshot']);
  await manager.must(['verify', '-resources=secrets']);
  expect(await storedSecret(cluster(), namespace, 'early')).toContain('k8s:enc:kms:v2:casemate:');
  for (const server of cluster().servers) {
    expect(passwordOf(await readSecret(server, namespace, 'early'))).toBe('password');
    expect(Object.values(await installer.doctor(server)).filter(({ ok }) => !ok)).toEqual([]);
  }
}, 400_000);

test('a node whose key ring nobody can be asked for is not given one of its own', async () => {
  const last = cluster().server('cp3');
  const elsewhere = join(dirname(installer.pluginFolder), 'elsewhere');
  const { code, stderr } = await installer.run('install', last, `-plugin-folder=${elsewhere}`);
  expect(code).toBe(1);
  expect(stderr).toContain('may have a key ring already');
  expect(existsSync(elsewhere)).toBe(false);
}, 60_000);
