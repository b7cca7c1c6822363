// What stands on nodes before: a configuration that is mounted as a single file, and k3s, which looks after itself.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { aescbc, encryptionOf, identity } from '../fixture/encryption.ts';
import { makeManager } from '../fixture/manager.ts';
import { storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const run = promisify(execFile);
const cluster = clusterOfFile({});

test('a configuration that is mounted as a single file is seen, and its mount turned into that of a folder', async () => {
  const [server] = cluster().servers;
  const namespace = await cluster().namespace();
  await writeSecret(cluster(), namespace, 'login', 'hunter2');
  const [outside, inside] = [join(server.folder, 'enc.yaml'), join(server.folder, 'in-the-container', 'enc.yaml')];
  writeFileSync(outside, encryptionOf([identity, aescbc('old')]), { mode: 0o600 });
  const manifest = parse(readFileSync(server.manifest, 'utf8'));
  const [container] = manifest.spec.containers;
  container.command.push(`--encryption-provider-config=${inside}`, '--encryption-provider-config-automatic-reload=true');
  container.volumeMounts.push({ name: 'enc', mountPath: inside, readOnly: true });
  manifest.spec.volumes.push({ name: 'enc', hostPath: { path: outside, type: 'File' } });
  writeFileSync(server.manifest, stringify(manifest));
  const starts = server.starts();
  await expect.poll(() => server.starts(), { timeout: 20_000 }).toBeGreaterThan(starts);
  await server.ready();

  const manager = makeManager(cluster());
  const { stdout } = await manager.must(['status', '-format=json']);
  expect(JSON.parse(stdout).nodes).toMatchObject([{ reloads: false }]);
  await manager.must(['enable', '-yes', '-provider=secretbox']);
  expect(await storedSecret(cluster(), namespace, 'login')).toMatch(/^k8s:enc:secretbox:v1:cm-/);
  const after = parse(readFileSync(server.manifest, 'utf8'));
  const types = after.spec.volumes.map(({ hostPath }: { hostPath: { type?: string } }) => hostPath.type);
  expect(types).not.toContain('File');
  expect(JSON.parse((await manager.must(['status', '-format=json'])).stdout).nodes).toMatchObject([{ reloads: true }]);
  // And what comes next needs no restart.
  const before = server.starts();
  await manager.must(['rotate-key', '-yes']);
  expect(server.starts()).toBe(before);
}, 180_000);

test('of k3s the state is told in its own words, and changes are left to it', async () => {
  const casemate = fileURLToPath(new URL('../../../bin/casemate', import.meta.url));
  const folder = join(cluster().folder, 'k3s');
  mkdirSync(folder);
  const file = JSON.stringify({
    kind: 'EncryptionConfiguration',
    apiVersion: 'apiserver.config.k8s.io/v1',
    resources: [
      {
        resources: ['secrets'],
        providers: [{ aescbc: { keys: [{ name: 'aescbckey', secret: 'A'.repeat(43).concat('=') }] } }, { identity: {} }],
      },
    ],
  });
  writeFileSync(join(folder, 'encryption-config.json'), file);
  const nodes = join(folder, 'casemate-etcd.yaml');
  writeFileSync(nodes, stringify({ layout: 'k3s', kubeconfig: cluster().kubeconfig, nodes: [{ name: 'cp1', local: true }] }));
  const hash = createHash('sha256').update(file).digest('hex');
  await cluster().call('POST', '/api/v1/nodes', {
    body: { metadata: { name: 'cp1', annotations: { 'k3s.io/encryption-config-hash': `start-${hash}` } } },
  });
  // k3s' own place, in files that only this process sees.
  const place = '/var/lib/rancher/k3s/server/cred';
  const script = 'mount -t tmpfs none /var/lib && mkdir -p "$1" && cp "$0" "$1"/ && shift && exec "$@"';
  const inItsFiles = (words: readonly string[]) =>
    run(
      'unshare',
      [
        '--mount',
        '--propagation',
        'private',
        'sh',
        '-c',
        script,
        join(folder, 'encryption-config.json'),
        place,
        casemate,
        'etcd',
        ...words,
        `-config=${nodes}`,
      ],
      {
        env: { ...process.env, ...cluster().environment },
      },
    );
  const { stdout } = await inItsFiles(['status']);
  expect(stdout).toContain('Encryption Status: Enabled');
  expect(stdout).toContain('Current Rotation Stage: start');
  expect(stdout).toContain('All hashes match');
  expect(stdout).not.toContain('AAAA');
  await expect(inItsFiles(['rotate-key', '-yes', `-state=${join(folder, 'state')}`])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('k3s secrets-encrypt rotate-keys'),
  });
}, 60_000);
