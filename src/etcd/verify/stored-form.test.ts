// What the first bytes of a value tell: every form that kube-apiserver writes, and what only looks like one.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openPrefix, readEncryptedObject, storedFormOf } from './stored-form.ts';
import { message } from './wire/protobuf.ts';

const noise = Buffer.from([0, 255, 0x3a, 1, 2, 3]);

function value(prefix: string, rest: Uint8Array = noise): Buffer {
  return Buffer.concat([Buffer.from(prefix), rest]);
}

const object = message([
  [1, Buffer.from('sealed')],
  [2, Buffer.from('id:1')],
  [3, Buffer.from('seed')],
  [
    4,
    message([
      [1, Buffer.from('algorithm.example.com')],
      [2, Buffer.from('AES')],
    ]),
  ],
  [5, 1n],
]);

test.each([
  ['k8s:enc:aescbc:v1:cm-1-0a1b2c3d:', { provider: 'aescbc', key: 'cm-1-0a1b2c3d' }],
  ['k8s:enc:aesgcm:v1:key1:', { provider: 'aesgcm', key: 'key1' }],
  ['k8s:enc:secretbox:v1:key one:', { provider: 'secretbox', key: 'key one' }],
  ['k8s:enc:kms:v1:jdcloud:', { provider: 'kms-v1', key: 'jdcloud' }],
])('%s names provider and key', (prefix, form) => {
  expect(storedFormOf(value(prefix))).toEqual(form);
  expect(openPrefix(value(prefix)).sealed).toEqual(noise);
});

test('a value of KMS v2 also names the key of the plugin', () => {
  expect(storedFormOf(value('k8s:enc:kms:v2:cm:', object))).toEqual({ provider: 'kms-v2', key: 'cm', keyId: 'id:1' });
});

test.each([
  ['protobuf in clear', 'k8s\0\n\f\n\u0002v1\u0012\u0006Secret'],
  ['JSON in clear', '{"kind":"Widget"}'],
  ['nothing', ''],
  ['less than the mark', 'k8s:enc'],
])('%s is in clear', (_, text) => {
  expect(storedFormOf(Buffer.from(text))).toEqual({ provider: 'identity', key: '' });
});

test.each([
  ['a provider that nobody knows', 'k8s:enc:rot13:v1:key:'],
  ['a version that nobody knows', 'k8s:enc:aescbc:v2:key:'],
  ['the mark alone', 'k8s:enc:'],
])('%s is unknown, and not taken for clear text', (_, prefix) => {
  expect(storedFormOf(value(prefix, Buffer.from('x'))).provider).toBe('unknown');
});

test('a name without an end, without letters or before a damaged object of KMS v2 is unknown', () => {
  expect(storedFormOf(Buffer.from('k8s:enc:aescbc:v1:key')).provider).toBe('unknown');
  expect(storedFormOf(Buffer.from('k8s:enc:aescbc:v1::x')).provider).toBe('unknown');
  expect(storedFormOf(value('k8s:enc:kms:v2:cm:', object.subarray(0, -3)))).toEqual({ provider: 'unknown', key: 'cm' });
  expect(storedFormOf(value('k8s:enc:kms:v2:cm:', message([[1, Buffer.from('sealed')]]))).provider).toBe('unknown');
});

test('a colon in the name of a key is understood when the key is known, and the longest name wins', () => {
  const stored = value('k8s:enc:aescbc:v1:a:b:');
  expect(storedFormOf(stored).key).toBe('a');
  expect(storedFormOf(stored, ['a', 'a:b']).key).toBe('a:b');
  expect(storedFormOf(stored, ['a', 'a:c']).key).toBe('a');
});

test('an object of KMS v2 is read with all that lies in clear', () => {
  expect(readEncryptedObject(object)).toEqual({
    keyId: 'id:1',
    encryptedData: Buffer.from('sealed'),
    encryptedSource: Buffer.from('seed'),
    annotations: new Map([['algorithm.example.com', Buffer.from('AES')]]),
    source: 'seed',
  });
});

test('no value whatsoever makes it throw', () => {
  const prefix = fc.constantFrom('', 'k8s:enc:', 'k8s:enc:kms:v2:', 'k8s:enc:kms:v2:n:', 'k8s:enc:aesgcm:v1:');
  fc.assert(
    fc.property(prefix, fc.uint8Array({ maxLength: 100 }), (start, rest) => {
      expect(storedFormOf(value(start, rest)).provider).toBeTypeOf('string');
    }),
    { numRuns: 2_000 },
  );
});
