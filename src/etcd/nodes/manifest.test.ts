// Manifests of kube-apiservers as kubeadm, RKE2, how-tos and operators write them are read alike.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from './manifest.ts';

const vector = (name: string): string => readFileSync(join('test', 'vectors', 'manifests', name), 'utf8');
const read = (name: string) => readManifest(vector(name), { path: name });

test('a manifest of kubeadm tells where the server and its etcd are, and that nothing is encrypted', () => {
  const manifest = read('kubeadm-1.31.yaml');
  expect(manifest.advertiseUrl).toBe('https://10.0.0.11:6443');
  expect(manifest.image).toBe('registry.k8s.io/kube-apiserver:v1.31.4');
  expect(manifest.etcd).toEqual({
    servers: ['https://127.0.0.1:2379'],
    caFile: '/etc/kubernetes/pki/etcd/ca.crt',
    certFile: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
    keyFile: '/etc/kubernetes/pki/apiserver-etcd-client.key',
    prefix: '/registry',
    overrides: [],
  });
  expect(manifest.encryption).toEqual({ configPath: undefined, automaticReload: false });
  expect(manifest.encryptionMount).toEqual({ type: 'none' });
  expect(manifest.nodePathOf('/etc/kubernetes/pki/etcd/ca.crt')).toBe('/etc/kubernetes/pki/etcd/ca.crt');
  expect(manifest.nodePathOf('/etc/kubernetes/encryption/config.yaml')).toBeUndefined();
  expect(manifest.nodePathOf('/etc/kubernetes/pkix')).toBeUndefined();
});

test('IPv6 addresses, several etcds, another etcd for events and feature gates are read', () => {
  const manifest = read('kubeadm-1.37.yaml');
  expect(manifest.advertiseUrl).toBe('https://[fd00::11]:6443');
  expect(manifest.etcd.servers).toEqual(['https://[fd00::11]:2379', 'https://[fd00::12]:2379']);
  expect(manifest.etcd.overrides).toEqual([{ resource: 'events', servers: ['https://[fd00::21]:2379', 'https://[fd00::22]:2379'] }]);
  expect(Object.fromEntries(manifest.featureGates)).toEqual({ SidecarContainers: true, UserNamespacesSupport: false });
});

test('quotes, folded lines, flow and odd indentation do not matter', () => {
  const manifest = read('odd-indentation.yaml');
  expect(manifest.advertiseUrl).toBe('https://10.0.0.12:7443');
  expect(manifest.etcd.servers).toEqual(['https://10.0.0.12:2379']);
  expect(manifest.encryptionMount).toMatchObject({ type: 'folder', nodePath: '/mnt/keys/old.yaml', mount: { volume: 'enc' } });
  expect(read('as-json.json').advertiseUrl).toBe('https://10.0.0.15:6443');
});

test('flags in args, in two words, with underscores and with variables are read as kube-apiserver reads them', () => {
  const manifest = read('two-words.yaml');
  expect(manifest.words[0]).toBe('/usr/local/bin/kube-apiserver');
  expect(manifest.advertiseUrl).toBe('https://10.0.0.13:6443');
  expect(manifest.flag('allow-privileged')).toBe('true');
  expect(manifest.etcd).toMatchObject({ servers: ['http://10.0.0.13:2379'], prefix: '/kubernetes.io', caFile: undefined });
  expect(manifest.featureGates.get('KMSv1')).toBe(false);
  expect(manifest.encryption).toEqual({ configPath: '/etc/kubernetes/enc/old.yaml', automaticReload: false });
});

test('a configuration that is mounted as one file is found: the container would never see a new one', () => {
  const manifest = read('single-file.yaml');
  expect(manifest.etcd.prefix).toBe('/kubernetes.io');
  expect(manifest.encryptionMount).toMatchObject({
    type: 'single-file',
    nodePath: '/etc/kubernetes/kms/jdcloud/apiserver-encryption.conf',
    mount: { volume: 'apiserver-encryption-conf', hostPathType: 'File' },
  });
  expect(manifest.nodePathOf('/var/run/k8s-kms-plugin/kms-plugin.sock')).toBe('/var/run/k8s-kms-plugin/kms-plugin.sock');
});

test('a file is found to be mounted alone also when no type says so, and when it is a subPath', () => {
  const text = vector('single-file.yaml');
  const untyped = text.replace('\n      type: File', '');
  expect(readManifest(untyped, { path: 'm' }).encryptionMount.type).toBe('single-file');
  const inFolder = untyped
    .replace('path: /etc/kubernetes/kms/jdcloud/apiserver-encryption.conf', 'path: /etc/kubernetes/kms/jdcloud')
    .replace('name: apiserver-encryption-conf\n', 'name: apiserver-encryption-conf\n      subPath: apiserver-encryption.conf\n');
  expect(readManifest(inFolder, { path: 'm' }).encryptionMount).toMatchObject({
    type: 'single-file',
    nodePath: '/etc/kubernetes/kms/jdcloud/apiserver-encryption.conf',
  });
});

test('a configuration that no volume of the node shows is told', () => {
  const text = vector('kubeadm-1.31.yaml').replace('    image:', '    - --encryption-provider-config=/etc/enc.yaml\n    image:');
  expect(readManifest(text, { path: 'm' }).encryptionMount).toEqual({ type: 'not-mounted' });
});

test('of mounts within mounts the deepest one counts', () => {
  const text = vector('odd-indentation.yaml').replace('mountPath: /etc/kubernetes/pki', 'mountPath: /etc/kubernetes');
  const manifest = readManifest(text, { path: 'm' });
  expect(manifest.nodePathOf('/etc/kubernetes/enc/new.yaml')).toBe('/mnt/keys/new.yaml');
  expect(manifest.nodePathOf('/etc/kubernetes/sa.key')).toBe('/etc/kubernetes/pki/sa.key');
});

test('the last of a flag that comes twice wins', () => {
  const text = vector('kubeadm-1.31.yaml').replace('    image:', '    - --secure-port=7777\n    image:');
  expect(readManifest(text, { path: 'm' }).advertiseUrl).toBe('https://10.0.0.11:7777');
});

test('the manifest of RKE2 is read, with the file of its own stages', () => {
  const manifest = read('rke2.yaml');
  expect(manifest.encryption).toEqual({
    configPath: '/var/lib/rancher/rke2/server/cred/encryption-config.json',
    automaticReload: true,
  });
  expect(manifest.encryptionMount.type).toBe('folder');
  expect(manifest.mounts.map(({ volume, single }) => [volume, single])).toEqual([
    ['dir0', false],
    ['file0', true],
  ]);
});

test.each([
  ['', 'm is empty'],
  ['a: [', 'm:1 is no YAML: mend it first'],
  ['kind: Secret\nstringData: {password: hunter2}', 'm holds no Pod: name the static pod of kube-apiserver'],
  ['kind: Pod\nspec: {containers: [{name: etcd}]}', 'm has no container kube-apiserver: name the static pod of kube-apiserver'],
  ['kind: Pod\n---\nkind: Pod\n', 'm holds several documents: leave one in it'],
])('what is no manifest of a kube-apiserver is refused: %j', (text, message) => {
  expect(() => readManifest(text, { path: 'm' })).toThrow(message);
});
