// What an operator wishes, as the configuration that stands at the end.

import { expect, test } from 'vitest';
import type { EncryptionConfig, KeyProvider, KmsProvider, Provider } from '../config/encryption-config.ts';
import { type NewKey, targetOf, type Wish } from './target.ts';

const identity: Provider = { type: 'identity' };
const kms: KmsProvider = { type: 'kms', apiVersion: 'v2', name: 'hsm', endpoint: 'unix:///run/kms.sock' };
const keyed = (type: KeyProvider['type'], name: string): KeyProvider => ({ type, keys: [{ name, secret: name }] });
const none: EncryptionConfig = { resources: [] };
const secretsUnder = (...providers: Provider[]): EncryptionConfig => ({ resources: [{ resources: ['secrets'], providers }] });
const wish = (kind: Wish['kind'], more: Partial<Wish> = {}): Wish => ({ kind, resources: ['secrets'], keepIdentity: false, ...more });

function counting(): NewKey {
  let count = 0;
  return (type) => ({ name: `${type}-${++count}`, secret: 'new' });
}

test('enabling seals with secretbox unless something else is named, and forgets clear text unless it is asked not to', () => {
  expect(targetOf(none, wish('enable'), counting())).toEqual({
    kind: 'enable',
    config: secretsUnder({ type: 'secretbox', keys: [{ name: 'secretbox-1', secret: 'new' }] }),
  });
  expect(targetOf(none, wish('enable', { writer: kms, keepIdentity: true }), counting()).config).toEqual(secretsUnder(kms, identity));
});

test('what is encrypted already is not enabled again, and what is not stands beside it', () => {
  const present = secretsUnder(keyed('aescbc', 'k1'));
  expect(() => targetOf(present, wish('enable'), counting())).toThrow(/secrets is encrypted at rest already.*rotate-key/);
  const { config } = targetOf(present, wish('enable', { resources: ['configmaps'], writer: 'aesgcm' }), counting());
  expect(config.resources.map(({ resources }) => resources)).toEqual([['configmaps'], ['secrets']]);
  const wide = targetOf(present, wish('enable', { resources: ['*.*'] }), counting()).config;
  expect(wide.resources.map(({ resources }) => resources)).toEqual([['secrets'], ['*.*']]);
});

test('an entry that seals nothing gives way', () => {
  const { config } = targetOf(secretsUnder(identity, kms), wish('enable', { writer: kms }), counting());
  expect(config).toEqual(secretsUnder(kms));
});

test('rotating makes a new key of the same kind, and keeps clear text readable where it was', () => {
  const { kind, config } = targetOf(secretsUnder(keyed('aescbc', 'k2'), keyed('aescbc', 'k1'), identity), wish('rotate-key'), counting());
  expect(kind).toBe('rotate-key');
  expect(config).toEqual(secretsUnder({ type: 'aescbc', keys: [{ name: 'aescbc-1', secret: 'new' }] }, identity));
});

test('behind a KMS the configuration stays, unless another provider is named', () => {
  expect(targetOf(secretsUnder(kms), wish('rotate-key'), counting())).toEqual({ kind: 'key-encryption-key', config: secretsUnder(kms) });
  expect(targetOf(secretsUnder(kms), wish('rotate-key', { writer: 'secretbox' }), counting()).kind).toBe('rotate-key');
});

test('disabling writes all in clear, and where nothing is encrypted it says so', () => {
  expect(targetOf(secretsUnder(kms, identity), wish('disable'), counting())).toEqual({ kind: 'disable', config: secretsUnder(identity) });
  for (const kind of ['disable', 'rotate-key'] as const)
    for (const present of [none, secretsUnder(identity, kms)])
      expect(() => targetOf(present, wish(kind), counting())).toThrow('nothing is encrypted at rest here');
});

test("an operator's own configuration is taken as it stands", () => {
  expect(targetOf(none, wish('enable', { custom: secretsUnder(kms, identity) }), counting()).config).toEqual(secretsUnder(kms, identity));
});
