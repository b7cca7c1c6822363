// Turning encryption on and off in a manifest changes the lines that it has to change, and no other.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from './manifest.ts';
import { lineDiff } from './manifest-diff.ts';
import { withEncryption, withoutEncryption } from './manifest-edit.ts';

const vector = (name: string): string => readFileSync(join('test', 'vectors', 'manifests', name), 'utf8');
const edit = { configPath: '/etc/kubernetes/encryption/config.yaml', folder: '/etc/kubernetes/encryption', automaticReload: true };

/** The changed lines alone. */
const changes = (before: string, after: string): readonly string[] =>
  lineDiff(before, after, { path: 'm' })
    .split('\n')
    .slice(2)
    .filter((line) => /^[+-]/.test(line));

const everyVector = [
  'kubeadm-1.31.yaml',
  'kubeadm-1.37.yaml',
  'odd-indentation.yaml',
  'two-words.yaml',
  'single-file.yaml',
  'rke2.yaml',
  'as-json.json',
];

test('a manifest of kubeadm gets two flags, a mount and a volume of the whole folder', () => {
  const before = vector('kubeadm-1.31.yaml');
  const after = withEncryption(before, edit);
  expect(changes(before, after)).toEqual([
    '+    - --encryption-provider-config=/etc/kubernetes/encryption/config.yaml',
    '+    - --encryption-provider-config-automatic-reload=true',
    '+    - mountPath: /etc/kubernetes/encryption',
    '+      name: casemate-encryption',
    '+      readOnly: true',
    '+  - hostPath:',
    '+      path: /etc/kubernetes/encryption',
    '+      type: DirectoryOrCreate',
    '+    name: casemate-encryption',
  ]);
  expect(readManifest(after, { path: 'm' }).encryptionMount).toMatchObject({ type: 'folder', nodePath: edit.configPath });
});

test.each(everyVector)('what was done to %s is not done twice', (name) => {
  const once = withEncryption(vector(name), { ...edit, featureGates: { KMSv1: true } });
  expect(withEncryption(once, { ...edit, featureGates: { KMSv1: true } })).toBe(once);
  expect(readManifest(once, { path: name })).toMatchObject({
    encryption: { configPath: edit.configPath, automaticReload: true },
    encryptionMount: { type: 'folder', nodePath: edit.configPath },
  });
  expect(readManifest(once, { path: name }).featureGates.get('KMSv1')).toBe(true);
});

test.each(['kubeadm-1.31.yaml', 'kubeadm-1.37.yaml', 'as-json.json'])(
  '%s is the same text after encryption was turned on and off',
  (name) => {
    const before = vector(name);
    expect(withoutEncryption(withEncryption(before, edit))).toBe(before);
    const gated = withEncryption(before, { ...edit, featureGates: { KMSv1: true } });
    expect(withoutEncryption(gated, { featureGates: ['KMSv1'] })).toBe(before);
  },
);

test.each(everyVector)('%s with line ends of Windows keeps them', (name) => {
  const before = vector(name).replaceAll('\n', '\r\n');
  const after = withEncryption(before, edit);
  expect(after.replaceAll('\r\n', '')).not.toContain('\n');
  expect(after.replaceAll('\r\n', '\n')).toBe(withEncryption(vector(name), edit));
});

test('the mount of one file becomes a mount of its folder, under its old name', () => {
  const before = vector('single-file.yaml');
  const after = withEncryption(before, { ...edit, featureGates: { KMSv1: true } });
  expect(changes(before, after)).toEqual([
    '-    - --encryption-provider-config=/etc/kubernetes/kms/jdcloud/apiserver-encryption.conf',
    '+    - --encryption-provider-config=/etc/kubernetes/encryption/config.yaml',
    '+    - --encryption-provider-config-automatic-reload=true',
    '+    - --feature-gates=KMSv1=true',
    '-    - mountPath: /etc/kubernetes/kms/jdcloud/apiserver-encryption.conf',
    '+    - mountPath: /etc/kubernetes/encryption',
    '-      path: /etc/kubernetes/kms/jdcloud/apiserver-encryption.conf',
    '-      type: File',
    '+      path: /etc/kubernetes/encryption',
    '+      type: DirectoryOrCreate',
  ]);
});

