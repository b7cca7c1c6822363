// What the reader of configurations fills in, how it names lines and fields, and what it refuses to show.

import { expect, test } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { acceptEncryptionConfig } from './accept.ts';
import { readEncryptionConfig } from './read-config.ts';

const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n';

function refusalOf(text: string): string {
  try {
    readEncryptionConfig(text, { path: 'enc.yaml' });
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'usage') return thrown.message;
    throw thrown;
  }
  return '';
}

test('a kms without a version is v1, and what is left out stays out', () => {
  const text = `${head}resources:
- resources: [secrets]
  providers:
  - kms: {name: aws-encryption-provider, endpoint: unix:///var/run/kmsplugin/socket.sock, cachesize: 1000, timeout: 3s}
  - kms: {apiVersion: v2, name: vault, endpoint: unix:///run/kms.sock}
  - identity: {}
`;
  expect(readEncryptionConfig(text, { path: 'enc.yaml' }).config.resources).toEqual([
    {
      resources: ['secrets'],
      providers: [
        {
          type: 'kms',
          apiVersion: 'v1',
          name: 'aws-encryption-provider',
          endpoint: 'unix:///var/run/kmsplugin/socket.sock',
          timeout: '3s',
          cachesize: 1000,
        },
        { type: 'kms', apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/kms.sock', timeout: undefined, cachesize: undefined },
        { type: 'identity' },
      ],
    },
  ]);
});

test('keys keep their order, and YAML with anchors is read like YAML without', () => {
  const text = `${head}resources:
- resources: [secrets]
  providers: &all
  - aescbc: {keys: [{name: k2, secret: Mg==}, {name: k1, secret: MQ==}]}
- resources: [configmaps]
  providers: *all
`;
  const { resources } = readEncryptionConfig(text, { path: 'enc.yaml' }).config;
  expect(resources[0]?.providers).toEqual([
    {
      type: 'aescbc',
      keys: [
        { name: 'k2', secret: 'Mg==' },
        { name: 'k1', secret: 'MQ==' },
      ],
    },
  ]);
  expect(resources[1]?.providers).toEqual(resources[0]?.providers);
});

test('a refusal names file, line and field, and says what to do', () => {
  expect(refusalOf(`${head}resources:\n- resources: [secrets]\n  providers:\n  - identity:\n`)).toBe(
    'enc.yaml, line 6: resources[0].providers[0] names no provider (identity is empty): write "identity: {}"',
  );
  expect(refusalOf(`${head}resources:\n- resources: [secrets]\n  provider: []\n`)).toBe(
    'enc.yaml, line 5: resources[0] has an unknown field "provider": kube-apiserver takes resources, providers here, as they are written',
  );
  expect(refusalOf(`${head}resources:\n- resources: secrets\n`)).toContain('line 4: resources[0].resources has to be a list');
  expect(refusalOf(`${head}kind: EncryptionConfiguration\n`)).toBe('enc.yaml, line 3: kind stands there twice: remove one of the two');
  expect(refusalOf('kind: Secret\napiVersion: v1\n')).toContain('enc.yaml is no EncryptionConfiguration');
  expect(refusalOf('')).toContain('enc.yaml is empty');
  expect(refusalOf(`${head}resources: [`)).toMatch(/^enc\.yaml is no YAML at line \d/);
  expect(refusalOf('{"kind": }')).toContain('no JSON');
});

test('a key that slipped into the place of a field is not shown', () => {
  const text = `${head}resources:
- resources: [secrets]
  providers:
  - aescbc:
      keys:
      - name: k1
        H0D8ktokFpR1CXnubPWC8GZz: x
`;
  expect(refusalOf(text)).toContain('resources[0].providers[0].aescbc.keys[0] has an unknown field: ');
});

test('all that kube-apiserver would refuse is told at once, in the order of the file', () => {
  const text = `${head}resources:
- resources: [Secrets]
  providers:
  - aescbc: {keys: [{name: "", secret: MQ==}]}
  - kms: {name: old, endpoint: tcp://a, timeout: -1s}
`;
  try {
    acceptEncryptionConfig(text, { path: 'enc.yaml', automaticReload: true, kmsV1Enabled: true });
    expect.unreachable();
  } catch (thrown) {
    expect((thrown as Fault).message.split('\n').map((line) => line.replace(/^(\S+, line \d+: \S+) .*/, '$1'))).toEqual([
      'enc.yaml, line 4: resources[0].resources[0]',
      'enc.yaml, line 6: resources[0].providers[0].aescbc.keys[0].name',
      'enc.yaml, line 6: resources[0].providers[0].aescbc.keys[0].secret',
      'enc.yaml, line 7: resources[0].providers[1].kms.timeout',
      'enc.yaml, line 7: resources[0].providers[1].kms.endpoint',
    ]);
  }
});

test('a second document is read past, with a warning', () => {
  const text = `${head}resources:\n- resources: [secrets]\n  providers:\n  - identity: {}\n---\nkind: Other\n`;
  const { warnings } = acceptEncryptionConfig(text, { path: 'enc.yaml', automaticReload: true });
  expect(warnings).toEqual([expect.stringContaining('further documents')]);
});

test('a document that refers to itself ends in a sentence', () => {
  expect(refusalOf(`${head}resources: &a\n- resources: *a\n`)).not.toBe('');
  expect(refusalOf(`&a\n<<: *a\n`)).not.toBe('');
  expect(refusalOf(`${head}resources: ${'['.repeat(20_000)}`)).not.toBe('');
});
