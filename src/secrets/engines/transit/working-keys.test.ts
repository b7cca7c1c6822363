// Derived keys: remembered for as long as their version is, and not without bound.

import { beforeEach, expect, it } from 'vitest';
import { systemRandom } from '../../../crypto/random.ts';
import { type Key, type StoredKey, usable, withNewVersion } from './key-record.ts';
import { newKey } from './key-settings.ts';
import type { KeyType } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';
import { createWorkingKeys } from './working-keys.ts';

const terms = { type: 'aes256-gcm96', derived: true, convergent: true, exportable: false, plaintextBackup: false, autoRotatePeriod: 0 };
const base64 = (text: string) => Buffer.from(text).toString('base64');

let stored: StoredKey;
let key: Key;

beforeEach(async () => {
  stored = await withNewVersion(newKey('k', terms), { type: knownTypes.get(terms.type) as KeyType, random: systemRandom, now: 0 });
  key = usable(stored);
});

it('a context has the same key again, and another has another', () => {
  const keys = createWorkingKeys();
  const one = keys.of(key, key.newest, base64('one'));
  expect(keys.of(key, key.newest, base64('one'))).toBe(one);
  const other = keys.of(key, key.newest, base64('two'));
  expect(other.key.equals(one.key)).toBe(false);
  expect(other.nonceKey?.equals(one.nonceKey as typeof one.key)).toBe(false);
  expect(one.nonceKey?.equals(one.key)).toBe(false);
});

it('a key that was read from the store again has nothing remembered, and derives the same', () => {
  const keys = createWorkingKeys();
  const one = keys.of(key, key.newest, base64('one'));
  const again = usable(stored);
  const anew = keys.of(again, again.newest, base64('one'));
  expect(anew).not.toBe(one);
  expect(anew.key.equals(one.key)).toBe(true);
});

it('at most 1,024 are remembered, and none after all were to be forgotten', () => {
  const keys = createWorkingKeys();
  const first = keys.of(key, key.newest, base64('0'));
  for (let count = 1; count < 1024; count++) keys.of(key, key.newest, base64(String(count)));
  expect(keys.of(key, key.newest, base64('0'))).toBe(first);
  const last = keys.of(key, key.newest, base64('1024'));
  expect(keys.of(key, key.newest, base64('1024'))).toBe(last);
  expect(keys.of(key, key.newest, base64('0'))).not.toBe(first);
  keys.forget();
  expect(keys.of(key, key.newest, base64('1024'))).not.toBe(last);
});

it('long contexts are derived each time', () => {
  const keys = createWorkingKeys();
  const long = base64('c'.repeat(300));
  expect(keys.of(key, key.newest, long)).not.toBe(keys.of(key, key.newest, long));
});

it('a key that is not derived works with its own, and no bytes are made for it', () => {
  const keys = createWorkingKeys();
  const plain = usable({ ...stored, derived: false, convergent: false });
  expect(keys.of(plain, plain.newest, base64('one'))).toBe(plain.newest);
});
