// No apiserver may meet what it cannot open, whichever of two neighbouring configurations each of them runs with.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EncryptionConfig, KeyProvider, Provider, ResourceEntry } from '../config/encryption-config.ts';
import { patternsOf, transitionOf } from './transition.ts';

const identity: Provider = { type: 'identity' };
const key = (type: KeyProvider['type'], name: string): Provider => ({ type, keys: [{ name, secret: `material of ${name}` }] });
const config = (...resources: ResourceEntry[]): EncryptionConfig => ({ resources });
const secrets = (...providers: Provider[]): ResourceEntry => ({ resources: ['secrets'], providers });
const none = config();

const namesOf = (providers: readonly Provider[]) =>
  providers.flatMap((provider) =>
    provider.type === 'identity'
      ? ['identity']
      : provider.type === 'kms'
        ? [`kms ${provider.name}`]
        : provider.keys.map(({ name }) => name),
  );
const shown = ({ resources }: EncryptionConfig) =>
  Object.fromEntries(resources.map((entry) => [entry.resources.join(), namesOf(entry.providers).join()]));

test('enabling: everybody opens the key while all is still written in clear, then it seals', () => {
  const { read, write, final } = transitionOf(none, config(secrets(key('secretbox', 'k1'))));
  expect(shown(read)).toEqual({ secrets: 'identity,k1' });
  expect(shown(write)).toEqual({ secrets: 'k1,identity' });
  expect(shown(final)).toEqual({ secrets: 'k1' });
});

test('rotating: the new key is opened everywhere before it seals', () => {
  const { read, write } = transitionOf(config(secrets(key('aescbc', 'k1'), identity)), config(secrets(key('aescbc', 'k2'), identity)));
  expect(shown(read)).toEqual({ secrets: 'k1,identity,k2' });
  expect(shown(write)).toEqual({ secrets: 'k2,identity,k1' });
});

test('what a node writes in clear that comes back from before encryption is opened on the way, and no longer at the end', () => {
  const { read, write, final } = transitionOf(config(secrets(key('aescbc', 'k1'))), config(secrets(key('aescbc', 'k2'))));
  expect([read, write, final].map(shown)).toEqual([{ secrets: 'k1,k2,identity' }, { secrets: 'k2,k1,identity' }, { secrets: 'k2' }]);
});

test('disabling: clear text seals first, and the key opens until all is written anew', () => {
  const { read, write, final } = transitionOf(config(secrets(key('aescbc', 'k1'))), config(secrets(identity)));
  expect(shown(read)).toEqual({ secrets: 'k1,identity' });
  expect(shown(write)).toEqual({ secrets: 'identity,k1' });
  expect(shown(final)).toEqual({ secrets: 'identity' });
});

test('a resource that is added or taken away moves alone', () => {
  const both = { resources: ['secrets', 'configmaps'], providers: [key('aescbc', 'k1')] };
  const added = transitionOf(config(secrets(key('aescbc', 'k1'))), config(both));
  expect(shown(added.read)).toEqual({ secrets: 'k1,identity', configmaps: 'identity,k1' });
  expect(shown(added.write)).toEqual({ 'secrets,configmaps': 'k1,identity' });
  const taken = transitionOf(config(both), config(secrets(key('aescbc', 'k1'))));
  expect(shown(taken.write)).toEqual({ secrets: 'k1,identity', configmaps: 'identity,k1' });
  expect(patternsOf(config(both), config(secrets(key('aescbc', 'k1'))))).toEqual(['secrets', 'configmaps']);
});

test('what is named stands before the wildcard that would hide it', () => {
  const all = { resources: ['*.*'], providers: [key('aescbc', 'k2')] };
  const { read, write } = transitionOf(config(secrets(key('aescbc', 'k1'))), config(all));
  expect(read.resources.map(({ resources }) => resources)).toEqual([['secrets'], ['*.*']]);
  expect(shown(read)).toEqual({ secrets: 'k1,k2,identity', '*.*': 'identity,k2,k1' });
  expect(shown(write)).toEqual({ '*.*': 'k2,k1,identity' });
});

describe('for any two configurations', () => {
  const providers = fc
    .uniqueArray(fc.constantFrom('k1', 'k2', 'k3', 'k4', 'identity'), { minLength: 1, maxLength: 3 })
    .map((names) => names.map((name) => (name === 'identity' ? identity : key('aescbc', name))));
  const patterns = ['secrets', 'configmaps', 'widgets.example.com', '*.example.com', '*.', '*.*'];
  const configs = fc
    .uniqueArray(fc.constantFrom(...patterns), { maxLength: 3 })
    .chain((chosen) => fc.tuple(...chosen.map((pattern) => providers.map((list) => ({ resources: [pattern], providers: list })))))
    .map((entries) =>
      config(...entries.toSorted((a, b) => patterns.indexOf(a.resources[0] as string) - patterns.indexOf(b.resources[0] as string))),
    );
  const resources = [
    { plural: 'secrets', group: '' },
    { plural: 'configmaps', group: '' },
    { plural: 'widgets', group: 'example.com' },
    { plural: 'deployments', group: 'apps' },
  ];
  const fits = (pattern: string, { plural, group }: { plural: string; group: string }) =>
    pattern === '*.*' || pattern === `*.${group}` || pattern === (group === '' ? plural : `${plural}.${group}`);
  /** As kube-apiserver: the first entry that fits; in clear where none does. */
  const providersOf = ({ resources: entries }: EncryptionConfig, resource: { plural: string; group: string }) =>
    namesOf(entries.find((entry) => entry.resources.some((pattern) => fits(pattern, resource)))?.providers ?? [identity]);

  test('each of two neighbours opens what the other seals, and nothing that was sealed before is lost', () => {
    fc.assert(
      fc.property(configs, configs, (before, after) => {
        const { read, write, final } = transitionOf(before, after);
        for (const resource of resources) {
          const [old, reading, writing, end] = [before, read, write, final].map((one) => providersOf(one, resource)) as [
            string[],
            string[],
            string[],
            string[],
          ];
          expect(reading[0]).toBe(old[0]);
          expect(writing[0]).toBe(end[0]);
          // Sealed before by any key that could be opened, in clear where that could be read.
          for (const name of old) expect(reading.includes(name) && writing.includes(name)).toBe(true);
          expect(reading).toContain(writing[0]);
          expect(writing).toContain(reading[0]);
        }
      }),
    );
  });
});
