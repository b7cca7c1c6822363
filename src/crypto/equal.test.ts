// Comparison of secrets.

import { expect, it } from 'vitest';
import { equalSecrets } from './equal.ts';

it.each([
  ['', '', true],
  ['abc', 'abc', true],
  ['abc', 'abd', false],
  ['abc', 'ab', false],
  ['', 'a', false],
  ['abc', 'abc\0', false],
  ['é', 'e\u0301', false],
  ['a'.repeat(100_000), 'a'.repeat(100_000), true],
  ['a'.repeat(100_000), `${'a'.repeat(99_999)}b`, false],
])('secrets are equal only when every character is', (one, other, equal) => {
  expect(equalSecrets(one, other)).toBe(equal);
  expect(equalSecrets(other, one)).toBe(equal);
  expect(equalSecrets(Buffer.from(one), Buffer.from(other))).toBe(equal);
  expect(equalSecrets(one, Buffer.from(other))).toBe(equal);
});
