// The walk of a newcomer through `casemate kms install` and `doctor`: v1 and v2, AES and SM4, a ring, a transit engine, JD Cloud.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/crypto/random.ts';
import { createRing } from '../../../src/keys/ring-file.ts';
import type { CloudServer } from '../../suites/cloud-kms/cloud-server.ts';
import { startJdcloud } from '../../suites/cloud-kms/jdcloud-server.ts';
import { startTransitHolder, type TransitHolder } from '../../suites/transit-holder.ts';
import { type Installer, makeInstaller } from '../fixture/kms-install.ts';
import { makeManager } from '../fixture/manager.ts';
import { storedSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({});
const server = () => cluster().servers[0];
const manifest = () => readFileSync(server().manifest, 'utf8');
const own = (name: string) => join(cluster().folder, name);
const encryptionFolder = () => join(server().folder, 'encryption-at-rest');
const secretKey = 'secret-key-of-the-test';
let installer: Installer;
let transit: TransitHolder;
let jdcloud: CloudServer;
let before = '';

beforeAll(async () => {
  [transit, jdcloud] = await Promise.all([startTransitHolder(), startJdcloud()]);
  jdcloud.keys.create('abcd');
  jdcloud.accounts.set('AK', { secretKey });
  installer = makeInstaller(cluster());
  before = manifest();
  await createRing(own('sm4.ring'), { name: 'etcd', cipher: 'sm4-gcm' }, { random: systemRandom, clock: systemClock });
  write('transit.hcl', hcl(transitKey()));
  write('two-levels.hcl', hcl(transitKey().replace(/\}$/, ' two_levels { cipher = "sm4-gcm" }\n }')));
  write('jdcloud.json', JSON.stringify(seedJson(), undefined, 2).replace('"abcd",', '"abcd", # known before the plugin is installed'));
}, 60_000);
afterAll(async () => {
  await transit?.end();
  await jdcloud?.close();
});

const write = (name: string, text: string, mode = 0o600) => writeFileSync(own(name), text, { mode });
const hcl = (key: string) => `health { disabled = true }\nprovider "secrets" {\n socket = "${installer.socket}"\n ${key}\n}\n`;
const transitKey = () =>
  `key "transit" {\n address = "${transit.description.address}"\n key_name = "etcd"\n token = "file://${transit.tokenFile}"\n }`;

/** The file of JD Cloud's guide, with another address. */
const seedJson = () => ({
  AccessKey: 'AK',
  SecretKey: secretKey,
  KmsEndpoint: jdcloud.address.replace('http://', ''),
  KmsKeyId: 'abcd',
  KmsSchema: 'http',
  AllowPlainHttp: true,
  GRPCSocketPath: installer.socket,
});

/** From the outside: what uninstall does has tests of its own. */
async function asBefore(): Promise<void> {
  await cluster().etcd.deleteAll('/registry/secrets/');
  const starts = server().starts();
  const changed = manifest() !== before;
  writeFileSync(server().manifest, before);
  if (changed) await until('kube-apiserver is started anew', () => server().starts() > starts);
  await server().ready();
  for (const folder of [installer.pluginFolder, encryptionFolder()]) rmSync(folder, { recursive: true, force: true });
}

/** Nothing that a refused run could have written. */
const left = () => ({
  manifest: manifest(),
  starts: server().starts(),
  folders: [installer.pluginFolder, encryptionFolder()].map((folder) => (existsSync(folder) ? readdirSync(folder) : [])),
});

async function walk(version: string, name: string): Promise<string> {
  const namespace = await cluster().namespace();
  await cluster().kubectl(['create', 'secret', 'generic', 'secret1', '-n', namespace, '--from-literal=mykey=mydata']);
  const stored = await storedSecret(cluster(), namespace, 'secret1');
  expect(stored.startsWith(`k8s:enc:kms:${version}:${name}:`)).toBe(true);
  expect(stored).not.toContain('mydata');
  const found = await installer.doctor(server(), `-kms-name=${name}`);
  expect(Object.values(found).filter(({ ok }) => !ok)).toEqual([]);
  expect(Object.keys(found).length).toBeGreaterThanOrEqual(version === 'v1' ? 12 : 13);
  expect(found['secret']?.finding).toContain(`ciphertext of kms-${version} ${name}`);
  await server().restart();
  const shown = await cluster().kubectl(['get', 'secret', 'secret1', '-n', namespace, '-o', 'jsonpath={.data.mykey}']);
  expect(Buffer.from(shown.stdout, 'base64').toString()).toBe('mydata');
  return namespace;
}

