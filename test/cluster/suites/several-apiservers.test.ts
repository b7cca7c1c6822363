// Three apiservers over one etcd, each a control-plane node of its own: names, configurations, manifests, crashes.

import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Server } from '../fixture/cluster.ts';
import { aescbc, encryptionOf, identity, loadedHash, reload } from '../fixture/encryption.ts';
import { samples } from '../fixture/metrics.ts';
import { passwordOf, readSecret, secretKey, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const plain = encryptionOf([identity]);
const cluster = clusterOfFile({ apiservers: 3, encryption: plain });

async function apiserverId(server: Server): Promise<string | undefined> {
  return samples(await server.metrics(), 'apiserver_encryption_config_controller_last_config_info')[0]?.labels['apiserver_id_hash'];
}

/** The command line of the running process. */
function commandLine(server: Server): string {
  return readFileSync(`/proc/${server.pid()}/cmdline`, 'utf8');
}

test('each apiserver has an identity: three leases, three hashes, three host names', async () => {
  const { servers, call } = cluster();
  const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases?labelSelector=apiserver.kubernetes.io/identity=kube-apiserver';
  const leases = await until('there are three leases', async () => {
    const { items } = (await call('GET', path)).body;
    return items.length === 3 && items;
  });
  const hosts = leases.map(({ metadata }: { metadata: { labels: Record<string, string> } }) => metadata.labels['kubernetes.io/hostname']);
  expect(hosts.toSorted()).toEqual(['cp1', 'cp2', 'cp3']);
  const ids = await Promise.all(servers.map(apiserverId));
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(3);
});

test('what one apiserver writes the others read', async () => {
  const { servers } = cluster();
  const namespace = await cluster().namespace();
  await writeSecret(servers[0], namespace, 'login', 'hunter2');
  for (const server of servers) expect(passwordOf(await readSecret(server, namespace, 'login'))).toBe('hunter2');
});

test('kubectl speaks to the apiserver that it is told', async () => {
  for (const { name, url } of cluster().servers) {
    const { stdout } = await cluster().kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}'], { server: name });
    expect(stdout).toBe(url);
    expect((await cluster().kubectl(['get', '--raw', '/readyz'], { server: name })).stdout).toBe('ok');
  }
});

test('an apiserver that does not know the provider fails on what another one has sealed, until it is told', async () => {
  const [one, two] = cluster().servers as readonly [Server, Server, Server];
  const namespace = await cluster().namespace();
  const sealing = encryptionOf([aescbc('shared'), identity]);
  const reading = encryptionOf([identity, aescbc('shared')]);
  await reload(one, sealing);
  await writeSecret(one, namespace, 'login', 'hunter2');
  try {
    const single = await readSecret(two, namespace, 'login');
    expect(single.status).toBe(500);
    expect(single.body.message).toContain(`corrupt object, Code: 7, Key: ${secretKey(namespace, 'login').replace('/registry', '')}`);
    const all = await two.call('GET', `/api/v1/namespaces/${namespace}/secrets`);
    expect(all.status).toBe(500);
    expect(all.body.message).toContain('failed to read one or more secrets from the storage');
    await reload(two, reading);
    await until('the second one reads it', async () => passwordOf(await readSecret(two, namespace, 'login')) === 'hunter2');
  } finally {
    await cluster().etcd.delete(secretKey(namespace, 'login'));
    await reload(one, plain);
    await reload(two, plain);
  }
});

test('an apiserver that starts over a value which it cannot open is not ready until that value is gone', async () => {
  const [one, , three] = cluster().servers as readonly [Server, Server, Server];
  const namespace = await cluster().namespace();
  await three.stop();
  await reload(one, encryptionOf([aescbc('shared'), identity]));
  await writeSecret(one, namespace, 'login', 'hunter2');
  const started = three.start();
  await delay(8_000);
  expect(await three.isReady()).toBe(false);
  const { status, text } = await three.call('GET', '/readyz');
  expect(status).toBe(500);
  expect(text).toContain('[-]informer-sync failed');
  await cluster().etcd.delete(secretKey(namespace, 'login'));
  await started;
  await reload(one, plain);
}, 120_000);

