// On which distributions the manager changes anything, and what it says where it does not.

import { expect, test } from 'vitest';
import { changeRefusal, isLayoutName, layoutOf } from './layout.ts';
import { readFlags } from './manifest-flags.ts';

const flags = (...words: readonly string[]) => readFlags(words);
const own = (name: 'k3s' | 'rke2') => `--encryption-provider-config=/var/lib/rancher/${name}/server/cred/encryption-config.json`;

test('kubeadm is changed, whatever its flags say', () => {
  const layout = layoutOf('kubeadm');
  expect(changeRefusal(layout, { flags: flags(), staticPod: true })).toBeUndefined();
  expect(layout.manifest).toBe('/etc/kubernetes/manifests/kube-apiserver.yaml');
});

test.each(['k3s', 'rke2'] as const)('what %s encrypts itself is left to its own command', (name) => {
  const refusal = changeRefusal(layoutOf(name), { flags: flags(own(name)), staticPod: name === 'rke2' });
  expect(refusal).toContain(`use ${name} secrets-encrypt rotate-keys`);
  expect(refusal).toContain(`/etc/rancher/${name}/config.yaml`);
  expect(refusal).toContain(name === 'k3s' ? 'systemctl restart k3s' : 'systemctl restart rke2-server');
});

test.each(['k3s', 'rke2'] as const)('a file of ours that %s is told of is changed', (name) => {
  const ours = flags('--encryption-provider-config=/etc/kubernetes/encryption/config.yaml');
  expect(changeRefusal(layoutOf(name), { flags: ours, staticPod: name === 'rke2' })).toBeUndefined();
});

test('k3s without encryption is told how to begin', () => {
  expect(changeRefusal(layoutOf('k3s'), { flags: flags(), staticPod: false })).toContain('put one with identity alone at');
});

test('the file that rke up writes is left alone, until cluster.yml names another one', () => {
  const rke = layoutOf('rke');
  const managed = flags('--encryption-provider-config=/etc/kubernetes/ssl/encryption.yaml');
  expect(changeRefusal(rke, { flags: managed, staticPod: false })).toMatch(
    /use rke encrypt rotate-key.*extra_args of cluster.yml, and run rke up/,
  );
  const ours = flags('--encryption-provider-config=/etc/kubernetes/encryption/config.yaml');
  expect(changeRefusal(rke, { flags: ours, staticPod: false })).toBeUndefined();
});

test('a node of cluster.yml that has a static pod is changed like one of kubeadm', () => {
  expect(changeRefusal(layoutOf('rke'), { flags: flags(), staticPod: true })).toBeUndefined();
});

test('names of layouts are known, and names of all objects are not', () => {
  expect(isLayoutName('rke2')).toBe(true);
  expect(isLayoutName('toString')).toBe(false);
});
