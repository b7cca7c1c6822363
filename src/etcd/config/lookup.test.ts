// What seals a resource, which keys a configuration has, and how an entry gains and loses them.

import { expect, test } from 'vitest';
import type { EncryptionConfig, KeyProvider, Provider, ResourceEntry } from './encryption-config.ts';
import { entryFor, keysOf, opens, providerTypeOf, without, withReader, withWriter, writerOf } from './lookup.ts';
import { commentsOf, renderEncryptionConfig } from './render.ts';

const identity: Provider = { type: 'identity' };
const keys = (...names: readonly string[]): KeyProvider => ({ type: 'aescbc', keys: names.map((name) => ({ name, secret: `${name}==` })) });
const vault: Provider = { type: 'kms', apiVersion: 'v2', name: 'vault', endpoint: 'unix:///run/kms.sock' };

const entry = (providers: readonly Provider[], ...resources: readonly string[]): ResourceEntry => ({ resources, providers });

test('the narrowest name of a resource counts, whatever the order', () => {
  const all = entry([identity], '*.*');
  const core = entry([keys('core')], '*.');
  const apps = entry([keys('apps')], '*.apps');
  const secrets = entry([vault], 'secrets', 'widgets.example.com');
  const config = { resources: [secrets, core, apps, all] };
  expect(entryFor(config, { group: '', plural: 'secrets' })).toBe(secrets);
  expect(entryFor(config, { group: 'example.com', plural: 'widgets' })).toBe(secrets);
  expect(entryFor(config, { group: '', plural: 'pods' })).toBe(core);
  expect(entryFor(config, { group: 'apps', plural: 'deployments' })).toBe(apps);
  expect(entryFor(config, { group: 'batch', plural: 'jobs' })).toBe(all);
  expect(entryFor({ resources: [secrets] }, { group: 'batch', plural: 'secrets' })).toBeUndefined();
});

test('a resource that two entries name has the providers of both, and the first seals', () => {
  const config = { resources: [entry([keys('k1')], 'secrets', 'pods'), entry([identity], 'secrets.')] };
  expect(entryFor(config, { group: '', plural: 'secrets' })?.providers).toEqual([keys('k1'), identity]);
});

test('the writer is the first key of the first provider', () => {
  expect(writerOf(entry([keys('k2', 'k1'), identity]))).toEqual({ type: 'aescbc', name: 'k2' });
  expect(writerOf(entry([vault]))).toEqual({ type: 'kms-v2', name: 'vault' });
  expect(writerOf(entry([identity, vault]))).toEqual({ type: 'identity', name: undefined });
  expect(providerTypeOf({ ...vault, apiVersion: 'v1' })).toBe('kms-v1');
});

test('each key is told once', () => {
  const config: EncryptionConfig = { resources: [entry([keys('k1'), identity], 'secrets'), entry([keys('k1', 'k2'), vault], 'pods')] };
  expect(keysOf(config)).toEqual([
    { type: 'aescbc', name: 'k1', secret: 'k1==' },
    { type: 'aescbc', name: 'k2', secret: 'k2==' },
    { type: 'kms-v2', name: 'vault', endpoint: 'unix:///run/kms.sock' },
  ]);
});

test('a rotation: a key opens everywhere, then seals, then the old one goes', () => {
  const before = entry([keys('k1'), identity], 'secrets');
  const reading = withReader(before, keys('k2'));
  expect(reading.providers).toEqual([keys('k1'), keys('k2'), identity]);
  const writing = withWriter(reading, keys('k2'));
  expect(writing.providers).toEqual([keys('k2'), keys('k1'), identity]);
  const after = without(writing, { type: 'aescbc', name: 'k1' });
  expect(after.providers).toEqual([keys('k2'), identity]);
  expect(opens(after, { type: 'aescbc', name: 'k1' })).toBe(false);
});

test('done twice is the same as done once', () => {
  const before = entry([keys('k1'), identity], 'secrets');
  const reading = withReader(before, vault);
  expect(withReader(reading, vault)).toBe(reading);
  const writing = withWriter(reading, vault);
  expect(withWriter(writing, vault)).toEqual(writing);
  expect(without(before, { type: 'aescbc', name: 'k9' })).toBe(before);
});

test('encryption is turned on and off: identity opens first, seals last, and goes', () => {
  const on = withReader(entry([identity], 'secrets'), keys('k1'));
  expect(on.providers).toEqual([identity, keys('k1')]);
  expect(withWriter(on, keys('k1')).providers).toEqual([keys('k1'), identity]);
  expect(withWriter(entry([keys('k1'), identity], 'secrets'), identity).providers).toEqual([identity, keys('k1')]);
  expect(without(on, { type: 'identity', name: undefined }).providers).toEqual([keys('k1')]);
});

test('a key inside a provider of a user is moved to the front, and the rest of the provider stays', () => {
  const before = entry([keys('k1', 'k2', 'k3')], 'secrets');
  expect(withWriter(before, keys('k2')).providers).toEqual([keys('k2'), keys('k1', 'k3')]);
  expect(without(before, { type: 'aescbc', name: 'k2' }).providers).toEqual([keys('k1', 'k3')]);
});

test('comments stand on top, one line each, and come back', () => {
  const config = { resources: [entry([keys('yes'), { ...vault, timeout: '3s' }, identity], '*.*', 'secrets')] };
  const text = renderEncryptionConfig(config, { comments: ['epoch: 7', 'two\nlines\u2028here'] });
  expect(commentsOf(text)).toEqual(['epoch: 7', 'two lines here']);
  expect(text).toBe(`# epoch: 7
# two lines here
apiVersion: "apiserver.config.k8s.io/v1"
kind: "EncryptionConfiguration"
resources:
  - resources:
      - "*.*"
      - "secrets"
    providers:
      - aescbc:
          keys:
            - name: "yes"
              secret: "yes=="
      - kms:
          apiVersion: "v2"
          name: "vault"
          endpoint: "unix:///run/kms.sock"
          timeout: "3s"
      - identity: {}
`);
});
