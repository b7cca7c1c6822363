// The configuration for an old snapshot: the keys of the archive open, and seal nothing.

import { expect, test } from 'vitest';
import type { EncryptionConfig } from '../config/encryption-config.ts';
import type { NamedKey } from './known-keys.ts';
import { restoreConfig } from './restore-config.ts';

const key = (name: string): NamedKey => ({ type: 'aescbc', name, secret: `secret of ${name}` });
const provider = (name: string) => ({ type: 'aescbc', keys: [{ name, secret: `secret of ${name}` }] }) as const;
const need = (name: string, ...resources: string[]) => ({ type: 'aescbc', name, resources }) as const;
const today: EncryptionConfig = {
  resources: [
    { resources: ['secrets', 'configmaps'], providers: [provider('new')] },
    { resources: ['*.apps'], providers: [provider('apps')] },
  ],
};

test('a key of the archive comes last in the entries whose objects need it, and nowhere else', () => {
  const { resources } = restoreConfig(today, [need('old', 'secrets')], [key('old'), key('older')]);
  expect(resources).toEqual([{ resources: ['secrets', 'configmaps'], providers: [provider('new'), provider('old')] }, today.resources[1]]);
});

test('a key that several resources need is added once to each entry, also to that of a wildcard', () => {
  const { resources } = restoreConfig(today, [need('old', 'secrets', 'configmaps', 'deployments.apps')], [key('old')]);
  expect(resources.map(({ providers }) => providers)).toEqual([
    [provider('new'), provider('old')],
    [provider('apps'), provider('old')],
  ]);
});

test('what is stored in clear today is read with the key, and goes on being written in clear', () => {
  const identity = { type: 'identity' };
  expect(restoreConfig(undefined, [need('old', 'secrets')], [key('old')]).resources).toEqual([
    { resources: ['secrets'], providers: [identity, provider('old')] },
  ]);
  expect(restoreConfig(today, [need('old', 'widgets.example.com')], [key('old')]).resources).toEqual([
    { resources: ['widgets.example.com'], providers: [identity, provider('old')] },
    ...today.resources,
  ]);
});

test('without a need nothing is added', () => {
  expect(restoreConfig(today, [], [key('old')])).toEqual(today);
});