test('a changed manifest is another pod: the old process ends, and the new flags count', async () => {
  const server = cluster().server('cp2');
  const before = server.pid();
  const manifest = readFileSync(server.manifest, 'utf8');
  expect(commandLine(server)).not.toContain('--max-requests-inflight');
  const changed = manifest.replace('        - --profiling=false\n', '        - --profiling=false\n        - --max-requests-inflight=321\n');
  expect(changed).not.toBe(manifest);
  writeFileSync(join(server.folder, 'changed.yaml'), changed);
  renameSync(join(server.folder, 'changed.yaml'), server.manifest);
  await until('another process runs', () => server.pid() !== undefined && server.pid() !== before);
  await server.ready();
  expect(commandLine(server)).toContain('--max-requests-inflight=321');
});

test('a half-written manifest changes nothing', async () => {
  const server = cluster().server('cp2');
  const before = server.pid();
  const manifest = readFileSync(server.manifest, 'utf8');
  writeFileSync(server.manifest, manifest.slice(0, 40));
  await delay(500);
  expect(server.pid()).toBe(before);
  writeFileSync(server.manifest, manifest);
  await delay(500);
  expect(server.pid()).toBe(before);
});

test('a manifest that is taken away ends the apiserver, and one that is put back starts it', async () => {
  const server = cluster().server('cp3');
  const aside = join(server.folder, 'aside.yaml');
  renameSync(server.manifest, aside);
  await until('it has ended', () => server.pid() === undefined);
  await expect(server.call('GET', '/readyz')).rejects.toThrow(/ECONNREFUSED/);
  expect(await cluster().server('cp1').isReady()).toBe(true);
  renameSync(aside, server.manifest);
  await server.ready();
});

test('a copy left in the manifest folder runs too, as with the kubelet, and cannot have the port', async () => {
  const server = cluster().server('cp3');
  const copy = join(server.manifestFolder, 'kube-apiserver.yaml.bak');
  const starts = server.starts();
  copyFileSync(server.manifest, copy);
  await until('the copy is started', () => server.starts() > starts);
  await until('it complains of the port', () => server.logs().includes('address already in use'));
  rmSync(copy);
  await server.restart();
  expect(await server.isReady()).toBe(true);
});

test('an apiserver that crashes is started again', async () => {
  const server = cluster().server('cp1');
  const [before, starts] = [server.pid(), server.starts()];
  await server.kill();
  await until('it is started again', () => server.starts() > starts);
  await server.ready();
  expect(server.pid()).not.toBe(before);
});

test('a stopped apiserver stays down until it is started, and comes back with its configuration', async () => {
  const server = cluster().server('cp2');
  const hash = await loadedHash(server);
  await server.stop();
  await delay(500);
  expect(server.pid()).toBeUndefined();
  await server.start();
  expect(await loadedHash(server)).toBe(hash);
});

test('a configuration that is mounted as a single file does not follow a rename', async () => {
  const server = cluster().server('cp2');
  const mounted = join(server.folder, 'seen-by-the-server.yaml');
  const manifest = readFileSync(server.manifest, 'utf8');
  const asFile = manifest
    .replace(`--encryption-provider-config=${server.encryptionFile}`, `--encryption-provider-config=${mounted}`)
    .replace('volumeMounts:\n', `volumeMounts:\n        - name: single\n          mountPath: ${mounted}\n`)
    .replace(
      '  volumes:\n',
      `  volumes:\n    - name: single\n      hostPath:\n        path: ${server.encryptionFile}\n        type: File\n`,
    );
  const starts = server.starts();
  writeFileSync(server.manifest, asFile);
  await until('it is started again', () => server.starts() > starts);
  await server.ready();
  const hash = await loadedHash(server);
  const changed = `# changed\n${readFileSync(server.encryptionFile, 'utf8')}`;
  await server.writeEncryption(changed);
  await delay(3_000);
  expect(await loadedHash(server)).toBe(hash);
});