test('the mount of one file is turned in its own folder as well', () => {
  const folder = '/etc/kubernetes/kms/jdcloud';
  const after = withEncryption(vector('single-file.yaml'), {
    configPath: `${folder}/apiserver-encryption.conf`,
    folder,
    automaticReload: true,
  });
  expect(readManifest(after, { path: 'm' }).encryptionMount).toMatchObject({
    type: 'folder',
    mount: { volume: 'apiserver-encryption-conf', containerPath: folder, nodePath: folder, hostPathType: 'DirectoryOrCreate' },
  });
});

test('a file of a subPath is turned into the folder', () => {
  const before = vector('single-file.yaml')
    .replace('path: /etc/kubernetes/kms/jdcloud/apiserver-encryption.conf\n      type: File', 'path: /etc/kubernetes/kms/jdcloud')
    .replace('name: apiserver-encryption-conf\n', 'name: apiserver-encryption-conf\n      subPath: apiserver-encryption.conf\n');
  const after = withEncryption(before, edit);
  expect(after).not.toContain('subPath');
  expect(readManifest(after, { path: 'm' }).encryptionMount).toMatchObject({ type: 'folder', nodePath: edit.configPath });
});

test('a volume that a second container mounts too stays as it is, and a new one is added', () => {
  const before = vector('single-file.yaml').replace(
    '  hostNetwork: true',
    [
      '  - name: watcher',
      '    image: registry.example.com/watcher:1',
      '    volumeMounts:',
      '    - mountPath: /watched',
      '      name: apiserver-encryption-conf',
      '  hostNetwork: true',
    ].join('\n'),
  );
  const after = withEncryption(before, edit);
  expect(changes(before, after).filter((line) => line.includes('apiserver-encryption-conf'))).toEqual([]);
  expect(readManifest(after, { path: 'm' }).encryptionMount).toMatchObject({ type: 'folder', mount: { volume: 'casemate-encryption' } });
});

test('comments, quotes and indentation of an operator stay, and what is added is indented like its neighbours', () => {
  const before = vector('odd-indentation.yaml');
  const after = withEncryption(before, edit);
  expect(changes(before, after)).toEqual([
    '-                -   "--encryption-provider-config=/etc/kubernetes/enc/old.yaml"',
    '+                -   "--encryption-provider-config=/etc/kubernetes/encryption/config.yaml"',
    '+                - --encryption-provider-config-automatic-reload=true',
    '+                - mountPath: /etc/kubernetes/encryption',
    '+                  name: casemate-encryption',
    '+                  readOnly: true',
    '+        - hostPath:',
    '+            path: /etc/kubernetes/encryption',
    '+            type: DirectoryOrCreate',
    '+          name: casemate-encryption',
  ]);
});

test('flags of two words are changed in their second one, and feature gates in their list', () => {
  const before = vector('two-words.yaml');
  const after = withEncryption(before, { ...edit, featureGates: { KMSv1: true } });
  expect(changes(before, after).slice(0, 5)).toEqual([
    '-    - KMSv1=false',
    '+    - KMSv1=true',
    '-    - /etc/kubernetes/enc/old.yaml',
    '+    - /etc/kubernetes/encryption/config.yaml',
    '+    - --encryption-provider-config-automatic-reload=true',
  ]);
  expect(withoutEncryption(after)).not.toContain('encryption');
});

test('a gate is added to those that stand there, and taken out from among them', () => {
  const before = vector('kubeadm-1.37.yaml');
  const after = withEncryption(before, { ...edit, featureGates: { KMSv1: true } });
  expect(after).toContain('--feature-gates=SidecarContainers=true,UserNamespacesSupport=false,KMSv1=true\n');
  expect(withoutEncryption(after, { featureGates: ['KMSv1'] })).toBe(before);
});

