// What is said at the end of a change: of a key that nobody has rotated no more than is true.

import { expect, test } from 'vitest';
import type { EncryptionChange } from '../../etcd/manager/change.ts';
import type { KmsKeyFound } from '../../etcd/manager/change-context.ts';
import { showEnd } from './end.ts';

const change: EncryptionChange = {
  version: 1,
  id: 'abc',
  epoch: 2,
  kind: 'key-encryption-key',
  patterns: ['secrets'],
  configs: { read: '', write: '', final: '' },
  newKeys: [],
  removeConfiguration: false,
  byRestart: false,
  nodes: {},
  evicted: [],
};

function shownFor(kmsKeys: readonly KmsKeyFound[], kind = change.kind) {
  let told = { value: {} as unknown, text: '' };
  const shown = {
    report: () => undefined,
    note: () => undefined,
    result: (value: unknown, people: () => string) => {
      told = { value, text: people() };
    },
  };
  showEnd(shown, { change: { ...change, kind }, archivePath: '/state/archive.ring', steps: [], kmsKeys });
  return told;
}

test('a key id that is the same as before is named, with how to rotate it', () => {
  const { text, value } = shownFor([{ provider: 'vault', sameAsBefore: true, keyId: 'k7' }]);
  expect(text).toContain('no key was rotated. The KMS plugin of vault names the same key as before (k7)');
  expect(text).toContain('casemate keyring add');
  expect(value).toMatchObject({ kms_keys: [{ provider: 'vault', same_as_before: true, key_id: 'k7' }] });
});

test('a key that was rotated needs no note, and other changes say nothing of keys of a KMS', () => {
  expect(shownFor([{ provider: 'vault', sameAsBefore: false }]).text).not.toContain('Note');
  expect(shownFor([], 'enable').value).not.toHaveProperty('kms_keys');
});
