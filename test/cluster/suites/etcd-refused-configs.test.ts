// A configuration that kube-apiserver itself refuses, in both modes: the node has what it had, the others run on, and it can be resumed.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { configOf, expectEnd, expectReadable, passwords } from '../fixture/manager-end.ts';
import { writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

// Our own rules find nothing wrong with a KMS whose plugin does not answer, and no kube-apiserver takes it.
const cluster = clusterOfFile({ apiservers: 2, kms: ['secrets', 'more'] });
const secrets = passwords(5);
let namespace = '';
let manager: Manager;

beforeAll(async () => {
  manager = makeManager(cluster());
  namespace = await cluster().namespace();
  for (const [name, password] of Object.entries(secrets)) await writeSecret(cluster(), namespace, name, password);
  await manager.must(['enable', '-yes', '-provider=aescbc', '-no-snapshot', '-format=json']);
}, 120_000);

const configs = () => cluster().servers.map(configOf);
const manifests = () => cluster().servers.map(({ manifest }) => readFileSync(manifest, 'utf8'));
const kms = (name: string) => ['-provider=kms-v2', `-kms-name=${name}`, `-kms-endpoint=${cluster().kms(name).endpoint}`];

test('refused at a reload: kube-apiserver runs on, and the bytes of before are put back on every node', async () => {
  const before = configs();
  await cluster().kms('secrets').stop();
  const refused = await manager.run(['rotate-key', '-yes', '-no-snapshot', ...kms('secrets'), '-format=json']);
  expect(refused.code, refused.stderr).toBe(3);
  expect(refused.stderr).toMatch(/cp\d.* refused the new configuration and runs on with the old one, which was put back there/);
  expect(configs()).toEqual(before);
  for (const server of cluster().servers) expect(await server.isReady()).toBe(true);
  await expectReadable(cluster().servers, namespace, secrets);

  await cluster().kms('secrets').start();
  await manager.must(['resume', '-format=json']);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 300_000);

test('refused at a restart: the manifest of before is put back, one node at a time, and nothing of the change stays behind', async () => {
  const before = [configs(), manifests()];
  await cluster().kms('more').stop();
  const words = ['rotate-key', '-yes', '-no-snapshot', '-restart', '-wait-restart=25s', ...kms('more'), '-format=json'];
  const refused = await manager.run(words);
  expect(refused.code, refused.stderr).toBe(3);
  expect(refused.stderr).toContain('kube-apiserver on cp1 did not come up with its new manifest');
  expect(refused.stderr).toContain('its previous manifest was put back, and it is well');
  expect([configs(), manifests()]).toEqual(before);
  await expectReadable(cluster().servers, namespace, secrets);

  await cluster().kms('more').start();
  await manager.must(['resume', '-format=json']);
  await expectEnd(cluster(), manager, { namespace, secrets });
  // Each phase had a file of its own, with keys in it.
  for (const server of cluster().servers) {
    const files = readdirSync(join(server.folder, 'encryption-at-rest'));
    expect(files).toHaveLength(1);
    expect(files[0]).toMatch(/^enc-[0-9a-f]{8}\.yaml$/);
  }
}, 400_000);
