// The walk of RKE's page on encryption of data at rest, with its cluster.yml: enabled, rotated, disabled, a configuration of one's own, restored.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { whyNoSshd } from '../../nodes/sshd.ts';
import { clusterPrograms } from '../fixture/programs.ts';
import { type RkeNodes, startRkeNodes } from '../fixture/rke.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const missing = whyNoSshd();
const etcdutl = join(clusterPrograms().etcd, 'etcdutl');

describe.skipIf(missing !== undefined)(missing ?? 'with a cluster.yml, over SSH with the keys of an agent', () => {
  const cluster = clusterOfFile({ apiservers: 3, kms: ['aws'] });
  let rke: RkeNodes;
  let namespace = '';
  const configFile = 'encryption/config.yaml';
  const common = ['--config', 'cluster.yml', '--ssh-agent-auth'];
  const own = () => [`-state=${rke.stateFolder}`];
  const change = (verb: string, ...more: string[]) => rke.must(['etcd', verb, ...common, ...own(), '-yes', ...more]);
  const managed = (encryption: object) => rke.writeCluster({ 'kube-api': { secrets_encryption_config: encryption } });

  beforeAll(async () => {
    if (missing !== undefined) return;
    rke = await startRkeNodes(cluster());
    namespace = await cluster().namespace();
    for (const name of ['one', 'two', 'three']) await writeSecret(cluster(), namespace, name, `password ${name}`);
  }, 120_000);
  afterAll(() => rke?.stop());

  /** Of the only key in the configuration of each node, which is the same on all of them. */
  function keyOnNodes(): { readonly name: string; readonly secret: string } {
    const texts = cluster().servers.map((server) => readFileSync(rke.onNode(server, configFile), 'utf8'));
    expect(new Set(texts).size).toBe(1);
    const [{ providers }] = parse(texts[0] ?? '').resources;
    const [{ aescbc }] = providers;
    expect(aescbc.keys).toHaveLength(1);
    return aescbc.keys[0];
  }

  async function expectSealed(prefix: string | RegExp): Promise<void> {
    for (const name of ['one', 'two', 'three']) {
      expect(await storedSecret(cluster(), namespace, name)).toMatch(prefix);
      for (const server of cluster().servers) expect(passwordOf(await readSecret(server, namespace, name))).toBe(`password ${name}`);
    }
  }

  const before = () => join(rke.folder, 'before-rotation.db');
  let old: { readonly name: string; readonly secret: string };

  test('enabled: true seals everything with a new random key of 32 bytes, by aescbc, on all controlplane nodes', async () => {
    managed({ enabled: true });
    await change('enable');
    old = keyOnNodes();
    expect(Buffer.from(old.secret, 'base64')).toHaveLength(32);
    await expectSealed(new RegExp(`^k8s:enc:aescbc:v1:${old.name}:`));
    for (const server of cluster().servers) expect(readFileSync(server.manifest, 'utf8')).toContain('--encryption-provider-config=');
    await rke.must(['etcd', 'snapshot', 'save', ...common, ...own(), before()]);
  }, 240_000);

  test('rotate-key takes another random key, writes everything with it, and forgets the old one', async () => {
    // As RKE's own command is called.
    await change('rotate-key', '--ignore-docker-version');
    const key = keyOnNodes();
    expect(Buffer.from(key.secret, 'base64')).toHaveLength(32);
    expect(key.secret).not.toBe(old.secret);
    await expectSealed(new RegExp(`^k8s:enc:aescbc:v1:${key.name}:`));
  }, 240_000);

  test('a snapshot from before the rotation is refused without its key, and restored with it', async ({ skip }) => {
    skip(!existsSync(etcdutl), 'the fixture has no etcdutl: run scripts/fixtures/cluster.mjs again');
    const [server] = cluster().servers;
    const current = rke.onNode(server, configFile);
    const check = ['etcd', 'snapshot', 'restore-check', `-configuration=${current}`];
    const refused = await rke.run([...check, before()]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`aescbc key ${old.name} is missing, fingerprint `);
    const merged = join(rke.folder, 'with-archive.yaml');
    const allowed = await rke.must([...check, ...own(), `-write-configuration=${merged}`, before()]);
    expect(allowed.stdout).toContain(`aescbc key ${old.name}`);

    await restored(before());
    // What the check has said of the configuration alone is so.
    const unreadable = await readSecret(server, namespace, 'one');
    expect(unreadable.status).toBe(500);
    expect(unreadable.text).toContain('is not transformable');
    for (const each of cluster().servers) writeFileSync(rke.onNode(each, configFile), readFileSync(merged));
    for (const each of cluster().servers) {
      await each.ready();
      await until('it reads again', async () => (await readSecret(each, namespace, 'one')).status === 200);
    }
    await expectSealed(new RegExp(`^k8s:enc:aescbc:v1:${old.name}:`));
    // Everything goes on from there.
    await change('rotate-key', '-no-snapshot');
    await expectSealed(new RegExp(`^k8s:enc:aescbc:v1:${keyOnNodes().name}:`));
  }, 400_000);

  test('enabled: false: disable stores everything in clear, and takes flags and files away', async () => {
    managed({ enabled: false });
    await expect(change('enable')).rejects.toThrow('says enabled: false');
    await change('disable', '-remove-configuration');
    for (const name of ['one', 'two', 'three']) expect(await storedSecret(cluster(), namespace, name)).toContain(`password ${name}`);
    for (const server of cluster().servers) {
      expect(readFileSync(server.manifest, 'utf8')).not.toContain('encryption-provider-config');
      expect(existsSync(rke.onNode(server, configFile))).toBe(false);
    }
  }, 240_000);

  test('custom_config with a KMS provider is taken as it stands, with the v1 interface that it means', async () => {
    const endpoint = cluster().kms('aws').endpoint;
    const kms = { name: 'aws-encryption-provider', endpoint, cachesize: 1000, timeout: '3s' };
    rke.writeCluster({
      'kube-api': {
        extra_binds: [`${cluster().folder}:${cluster().folder}`],
        secrets_encryption_config: {
          enabled: true,
          custom_config: {
            apiVersion: 'apiserver.config.k8s.io/v1',
            kind: 'EncryptionConfiguration',
            resources: [{ resources: ['secrets'], providers: [{ kms }, { identity: {} }] }],
          },
        },
      },
    });
    await change('enable');
    await expectSealed(/^k8s:enc:kms:v1:aws-encryption-provider:/);
    for (const server of cluster().servers) expect(readFileSync(server.manifest, 'utf8')).toContain('KMSv1=true');
    expect(cluster().kms('aws').count('v1-encrypt')).toBeGreaterThan(0);
  }, 240_000);

  /** Stops everything, and starts it again over what etcdutl has made of the snapshot. */
  async function restored(path: string): Promise<void> {
    const { etcd, servers } = cluster();
    for (const server of servers) await server.stop();
    await etcd.stop();
    rmSync(etcd.dataFolder, { recursive: true });
    const peer = 'http://127.0.0.1:2380';
    await promisify(execFile)(etcdutl, [
      ...['snapshot', 'restore', path, `--data-dir=${etcd.dataFolder}`, '--name=etcd'],
      ...[`--initial-cluster=etcd=${peer}`, `--initial-advertise-peer-urls=${peer}`, '--bump-revision=1000000', '--mark-compacted'],
    ]);
    await etcd.start();
    // None becomes ready while it cannot read its own Secrets: whoever restores has to see that, not wait for it.
    for (const server of servers) void server.start().catch(() => undefined);
    await until('the restored cluster answers', async () => (await servers[0].call('GET', '/api/v1/namespaces')).status === 200);
  }
});