test('what is refused has changed nothing on the node', async () => {
  const json = seedJson();
  write('no-key.json', JSON.stringify({ ...json, KmsKeyId: undefined }));
  write('in-clear.json', JSON.stringify({ ...json, AllowPlainHttp: undefined, KmsEndpoint: 'kms.internal.example' }));
  write('open.json', JSON.stringify(json));
  write(
    'two.hcl',
    `${hcl(transitKey())}${hcl(transitKey()).replace(/^.*\n/, '').replace('"secrets"', '"other"').replace('.sock', '2.sock')}`,
  );
  write('no-ring', 'no ring at all');
  const asAtFirst = left();
  const refusals: readonly (readonly [string, readonly string[]])[] = [
    ['KmsKeyId is needed', [`-plugin-config=${own('no-key.json')}`]],
    ['two.hcl has 2 providers', [`-plugin-config=${own('two.hcl')}`]],
    ['there is no such file', [`-plugin-config=${own('nowhere.hcl')}`]],
    ['no-ring', [`-ring=${own('no-ring')}`]],
    ['there is no KMS "v3"', ['-kms-version=v3']],
    ['there is no form "daemonset"', ['-form=daemonset']],
    ['is no absolute path', ['-plugin-folder=etc/casemate']],
    ['would refuse the configuration', ['-kms-name=with:colon']],
    ['would refuse the configuration', ['-resources=secrets,secrets']],
    ['there is no node "cp9"', ['-node=cp9']],
  ];
  for (const [words, flags] of refusals) {
    const { code, stderr } = await installer.run('install', server(), ...flags);
    expect(stderr, flags.join(' ')).toContain(words);
    expect(code, flags.join(' ')).toBe(1);
    expect(stderr).not.toContain(secretKey);
    expect(left(), flags.join(' ')).toEqual(asAtFirst);
  }
}, 120_000);

describe('install, doctor, a Secret of kubectl', () => {
  const jsonWords = () => [`-plugin-config=${own('jdcloud.json')}`];
  test.each([
    ['a ring with SM4', 'v2', () => [`-ring=${own('sm4.ring')}`]],
    ['a transit engine', 'v2', () => [`-plugin-config=${own('transit.hcl')}`]],
    ['a transit engine over two levels with SM4', 'v1', () => [`-plugin-config=${own('two-levels.hcl')}`]],
    ["the file of JD Cloud's plugin", 'v2', jsonWords],
    ["the file of JD Cloud's plugin", 'v1', jsonWords],
  ] as const)(
    '%s, %s: ciphertext lies in etcd, clear text is read, also after a restart',
    async (_title, version, words) => {
      const { stdout } = await installer.must('install', server(), `-kms-version=${version}`, '-kms-name=myKmsPlugin', ...words());
      expect(stdout).not.toContain(secretKey);
      expect(manifest().includes('KMSv1=true')).toBe(version === 'v1');
      await walk(version, 'myKmsPlugin');
      await asBefore();
    },
    120_000,
  );
});

test('v1 over a ring, then v2 at the same socket: install names the command, and the manager moves everything', async () => {
  await installer.must('install', server(), '-kms-version=v1');
  const namespace = await walk('v1', 'casemate');
  const asInstalled = left();
  const { code, stderr } = await installer.run('install', server());
  expect(code).toBe(1);
  expect(stderr).toContain('the KMS casemate of cp1 is spoken to in v1, and the plugin answers v2 at the same socket already');
  expect(left()).toEqual(asInstalled);
  const [, words = ''] = /"casemate etcd (rotate-key [^"]*)"/.exec(stderr) ?? [];
  await makeManager(cluster()).must([...words.split(' '), '-yes', '-no-snapshot']);
  expect(await storedSecret(cluster(), namespace, 'secret1')).toMatch(/^k8s:enc:kms:v2:casemate-v2:/);
  await walk('v2', 'casemate-v2');
}, 240_000);

test('another configuration is not written over one that is in use', async () => {
  const asInstalled = left();
  const { code, stderr } = await installer.run('install', server(), '-kms-name=casemate-v2', `-plugin-config=${own('transit.hcl')}`);
  expect(code).toBe(1);
  expect(stderr).toContain('kms.hcl on cp1 is the configuration of the KMS casemate-v2, which is in use');
  expect(left()).toEqual(asInstalled);
}, 60_000);

test('uninstall -purge shows what goes, and takes configuration and keys away with the plugin', async () => {
  await makeManager(cluster()).must(['disable', '-yes', '-no-snapshot', '-remove-configuration']);
  const ring = join(installer.pluginFolder, 'etcd.ring');
  const config = join(installer.pluginFolder, 'kms.hcl');
  const dry = await installer.must('uninstall', server(), '-kms-name=casemate-v2', '-purge', '-dry-run');
  for (const path of [ring, config]) expect(dry.stdout).toContain(`removed: ${path} on cp1`);
  expect(readdirSync(installer.pluginFolder).sort()).toEqual(['etcd.ring', 'kms.hcl']);
  const { stdout } = await installer.must('uninstall', server(), '-kms-name=casemate-v2', '-purge');
  expect(stdout).not.toContain('Left in place');
  expect(readdirSync(installer.pluginFolder)).toEqual([]);
  expect(manifest()).not.toMatch(/casemate-kms|encryption-provider/);
  const again = await installer.must('uninstall', server(), '-purge');
  expect(again.stdout).toContain('Nothing on cp1 starts a plugin, so no key of one was found there');
}, 120_000);
