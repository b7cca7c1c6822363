// What depends on flags and versions, and the warnings beyond kube-apiserver's own rules; its rules themselves stand in the corpus.

import { expect, test } from 'vitest';
import type { EncryptionConfig, Provider } from './encryption-config.ts';
import { endpointOf } from './endpoint.ts';
import { findingsOf } from './validate.ts';

const secretOf = (first: number): string =>
  Buffer.from(Array.from({ length: 32 }, (_, index) => (first + index * 7) % 256)).toString('base64');

const identity: Provider = { type: 'identity' };
const sealed: Provider = { type: 'secretbox', keys: [{ name: 'k1', secret: secretOf(1) }] };
const kms = (more: object = {}): Provider => ({ type: 'kms', apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/kms.sock', ...more });

function configOf(providers: readonly Provider[], resources: readonly string[] = ['secrets']): EncryptionConfig {
  return { resources: [{ resources, providers }] };
}

function told(config: EncryptionConfig, options: Partial<Parameters<typeof findingsOf>[1]> = {}): readonly string[] {
  return findingsOf(config, { automaticReload: true, ...options }).map(({ severity, path }) => `${severity} ${path}`);
}

const kmsAt = 'resources[0].providers[0].kms';

test('a sound configuration has no findings', () => {
  expect(told(configOf([sealed, identity]))).toEqual([]);
  expect(told(configOf([identity]))).toEqual([]);
  expect(told(configOf([kms(), identity]), { kubernetesMinor: 37 })).toEqual([]);
});

test('a kms v1 is refused where its gate is off, and only warned of where nobody knows', () => {
  const config = configOf([kms({ apiVersion: 'v1' }), identity]);
  const gate = `error ${kmsAt}.apiVersion`;
  expect(told(config, { kmsV1Enabled: false })).toContain(gate);
  expect(told(config, { kubernetesMinor: 29 })).toContain(gate);
  expect(told(config, { kubernetesMinor: 28 })).not.toContain(gate);
  expect(told(config, { kubernetesMinor: 37, kmsV1Enabled: true })).not.toContain(gate);
  expect(told(config)).toContain(`warning ${kmsAt}.apiVersion`);
});

test('a kms v2 is refused where the server is too old for it', () => {
  expect(told(configOf([kms(), identity]), { kubernetesMinor: 26 })).toEqual([`error ${kmsAt}.apiVersion`]);
});

test('without identity, or with identity first, the operator is told what that means', () => {
  expect(told(configOf([sealed]))).toEqual(['warning resources[0].providers']);
  expect(told(configOf([identity, sealed]))).toEqual(['warning resources[0].providers[0]']);
});

test('keys that are short, typed or simple are warned of', () => {
  const at = 'warning resources[0].providers[1].aescbc.keys[0].secret';
  const of = (bytes: Buffer) =>
    told(configOf([sealed, { type: 'aescbc', keys: [{ name: 'a', secret: bytes.toString('base64') }] }, identity]));
  expect(of(Buffer.from(secretOf(9), 'base64'))).toEqual([]);
  expect(of(Buffer.from(secretOf(9), 'base64').subarray(0, 16))).toEqual([at]);
  expect(of(Buffer.from('E73F1C830C0205ADE842A1FE48B7397B'))).toEqual([at]);
  expect(of(Buffer.alloc(32))).toEqual([at]);
});

test('a name that two keys have, and a key that has two names, are warned of', () => {
  const keys = (name: string, secret: string): Provider => ({ type: 'secretbox', keys: [{ name, secret }] });
  const at = 'warning resources[0].providers[1].secretbox.keys[0]';
  expect(told(configOf([sealed, keys('k1', secretOf(2)), identity]))).toEqual([`${at}.name`]);
  expect(told(configOf([sealed, keys('k2', secretOf(1)), identity]))).toEqual([`${at}.secret`]);
  expect(told(configOf([sealed, keys('k1', secretOf(1)), identity]))).toEqual([]);
});

test('what seals with aescbc or aesgcm is warned of, what only opens with it is not', () => {
  const of = (type: 'aescbc' | 'aesgcm'): Provider => ({ type, keys: [{ name: 'old', secret: secretOf(3) }] });
  for (const type of ['aescbc', 'aesgcm'] as const) {
    expect(told(configOf([of(type), identity]))).toEqual([`warning resources[0].providers[0].${type}`]);
    expect(told(configOf([sealed, of(type), identity]))).toEqual([]);
  }
});

test('names for which nothing would be sealed are warned of', () => {
  for (const name of ['secret', 'secrets.v1', 'pods/status', 'sec*', ''])
    expect(told(configOf([sealed, identity], [name])), name).toContain('warning resources[0].resources[0]');
  for (const name of ['secrets', 'pandas.awesome.bears.example', '*.', '*.*', '*.apps', 'secrets.'])
    expect(told(configOf([sealed, identity], [name])), name).toEqual([]);
  expect(told(configOf([sealed, identity], ['*.*']), { kubernetesMinor: 26 })).toEqual(['warning resources[0].resources[0]']);
});

test('sockets that are abstract, missing or meant otherwise are warned of', () => {
  for (const endpoint of ['unix:///@kms', 'unix://run/kms.sock', 'unix:kms.sock'])
    expect(told(configOf([kms({ endpoint }), identity])), endpoint).toEqual([`warning ${kmsAt}.endpoint`]);
  const two = configOf([kms(), kms({ name: 'other' }), identity]);
  expect(told(two)).toEqual(['warning resources[0].providers[1].kms.endpoint']);
});

test('the socket of an endpoint is the one that kube-apiserver opens', () => {
  expect(endpointOf('unix:///run/a%20b.sock?x#y')).toEqual({ socket: '/run/a b.sock', host: '' });
  expect(endpointOf('unix:///@kms')).toEqual({ socket: '@kms', host: '' });
  expect(endpointOf('UNIX://run/kms.sock')).toEqual({ socket: '/kms.sock', host: 'run' });
  expect(endpointOf('unix:/run/kms.sock')).toEqual({ socket: '/run/kms.sock', host: '' });
  expect(endpointOf('tcp://run/kms.sock')).toBeUndefined();
});

test('a resource in two entries is warned of, since only the first seals it', () => {
  const entry = { resources: ['secrets'], providers: [sealed, identity] };
  expect(told({ resources: [entry, { resources: ['secrets.'], providers: [identity] }] })).toEqual(['warning resources[1].resources[0]']);
});
