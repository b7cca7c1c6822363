// The arguments that k3s passes to its kube-apiserver are read and changed in its configuration file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readK3sConfig, withK3sEncryption, withoutK3sEncryption } from './k3s-config.ts';
import { lineDiff } from './manifest-diff.ts';

const text = readFileSync(join('test', 'vectors', 'manifests', 'k3s-config.yaml'), 'utf8');
const edit = { configPath: '/etc/kubernetes/encryption/config.yaml', automaticReload: true };
const read = (...texts: readonly string[]) => readK3sConfig(texts.map((each, index) => ({ path: `file ${index}`, text: each })));

test('arguments with and without dashes are flags, and its own encryption is seen', () => {
  const config = read(text);
  expect(config.ownEncryption).toBe(true);
  expect(config.flags.flag('audit-log-maxage')).toBe('30');
  expect(config.flags.featureGates.get('KMSv1')).toBe(true);
  expect(config.flags.encryption.configPath).toBeUndefined();
});

test('a later file takes the place of a value, and goes on with a list whose key ends with +', () => {
  expect(read(text, 'kube-apiserver-arg: encryption-provider-config=/a').flags.values('audit-log-maxage')).toEqual([]);
  const both = read(text, 'kube-apiserver-arg+: [encryption-provider-config=/a]\ndata-dir: /data');
  expect(both.flags.flag('audit-log-maxage')).toBe('30');
  expect(both.flags.encryption.configPath).toBe('/a');
  expect(both.dataFolder).toBe('/data');
});

test('two arguments are added, and taken out without a trace', () => {
  const after = withK3sEncryption(text, edit);
  expect(lineDiff(text, after, { path: 'x' }).match(/^[+-] .*$/gm)).toEqual([
    '+  - encryption-provider-config=/etc/kubernetes/encryption/config.yaml',
    '+  - encryption-provider-config-automatic-reload=true',
  ]);
  expect(withK3sEncryption(after, edit)).toBe(after);
  expect(read(after).flags.encryption).toEqual(edit);
  expect(withoutK3sEncryption(after)).toBe(text);
  expect(withK3sEncryption(after, { ...edit, automaticReload: false })).not.toContain('automatic-reload');
});

test.each(['', '# nothing yet\n', 'token: x\n', 'token: x'])('a file without arguments gets a list of them: %j', (before) => {
  const after = withK3sEncryption(before, edit);
  expect(read(after).flags.encryption).toEqual(edit);
  expect(after.startsWith(before)).toBe(true);
});

test('one argument that is no list is not broken', () => {
  expect(() => withK3sEncryption('kube-apiserver-arg: v=2\n', edit)).toThrow(/make it a list/);
});

test('what is no configuration is refused', () => {
  expect(() => read('- a')).toThrow(/file 0 holds no configuration of k3s/);
  expect(() => read('a: [')).toThrow(/file 0:\d+ is no YAML/);
});