test('a folder that is mounted already is not mounted again', () => {
  const folder = '/etc/kubernetes/pki/encryption';
  const before = vector('kubeadm-1.31.yaml');
  const after = withEncryption(before, { configPath: `${folder}/config.yaml`, folder, automaticReload: false });
  expect(changes(before, after)).toEqual([`+    - --encryption-provider-config=${folder}/config.yaml`]);
  // And the certificates' mount, which shows more than the configuration, outlives it.
  expect(withoutEncryption(after)).toBe(before);
});

test('turning encryption off takes out the mount of one file, and leaves the socket of the plugin', () => {
  const after = withoutEncryption(vector('single-file.yaml'));
  expect(after).not.toContain('encryption');
  expect(readManifest(after, { path: 'm' }).mounts.map(({ volume }) => volume)).toEqual(['k8s-certs', 'k8s-kms-plugin-unixsock-directory']);
});

test('a folder from which another flag reads stays mounted', () => {
  const before = withEncryption(vector('kubeadm-1.31.yaml'), edit).replace(
    '    image:',
    '    - --audit-policy-file=/etc/kubernetes/encryption/audit.yaml\n    image:',
  );
  expect(readManifest(withoutEncryption(before), { path: 'm' }).nodePathOf('/etc/kubernetes/encryption/audit.yaml')).toBeDefined();
});

test('restart mode takes automatic reload out', () => {
  const before = withEncryption(vector('kubeadm-1.31.yaml'), edit);
  const after = withEncryption(before, { ...edit, automaticReload: false });
  expect(changes(before, after)).toEqual(['-    - --encryption-provider-config-automatic-reload=true']);
});

test('a manifest without any volume gets both lists', () => {
  const bare = 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n    - --v=2';
  const after = withEncryption(bare, edit);
  expect(readManifest(after, { path: 'm' }).encryptionMount.type).toBe('folder');
  expect(after.startsWith(`${bare}\n    - --encryption-provider-config=`)).toBe(true);
});

test.each([
  [
    'another folder mounted at the same path',
    vector('kubeadm-1.31.yaml').replace('mountPath: /etc/ssl/certs', 'mountPath: /etc/kubernetes/encryption'),
    /mounts something else/,
  ],
  [
    'a volume of the same name',
    vector('kubeadm-1.31.yaml').replaceAll('name: ca-certs', 'name: casemate-encryption'),
    /another volume casemate-encryption/,
  ],
  [
    'a shell that starts it',
    'kind: Pod\nspec: {containers: [{name: kube-apiserver, command: [/bin/sh, -c, exec kube-apiserver --v=2]}]}',
    /through a shell/,
  ],
  [
    'aliases where the change would be',
    'kind: Pod\nspec:\n  containers:\n  - name: kube-apiserver\n    command: &words\n    - kube-apiserver\n    args: *words\n',
    /cannot be changed/,
  ],
])('%s is refused, not guessed', (_, text, message) => {
  expect(() => withEncryption(text, edit)).toThrow(message);
});

test('a configuration outside its folder is refused', () => {
  expect(() => withEncryption(vector('kubeadm-1.31.yaml'), { ...edit, folder: '/etc/kubernetes' })).toThrow(/has to lie in the folder/);
});

test('a volume that a second container mounts outlives the encryption', () => {
  const before = withEncryption(vector('two-words.yaml'), edit).replace(
    'shipper:1\n',
    'shipper:1\n    volumeMounts:\n    - {name: casemate-encryption, mountPath: /watched}\n',
  );
  expect(withoutEncryption(before)).toContain('name: casemate-encryption\n');
});

test('the mount of a folder high above the configuration outlives the encryption', () => {
  const before = vector('two-words.yaml')
    .replace('mountPath: /etc/kubernetes/enc', 'mountPath: /etc/kubernetes')
    .replace('path: /etc/kubernetes/enc}', 'path: /etc/kubernetes}');
  expect(readManifest(withoutEncryption(before), { path: 'm' }).mounts).toHaveLength(1);
});

test('a bare flag is on, and stays as it is', () => {
  const before = withEncryption(vector('kubeadm-1.31.yaml'), edit).replace('automatic-reload=true', 'automatic-reload');
  expect(withEncryption(before, edit)).toBe(before);
});
