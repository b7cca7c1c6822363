// What is written for the plugin: what the plugin itself can read, and a manifest that comes back as it was when it goes.

import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readKmsConfig } from '../../base/config/kms.ts';
import { type PluginPlace, pluginConfigText, pluginPodText, unitText, withoutPlugin, withPlugin } from './plugin-place.ts';

const place: PluginPlace = {
  form: 'sidecar',
  image: 'casemate:0.1.0',
  folder: '/etc/casemate',
  configName: 'kms.hcl',
  socket: '/run/casemate-kms/secrets.sock',
  socketFolder: '/run/casemate-kms',
  health: '127.0.0.1:8250',
  program: '/usr/local/bin/casemate',
};

const manifest = `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver   # by hand
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.11
    image: registry.k8s.io/kube-apiserver:v1.37.2
    name: kube-apiserver
    volumeMounts:
    - mountPath: /etc/kubernetes/pki
      name: k8s-certs
      readOnly: true
  hostNetwork: true
  volumes:
  # those of kubeadm
  - hostPath:
      path: /etc/kubernetes/pki
      type: DirectoryOrCreate
    name: k8s-certs
`;

it('the configuration is one that the plugin reads, at the socket that kube-apiserver is told', () => {
  const { providers, health } = readKmsConfig({ path: 'kms.hcl', text: pluginConfigText(place) });
  expect(providers).toMatchObject([{ socket: place.socket, keys: [{ type: 'local', path: '/etc/casemate/etcd.ring' }] }]);
  expect(health).toEqual({ host: '127.0.0.1', port: 8250 });
  expect(readKmsConfig({ path: 'kms.hcl', text: pluginConfigText({ ...place, health: undefined }) }).health).toBeUndefined();
});

it('the sidecar starts before kube-apiserver, shares the folder of the socket with it, and keeps what stood in the manifest', () => {
  const text = withPlugin(manifest, place, 'm.yaml');
  expect(text).toContain('name: kube-apiserver   # by hand');
  expect(text).toContain('# those of kubeadm');
  const { spec } = parse(text);
  const [sidecar] = spec.initContainers;
  expect(sidecar).toMatchObject({ name: 'casemate-kms', restartPolicy: 'Always', image: 'casemate:0.1.0' });
  expect(sidecar.command).toEqual(['casemate', 'kms', 'serve', '-config=/etc/casemate/kms.hcl']);
  expect(spec.containers[0].volumeMounts).toContainEqual({ name: 'casemate-kms-socket', mountPath: '/run/casemate-kms' });
  expect(withPlugin(text, place, 'm.yaml')).toBe(text);
  expect(withoutPlugin(text, 'm.yaml')).toBe(manifest);
});

it.each(['static-pod', 'systemd'] as const)('as %s kube-apiserver sees the folder of the socket alone, and a sidecar goes', (form) => {
  const text = withPlugin(withPlugin(manifest, place, 'm.yaml'), { ...place, form }, 'm.yaml');
  expect(parse(text).spec.initContainers ?? []).toEqual([]);
  expect(parse(text).spec.containers[0].volumeMounts).toContainEqual({ name: 'casemate-kms-socket', mountPath: '/run/casemate-kms' });
  expect(withoutPlugin(text, 'm.yaml')).toBe(manifest);
});

it('a static pod names nothing that static pods cannot have', () => {
  const pod = parse(pluginPodText({ ...place, form: 'static-pod' }));
  expect(pod.spec).toMatchObject({ hostNetwork: true, priorityClassName: 'system-node-critical' });
  expect(JSON.stringify(pod)).not.toMatch(/secretKeyRef|configMap|serviceAccount|imagePullSecrets/);
});

it('a unit is started before the kubelet, and again when it ends', () => {
  const unit = unitText({ ...place, form: 'systemd' });
  expect(unit).toContain('ExecStart=/usr/local/bin/casemate kms serve -config=/etc/casemate/kms.hcl\n');
  expect(unit).toContain('Before=kubelet.service\n');
  expect(unit).toContain('Restart=always\n');
  // In [Unit]; systemd would give up after five starts in ten seconds.
  expect(/\[Unit\][^[]*StartLimitIntervalSec=0\n/.test(unit)).toBe(true);
});
