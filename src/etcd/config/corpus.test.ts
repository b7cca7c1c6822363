// The corpus of configurations, each of which a real kube-apiserver has judged: the validator has to say the same.

import { expect, test } from 'vitest';
import { encryptionConfigCases } from '../../../test/vectors/encryption-config/corpus.ts';
import type { Fault } from '../../base/fault.ts';
import { acceptEncryptionConfig } from './accept.ts';
import { readEncryptionConfig } from './read-config.ts';
import { renderEncryptionConfig } from './render.ts';

const cases = encryptionConfigCases();

test('the corpus is whole', () => {
  expect(cases.filter(({ valid }) => valid)).toHaveLength(84);
  expect(cases.filter(({ valid }) => !valid)).toHaveLength(151);
});

test.each(cases)('$name is judged as kube-apiserver judges it', ({ name, text, valid, ...flags }) => {
  const judge = () => acceptEncryptionConfig(text, { ...flags, path: name });
  if (valid) expect(judge).not.toThrow();
  else expect(judge).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining(name) }));
});

test('no key of the corpus stands in any message', () => {
  for (const { name, text, ...flags } of cases) {
    let said: string;
    try {
      said = acceptEncryptionConfig(text, { ...flags, path: 'file' }).warnings.join('\n');
    } catch (thrown) {
      said = (thrown as Fault).message;
    }
    for (const [, secret] of text.matchAll(/"?secret"?: *["']?([A-Za-z0-9+/=_-]{8,})/g)) expect(said, name).not.toContain(secret);
  }
});

test.each(cases.filter(({ valid }) => valid))('$name comes back from what is written of it', ({ name, text }) => {
  const { config } = readEncryptionConfig(text, { path: name });
  const written = renderEncryptionConfig(config, { comments: ['epoch 7'] });
  expect(readEncryptionConfig(written, { path: name }).config).toEqual(config);
  expect(renderEncryptionConfig(config, { comments: ['epoch 7'] })).toBe(written);
});
