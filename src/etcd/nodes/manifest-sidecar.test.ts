// A sidecar comes into a manifest with its volumes and mounts, and goes without a trace.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readManifest } from './manifest.ts';
import { withoutSidecar, withSidecar } from './manifest-sidecar.ts';

const vector = (name: string): string => readFileSync(join('test', 'vectors', 'manifests', name), 'utf8');
const everyVector = [
  'kubeadm-1.31.yaml',
  'kubeadm-1.37.yaml',
  'single-file.yaml',
  'odd-indentation.yaml',
  'two-words.yaml',
  'rke2.yaml',
  'as-json.json',
];

const sidecar = {
  container: {
    name: 'casemate-kms',
    image: 'registry.example.com/casemate:0.1.0',
    command: ['casemate', 'kms', '--config=/etc/casemate/kms.hcl'],
    startupProbe: { exec: { command: ['casemate', 'kms', 'check'] }, failureThreshold: 30, periodSeconds: 1 },
    volumeMounts: [
      { name: 'casemate-kms', mountPath: '/run/casemate-kms' },
      { name: 'casemate-kms-config', mountPath: '/etc/casemate', readOnly: true },
    ],
  },
  volumes: [
    { name: 'casemate-kms', hostPath: { path: '/run/casemate-kms', type: 'DirectoryOrCreate' } },
    { name: 'casemate-kms-config', hostPath: { path: '/etc/casemate', type: 'Directory' } },
  ],
  mounts: [{ name: 'casemate-kms', mountPath: '/run/casemate-kms', readOnly: true }],
};

test.each(everyVector)('%s gets a sidecar that starts before the kube-apiserver, and is as it was without', (name) => {
  const before = vector(name);
  const after = withSidecar(before, sidecar);
  const manifest = readManifest(after, { path: name });
  expect(manifest.sidecars).toEqual(['casemate-kms']);
  expect(manifest.nodePathOf('/run/casemate-kms/kms.sock')).toBe('/run/casemate-kms/kms.sock');
  expect(parse(after).spec.initContainers).toEqual([{ ...sidecar.container, restartPolicy: 'Always' }]);
  expect(withSidecar(after, sidecar)).toBe(after);
  expect(withoutSidecar(after, 'casemate-kms')).toBe(before);
});

test('another image takes the place of the old one, and nothing else changes', () => {
  const before = withSidecar(vector('kubeadm-1.31.yaml'), sidecar);
  const after = withSidecar(before, { ...sidecar, container: { ...sidecar.container, image: 'registry.example.com/casemate:0.2.0' } });
  expect(after).toBe(before.replace('casemate:0.1.0', 'casemate:0.2.0'));
});

test('other init containers and shared volumes stay', () => {
  const before = vector('kubeadm-1.31.yaml').replace(
    '  hostNetwork: true',
    '  initContainers:\n  - name: wait\n    image: registry.example.com/wait:1\n  hostNetwork: true',
  );
  const shared = {
    ...sidecar.container,
    volumeMounts: [...sidecar.container.volumeMounts, { name: 'ca-certs', mountPath: '/etc/ssl/certs' }],
  };
  expect(withoutSidecar(withSidecar(before, { ...sidecar, container: shared }), 'casemate-kms')).toBe(before);
});

test('a volume whose name does not tell whose it is is refused: nobody could take it out again', () => {
  const volumes = [{ name: 'socket', hostPath: { path: '/run/casemate-kms' } }];
  expect(() => withSidecar(vector('kubeadm-1.31.yaml'), { ...sidecar, volumes })).toThrow('name it casemate-kms-socket');
});

test('taking out what is not there changes nothing', () => {
  for (const name of everyVector) expect(withoutSidecar(vector(name), 'casemate-kms')).toBe(vector(name));
});

test('a sidecar that an operator has written out in another way stays as it is written', () => {
  const before = withSidecar(vector('kubeadm-1.31.yaml'), sidecar).replace(
    'image: registry.example.com/casemate',
    'image:   registry.example.com/casemate',
  );
  expect(withSidecar(before, sidecar)).toBe(before);
});

test('a volume of the sidecar that another container mounts outlives it', () => {
  const before = withSidecar(vector('two-words.yaml'), sidecar).replace(
    'shipper:1\n',
    'shipper:1\n    volumeMounts:\n    - {name: casemate-kms, mountPath: /watched}\n',
  );
  const after = parse(withoutSidecar(before, 'casemate-kms')) as { spec: { volumes: { name: string }[] } };
  expect(after.spec.volumes.map(({ name }) => name)).toEqual(['enc', 'casemate-kms']);
});
